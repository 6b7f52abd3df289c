"""Keys are found where twarc keeps them, the environment first, and never shown."""

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Exit, HarvesterError
from harvester.networks.x.keys import NAMES, Keys, keys_from, keys_of

_SECRET = "s3cr3t"
_TWARC_1 = f"""[first]
consumer_key = ck1
consumer_secret = {_SECRET}%1
access_token = at1
access_token_secret = as1

[second]
consumer_key = ck2
consumer_secret = {_SECRET}2
access_token = at2
access_token_secret = as2
"""
_TWARC_2 = f"""consumer_key = 'ck'
consumer_secret = "{_SECRET}'quoted"
bearer_token = 'AAA%2Bb='
"""


def _home(tmp_path: Path, text: str, *, name: str = ".twarc") -> dict[str, str]:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {"HOME": str(tmp_path)}


def test_the_environment_goes_before_a_profile(tmp_path: Path) -> None:
    environ = _home(tmp_path, _TWARC_1) | {"BEARER_TOKEN": "b"}

    assert keys_from(environ) == Keys(bearer_token="b")


def test_half_a_pair_in_the_environment_is_passed_over(tmp_path: Path) -> None:
    environ = _home(tmp_path, _TWARC_1) | {"CONSUMER_KEY": "only"}

    assert keys_from(environ).consumer_key == "ck1"


def test_a_profile_is_chosen_by_name_or_is_the_first(tmp_path: Path) -> None:
    environ = _home(tmp_path, _TWARC_1)

    assert keys_from(environ) == Keys("ck1", f"{_SECRET}%1", "at1", "as1")
    assert keys_from(environ, profile="second").access_token == "at2"


def test_the_profile_key_names_the_usual_one(tmp_path: Path) -> None:
    assert keys_from(_home(tmp_path, f"profile = second\n{_TWARC_1}")).consumer_key == "ck2"


def test_main_is_the_usual_profile_wherever_it_stands(tmp_path: Path) -> None:
    text = _TWARC_1.replace("[second]", "[main]")

    assert keys_from(_home(tmp_path, text)).consumer_key == "ck2"


@pytest.mark.parametrize("name", [".twarc", ".config/twarc/config"])
def test_keys_without_a_section_are_read_as_twarc2_writes_them(tmp_path: Path, name: str) -> None:
    keys = keys_from(_home(tmp_path, _TWARC_2, name=name))

    assert keys == Keys("ck", f"{_SECRET}'quoted", bearer_token="AAA%2Bb=")


def test_twarcs_own_writer_is_understood(tmp_path: Path) -> None:
    from configobj import ConfigObj  # type: ignore[import-untyped]

    written = ConfigObj(unrepr=True)
    written.filename = str(tmp_path / ".twarc")
    written["consumer_key"], written["consumer_secret"] = "a'b", 'c"d'
    written.write()

    assert keys_from({"HOME": str(tmp_path)}) == Keys("a'b", 'c"d')


def test_no_keys_at_all_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError) as caught:
        keys_from({"HOME": str(tmp_path), "CONSUMER_KEY": _SECRET})

    assert caught.value.exit_code == Exit.UNAUTHORIZED
    assert "BEARER_TOKEN" in caught.value.hint
    assert "consumer_key" in str(caught.value) and _SECRET not in str(caught.value)


def test_an_unknown_profile_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match="no profile third.*first, second"):
        keys_from(_home(tmp_path, _TWARC_1), profile="third")


def test_a_broken_file_is_told_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError) as caught:
        keys_from(_home(tmp_path, f"[main]\n{_SECRET}\n"))

    assert "cannot be read" in str(caught.value) and _SECRET not in str(caught.value)


def test_no_repr_shows_a_secret() -> None:
    keys = keys_of(
        dict.fromkeys(("consumer_key", "consumer_secret", "bearer_token"), _SECRET), where="a test"
    )

    assert _SECRET not in f"{keys!r}{keys}{[keys]}{keys.usable}"
    assert repr(keys) == "Keys(consumer_key, consumer_secret, bearer_token)"


def test_a_bearer_token_goes_before_a_users_keys() -> None:
    assert Keys("a", "b", "c", "d").of_a_user
    assert [Keys("a", "b", token, "d").account for token in ("12-c", "12c", "x-c")] == ["12", "", ""]
    assert not Keys("a", "b", "12-c", "d", "e").account
    assert not Keys("a", "b", "c", "d", "e").of_a_user
    assert not Keys("a", "b").of_a_user


_PIECE = st.text(string.ascii_letters + string.digits, min_size=8, max_size=40)
_NEVER_IN_A_HEADER = st.characters(exclude_characters=[chr(code) for code in range(33, 127)])


@given(st.sampled_from(NAMES), _PIECE, _NEVER_IN_A_HEADER, _PIECE)
def test_a_key_with_what_no_header_can_carry_is_refused_and_not_shown(
    name: str, first: str, odd: str, second: str
) -> None:
    with pytest.raises(HarvesterError) as caught:
        keys_of({name: f"{first}{odd}{second}"}, where="the environment")

    shown = str(caught.value)
    assert caught.value.exit_code == Exit.UNAUTHORIZED
    assert f"{name} has" in shown and f"at character {len(first) + 1}." in shown
    assert first not in shown and second not in shown
    assert shown.isprintable()


@given(st.sampled_from(NAMES), st.text(max_size=40))
def test_whatever_is_taken_as_a_key_can_be_sent(name: str, value: str) -> None:
    try:
        keys = keys_of({name: value}, where="a test")
    except HarvesterError:
        return

    assert getattr(keys, name) == value.strip()
    assert all("!" <= character <= "~" for character in getattr(keys, name))


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("AAAA\u2026BBB", "U+2026 (HORIZONTAL ELLIPSIS) at character 5"),
        ("tok\u200b", "U+200B (ZERO WIDTH SPACE) at character 4"),
        ("to\nk", "a line end at character 3"),
        ('"tok"', 'the character " at character 1'),
        ("Bearer tok", "a space at character 7"),
    ],
)
def test_a_pasted_bearer_token_is_told_by_what_is_wrong_with_it(pasted: str, told: str) -> None:
    with pytest.raises(HarvesterError) as caught:
        keys_from({"BEARER_TOKEN": pasted}, files=())

    assert f"in the environment are invalid: bearer_token has {told}." in str(caught.value)


def test_a_key_that_is_unusable_is_told_with_the_profile_that_holds_it(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match=r"profile main of .*\.twarc are invalid"):
        keys_from(_home(tmp_path, "[main]\nbearer_token = a b\n"))


def test_line_ends_and_blanks_around_a_key_are_taken_off() -> None:
    assert keys_from({"BEARER_TOKEN": " AAAA%2FBBB%3D\u00a0\n"}, files=()).bearer_token == "AAAA%2FBBB%3D"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [_TWARC_1, _TWARC_2])
def test_profiles_are_read_as_editors_save_them(text: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / ".twarc").write_bytes(text.encode(encoding))
    assert keys_from({"HOME": str(tmp_path)}).usable


def test_a_file_in_another_encoding_is_told_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / ".twarc").write_bytes("[müsëum]\n".encode("latin-1"))
    with pytest.raises(HarvesterError, match="save it as UTF-8"):
        keys_from({"HOME": str(tmp_path)})


def test_a_user_without_a_name_and_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(HarvesterError, match="no home folder.* Set HOME; or BEARER_TOKEN") as error:
        keys_from({})
    assert error.value.exit_code is Exit.UNAUTHORIZED
    assert keys_from({"BEARER_TOKEN": _SECRET}).usable
