"""docs/when-it-goes-wrong.md has every message of a harvest, and no message that nothing says any more."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.errors import connections as connection_errors
from harvester.networks.x.errors import _WORDS, ApiCode

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "when-it-goes-wrong.md").read_text(encoding="utf-8")
_ERRORS = {
    "HarvesterError",
    "StoreAway",
    "Conflict",
    "LockLost",
    "Garbled",
    "Unfit",
    "gap",
    "warning",
    "error",
}
# Of these a person in a harvest may hear; all others belong to commands of their own.
_SPEAKERS = (
    *("settings.py", "collection/description.py", "harvest/*.py", "monitoring/status_server.py"),
    *("networks/**/*.py", "store/disk.py", "store/folder.py"),
    *("store/s3.py", "store/conditions.py", "store/refusals.py", "store/slow.py"),
)
# What only a command does, which says so itself.
_OF_A_COMMAND = {"imports"}
# Said to who writes a program, not to who runs one.
_INTERNAL = {": its folder keeps disappearing.", "was removed from"}


def _messages() -> Iterator[tuple[str, str]]:
    """Where a message is made, and the longest part of it that never changes."""
    for pattern in _SPEAKERS:
        for path in sorted((_ROOT / "harvester").glob(pattern)):
            if path.parent.name in _OF_A_COMMAND:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and _name(node.func) in _ERRORS and node.args):
                    continue
                if fixed := _fixed(node.args[0]):
                    yield path.name, fixed


def test_every_speaker_is_there() -> None:
    assert [name for name in _SPEAKERS if not list((_ROOT / "harvester").glob(name))] == []


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _fixed(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return max(node.value.split("%s"), key=len).strip()
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
        return max(parts, key=len, default="").strip()
    if isinstance(node, ast.BinOp):
        return max(_fixed(node.left), _fixed(node.right), key=len)
    return ""


def _told() -> set[str]:
    """What the page quotes in the first lines of its lists and in the first column of its tables."""
    heads = re.findall(r"^- (.*(?:\n  .*)*?)\\$", _PAGE, re.MULTILINE)
    cells = [line.split(" | ")[0] for line in _PAGE.splitlines() if line.startswith("| ")]
    return {quoted for place in (*heads, *cells) for quoted in re.findall(r"`([^`]+)`", place)}


def test_each_message_of_a_harvest_is_on_the_page() -> None:
    quotations = _told()
    missing = [
        f"{where} says {message!r}"
        for where, message in sorted(set(_messages()))
        if message not in _INTERNAL
        and not any(quoted in message or message in quoted for quoted in quotations)
    ]
    assert missing == []


@pytest.mark.parametrize("outcome", [outcome for outcome in ApiCode if outcome is not ApiCode.OK])
def test_each_outcome_of_the_network_is_on_the_page(outcome: ApiCode) -> None:
    assert _WORDS[outcome][0] in _told()


def test_the_page_quotes_nothing_that_nobody_says() -> None:
    """A quotation is somewhere in the code, as it is or put together of literals that stand side by side."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (_ROOT / "harvester").rglob("*.py"))
    joined = re.sub(r'"\s*\n?\s*f?"', "", source)
    assert [quoted for quoted in _told() if quoted not in joined] == []


def test_the_page_has_every_cause_of_a_failed_connection() -> None:
    tables = [
        vars(connection_errors)[name].values() for name in ("_CERTIFICATES", "_TLS", "_LOOKUPS", "_ERRORS")
    ]
    said = {cause.said.partition(",")[0] for table in tables for cause in table}
    assert [each for each in sorted(said) if each not in _PAGE] == []
