"""Commands are imported when they are typed, and look as if they had always been there."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from harvester.commands import Deferred, Group


def _deferred(group: Group, names: str = "") -> Iterator[tuple[str, Deferred, click.Command]]:
    """Each command of the tree that was not imported with its group, and what it is."""
    entries = dict(group._entries)
    for name, command in group.commands.items():
        path = f"{names} {name}".strip()
        if isinstance(entry := entries[name], Deferred):
            yield path, entry, command
        if isinstance(command, Group) and not command.hidden:
            yield from _deferred(command, path)


def test_a_deferred_command_is_shown_as_it_calls_itself() -> None:
    # In a process of its own, as others import commands here.
    program = (
        "from harvester.commands.person import operator\n"
        "from tests.commands.test_group import _deferred\n"
        "for path, entry, command in _deferred(operator):\n"
        "    said = (command.short_help or command.help or '').split(chr(10) * 2)[0]\n"
        "    alike = entry.hidden == command.hidden and (entry.hidden or entry.summary == said)\n"
        "    alike = alike and command.name in (entry.name, 'filter-' + entry.name)\n"
        "    print(alike, path, entry.summary, said)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert len(lines) > 30
    assert [line for line in lines if not line.startswith("True ")] == []


@pytest.mark.parametrize(
    ("typed", "without"),
    [
        (["--help"], ["harvester.networks", "harvester.monitoring.alerts"]),
        (["collection", "--help"], ["harvester.commands.collection.start", "harvester.curation"]),
        (["collection-config", "--help"], ["harvester.networks.x.imports"]),
    ],
)
def test_the_help_of_a_group_imports_no_other_command(typed: list[str], without: list[str]) -> None:
    program = (
        "import sys; from harvester.commands.person import operator\n"
        f"operator.main({typed!r}, standalone_mode=False)\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Commands:" in ran.stdout
    assert not {name for name in without if name in ran.stderr.split()}


def test_commands_stand_in_the_help_as_they_were_added_and_are_made_once() -> None:
    group = Group("group")

    @group.command("first")
    def first() -> None:
        """Is first."""

    group.defer(Deferred("second", "doctor:doctor", "Is second."))
    dressed: list[str] = []
    group.dressed_by(lambda names, _: dressed.append(names))
    context = click.Context(group)
    text = group.get_help(context)
    assert text.index("first   Is first.") < text.index("second  Is second.")
    assert dressed == ["first"]
    assert group.get_command(context, "second") is group.get_command(context, "second")
    assert list(group.commands) == dressed == ["first", "second"]
