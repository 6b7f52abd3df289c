"""A mistyped command gets a suggestion."""

from collections.abc import Iterator, Mapping

import click

from harvester.text import similar

# What other tools call it.
_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "cancel": ("harvest stop", "collection stop"),
    "cat": ("collection-config download",),
    "cp": ("collection copy",),
    "create": ("collection-config template", "collection add"),
    "describe": ("collection-config download",),
    "estimate": ("collection-config check", "collection cost"),
    "export": ("collection download",),
    "get": ("collection-config download", "collection download"),
    "info": ("harvest last", "collection-config download"),
    "init": ("collection-config template",),
    "kill": ("harvest stop",),
    "ls": ("collection list",),
    "new": ("collection-config template",),
    "ps": ("harvest list",),
    "pull": ("collection download",),
    "push": ("collection-config update",),
    "rm": ("collection delete",),
    "run": ("collection once", "collection filter-start"),
    "save": ("collection-config update",),
    "set": ("collection-config update",),
    "show": ("collection-config download", "harvest last"),
    "start": ("collection once", "collection filter-start"),
    "status": ("harvest running", "harvest last"),
    "sync": ("collection download",),
    "tail": ("harvest log",),
    "validate": ("collection-config check",),
}
_SHOWN = 3


class NoSuchCommand(click.UsageError):
    """Names what was typed, and what may have been meant."""

    def __init__(self, name: str, context: click.Context) -> None:
        meant = _meant(name, context)
        hint = f" Did you mean {' or '.join(f'`{each}`' for each in meant)}?" if meant else ""
        super().__init__(f"No such command {name!r}.{hint}", context)


def _meant(name: str, context: click.Context) -> list[str]:
    """Full names of commands, the likeliest first: by other tools' words, of this group, of others."""
    typed = name.lower()
    here = " ".join(context.command_path.split()[1:])
    everywhere = dict(_commands(context.find_root().command))
    mine = {short: full for full, short in everywhere.items() if full == f"{here} {short}".strip()}
    found = [full for full in _ELSEWHERE.get(typed, ()) if full in everywhere]
    found += [mine[short] for short in similar(typed, mine, most=_SHOWN, cutoff=0.7)]
    found += [full for full, short in everywhere.items() if short == typed]
    if not found:
        near = set(similar(typed, set(everywhere.values()), most=_SHOWN))
        found = [full for full, short in everywhere.items() if short in near]
    return list(dict.fromkeys(found))[:_SHOWN]


def _commands(command: click.Command, above: str = "") -> Iterator[tuple[str, str]]:
    """The full and the last name of every command that help shows, groups included."""
    if not isinstance(command, click.Group):
        return
    for name, inner in command.commands.items():
        if not inner.hidden:
            full = f"{above} {name}".strip()
            yield full, name
            yield from _commands(inner, full)
