"""An error of a command says what to do next, and not only what is wrong."""

import ast
from collections.abc import Iterator
from pathlib import Path

_HARVESTER = Path(__file__).resolve().parents[2] / "harvester"
_FOLDERS = ("commands", "compute")
_ERRORS = {"HarvesterError", "NotFound", "Conflict"}
# What ends because the person said so needs no advice.
_COMPLETE = {"Cancelled; nothing was changed."}
# It ends with what to do.
_WITH_ADVICE = "{NOT_TEXT}"


def _without_advice(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in _ERRORS:
                continue
            # A message that is not written here is another's, and has its advice from there.
            written = isinstance(node.args[0], ast.Constant | ast.JoinedStr)
            hint = len(node.args) > 2 or any(each.arg == "hint" for each in node.keywords)
            text = ast.unparse(node.args[0])
            if written and not hint and text.strip("'\"") not in _COMPLETE and _WITH_ADVICE not in text:
                yield f"{path.relative_to(_HARVESTER)}:{node.lineno}: {text}"


def test_every_error_of_a_command_has_advice() -> None:
    found = [each for folder in _FOLDERS for each in _without_advice(_HARVESTER / folder)]
    assert found == []
