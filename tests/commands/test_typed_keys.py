"""Keys are asked for at a terminal where there are none, shown nowhere, and found by twarc2 and harvests."""

import errno
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harvester.commands.config.typed_keys import save
from harvester.errors import Exit, HarvesterError
from harvester.networks.x.keys import Keys, keys_from

_DOOR = Path(__file__).resolve().parents[2] / "twarc_cloud.py"
_WITHIN = 60.0


def _typed(folder: Path, answers: list[tuple[str, str]], *arguments: str) -> tuple[int, str]:
    """The exit code and the screen of `collection-config keys`, where each question gets its answer."""
    (folder / "collection.json").write_text('{"id": "a", "type": "search", "search": {"query": "q"}}')
    here, there = pty.openpty()
    command = [sys.executable, str(_DOOR), "collection-config", "keys", *arguments]
    environment = {**os.environ, "HOME": str(folder)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=there, stdout=there, stderr=there)
    os.close(there)
    screen, left, deadline = "", list(answers), time.monotonic() + _WITHIN
    try:
        while time.monotonic() < deadline:
            if not select.select([here], [], [], 0.1)[0]:
                continue
            try:
                screen += os.read(here, 65536).decode()
            except OSError as error:
                # So a terminal says that nothing writes to it any more.
                assert error.errno == errno.EIO
                break
            if left and screen.rstrip().endswith(f"{left[0][0]}:"):
                os.write(here, f"{left.pop(0)[1]}\n".encode())
        return process.wait(max(0.1, deadline - time.monotonic())), screen
    finally:
        process.kill()
        process.wait()
        os.close(here)


def test_a_bearer_token_is_asked_for_and_found_by_twarc2_and_harvests(tmp_path: Path) -> None:
    question = "Bearer token (empty if you have a consumer key and secret)"
    code, screen = _typed(tmp_path, [(question, "AAAA%2Fs3cret")])
    assert code == Exit.OK, screen
    assert "s3cret" not in screen
    assert "Added keys to collection.json." in screen
    path = tmp_path / ".twarc"
    assert path.stat().st_mode & 0o077 == 0
    assert keys_from({"HOME": str(tmp_path)}) == Keys(bearer_token="AAAA%2Fs3cret")
    assert "s3cret" not in (tmp_path / "collection.json").read_text()
    from configobj import ConfigObj  # type: ignore[import-untyped]

    assert ConfigObj(str(path), unrepr=True)["bearer_token"] == "AAAA%2Fs3cret"


def test_a_pair_becomes_a_profile_where_one_is_named(tmp_path: Path) -> None:
    answers = [("consumer key and secret)", ""), ("Consumer key", "ck"), ("Consumer secret", "s3cret'\"")]
    answers += [("Access token (empty for the app's own access)", "")]
    code, screen = _typed(tmp_path, answers, "--profile", "museum")
    assert code == Exit.OK, screen
    keys = keys_from({"HOME": str(tmp_path)}, profile="museum")
    assert keys == Keys(consumer_key="ck", consumer_secret="s3cret'\"")


def test_what_cannot_be_keys_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    code, screen = _typed(tmp_path, [("consumer key and secret)", "AAAA…")])
    assert (code, (tmp_path / ".twarc").exists()) == (Exit.UNAUTHORIZED, False)
    assert "what was typed" in screen
    answers = [("consumer key and secret)", ""), ("Consumer key", ""), ("Consumer secret", "")]
    code, screen = _typed(tmp_path, answers)
    assert (code, (tmp_path / ".twarc").exists()) == (Exit.UNAUTHORIZED, False)


def test_keys_beside_others_leave_those_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save("museum", Keys(bearer_token="one"))
    save("archive", Keys(consumer_key="a'b", consumer_secret='c"d'))
    save("", Keys(bearer_token="loose"))
    assert keys_from({"HOME": str(tmp_path)}, profile="museum") == Keys(bearer_token="one")
    found = keys_from({"HOME": str(tmp_path)}, profile="archive")
    assert found == Keys(consumer_key="a'b", consumer_secret='c"d')
    assert keys_from({"HOME": str(tmp_path)}) == Keys(bearer_token="loose")
    with pytest.raises(HarvesterError, match="cannot be used for a new profile"):
        save("museum", Keys(bearer_token="two"))
