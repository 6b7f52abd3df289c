"""Bytes become an object, or an error that says what is wrong and with what."""

from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.documents import checked, object_in, opened, unambiguous, value_in, written
from harvester.errors import Exit, HarvesterError
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is not JSON: "),
        (b'{"owner": ', "it is not JSON: "),
        (b'{"owner": "\xff"}', "it is not JSON: "),
        (b"[" * 5000, "it is not JSON: "),
        (b"null", "it is not a JSON object."),
        (b'["owner"]', "it is not a JSON object."),
        (b'{"owner": "me"}', "it has no state, time."),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(data: bytes, problem: str) -> None:
    with pytest.raises(HarvesterError) as raised:
        checked(data, "it", "owner", "state", "time", hint="Mend it.", exit_code=Exit.USAGE)
    assert raised.value.message.startswith(problem)
    assert (raised.value.hint, raised.value.exit_code) == ("Mend it.", Exit.USAGE)
    assert object_in(data) == ({"owner": "me"} if "has no" in problem else {})


def test_a_document_that_is_written_is_read() -> None:
    tree = {"owner": None, "query": "mus\u00e9e"}
    assert checked(written(tree), "it", "owner") == object_in(written(tree).decode()) == tree
    assert written(tree).endswith(b"}\n")


class _Writer:
    """Writes JSON in any layout, with some keys twice, and knows on which lines."""

    def __init__(self, seed: int, *, repeats: bool) -> None:
        self._draw, self._repeats = Random(seed), repeats
        self._lines = 1
        self.twice: dict[str, list[int]] = {}

    def text(self, value: Any, path: tuple[str, ...] = ()) -> str:
        return "".join(self._written(value, path))

    def _written(self, value: Any, path: tuple[str, ...]) -> Iterator[str]:
        if isinstance(value, list):
            yield from self._listed("[", value, "]", path)
        elif isinstance(value, dict):
            yield from self._listed("{", self._members(value), "}", path)
        else:
            yield self._string(value) if isinstance(value, str) else orjson.dumps(value).decode()

    def _members(self, value: dict[str, Any]) -> list[tuple[str, Any]]:
        members = list(value.items())
        if self._repeats:
            # The last counts for who reads it, so that others stand before it.
            again = [
                (key, self._draw.choice(["", {"a": 1}, None])) for key in value if self._draw.random() < 0.1
            ]
            members = [*again, *members]
        return members

    def _listed(self, start: str, parts: list[Any], end: str, path: tuple[str, ...]) -> Iterator[str]:
        lines: dict[str, list[int]] = {}
        yield start + self._blank()
        for number, part in enumerate(parts):
            yield ("," if number else "") + self._blank()
            if start == "{":
                key, value = part
                lines.setdefault(key, []).append(self._lines)
                yield f"{self._string(key)}{self._blank()}:{self._blank()}"
                yield from self._written(value, (*path, key))
            else:
                yield from self._written(part, path)
        yield self._blank() + end
        self.twice |= {".".join([*path, key]): on for key, on in lines.items() if len(on) > 1}

    def _blank(self) -> str:
        blank = self._draw.choice(["", "", " ", "\n", "\r\n\t"])
        self._lines += blank.count("\n")
        return blank

    def _string(self, text: str) -> str:
        """Each character as itself or as an escape."""
        inner = "".join(
            f"\\u{ord(each):04x}"
            if ord(each) < 0x10000 and self._draw.random() < 0.2
            else orjson.dumps(each).decode()[1:-1]
            for each in text
        )
        return f'"{inner}"'


# Quotes, backslashes, colons and brackets, which also hold a document together.
_TEXTS = st.text('a"\\:{}[],\n\u00e9\U0001f600', max_size=6)
_KEYS = st.text('ab"\\:{', min_size=1, max_size=3)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(500))
@given(st.dictionaries(_KEYS | st.just("users"), _VALUES, max_size=6), st.integers(0, 1 << 32), st.booleans())
def test_a_document_is_read_only_if_no_key_is_given_twice(tree: Any, seed: int, repeats: bool) -> None:
    writer = _Writer(seed, repeats=repeats)
    text = writer.text(tree)
    if not writer.twice:
        assert unambiguous(text, "it") == unambiguous(text.encode(), "it") == tree
        assert opened(unambiguous(text, "it", compact=True)) == tree
        return
    with pytest.raises(HarvesterError) as raised:
        unambiguous(text, "it", hint="Mend it.", exit_code=Exit.USAGE)
    told = raised.value
    with pytest.raises(HarvesterError) as compact:
        unambiguous(text, "it", compact=True)
    assert compact.value.problems == told.problems
    assert (told.message, told.hint) == ("it is ambiguous.", "Keep one of each. Mend it.")
    assert len(told.problems) >= len(writer.twice)
    for key, lines in writer.twice.items():
        assert any(
            problem.startswith(f"{key} is given ") and problem.endswith(f"{lines[-1]}.")
            for problem in told.problems
        ), (key, told.problems)


def test_what_is_nested_more_deeply_than_can_be_written_is_looked_at_too() -> None:
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    assert unambiguous(deep, "it").keys() == {"a"}
    with pytest.raises(HarvesterError, match=r"^it is ambiguous\. b is given twice, on line 1\. Keep one"):
        unambiguous(b'{"b": 1, "b": ' + deep + b"}", "it")


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
        ),
    )
)
def test_a_large_document_is_read_as_a_small_one(value: Any) -> None:
    small = orjson.dumps({"value": value})

    assert value_in(small + b" " * (1 << 20)) == value_in(small)


@pytest.mark.parametrize("data", [b'{"a": 1', b'{"a": "\xff"}', b"[" * 5000, b'{"a": NaN}', b"{} {}"])
def test_what_is_wrong_with_a_large_document_is_said_as_of_a_small_one(data: bytes) -> None:
    blanks = b" " * (1 << 20)
    with pytest.raises(orjson.JSONDecodeError) as small:
        orjson.loads(blanks + data)
    with pytest.raises(orjson.JSONDecodeError) as large:
        value_in(blanks + data)

    assert str(large.value) == str(small.value)
