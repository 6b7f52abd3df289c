"""Writes docs/commands.md from what `--help` says, so that the page is never older than the commands.

`python docs/write_commands.py` writes it; a test fails when that was forgotten.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harvester.commands.container import container  # noqa: E402
from harvester.commands.person import operator  # noqa: E402

PAGE = ROOT / "docs" / "commands.md"
_WIDTH = 110

_HEAD = """# Commands

Written by `python docs/write_commands.py` from what `--help` says. `-h` works after every command.
What stands in brackets at the end of an option is its default; where it is a [setting](settings.md),
the environment and `twarc_cloud.ini` may say otherwise.

- Results are on standard output, messages on standard error. [Exit codes](exit-codes.md) are for scripts.
- `--json` prints what a program can read; [its fields](json.md) do not change between versions.
- Questions are asked only where something can be lost; `--yes` (or `--force`) answers them.
- Where the collections are: `--bucket`, else `--collections-path`, else the settings `bucket` and
  `collections_path`.
"""

_DOORS = (
    ("twarc_cloud.py", operator, "For people: describe collections, have them harvested, look at them."),
    ("tweet_harvester.py", container, "For machines: one harvest. `collection once` starts it for you."),
)


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for door, command, told in _DOORS:
        parts.append(f"## {door}\n\n{told}\n")
        parts += _sections(command, (door,), None)
    return "\n".join(parts)


def _sections(command: click.Command, names: tuple[str, ...], above: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=names[-1],
        parent=above,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield f"### {' '.join(names)}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        seen: set[int] = set()
        for name, inner in command.commands.items():
            # A second spelling of the same command needs no second section.
            if not inner.hidden and id(inner) not in seen:
                seen.add(id(inner))
                yield from _sections(inner, (*names, name), context)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
