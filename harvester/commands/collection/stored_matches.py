"""Shows how many stored posts each rule of a collection matched, without a network request."""

from typing import TYPE_CHECKING

import click

from harvester.commands.cli.output import print_json, table
from harvester.commands.cli.progress_meter import AUTO, meter
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Collection, Tree
from harvester.store.keys import CollectionKeys
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.sinks.matches import Matches

_COLUMNS = ("rule", "posts", "local", "value")
# A longer value is cut.
_LONGEST = 60


def show_stored(workspace: Workspace, keys: CollectionKeys, tree: Collection, *, as_json: bool) -> None:
    from harvester.networks.registry import network_of
    from harvester.sinks.matches import count_matches

    network = network_of(tree)
    with meter(AUTO) as show:
        found = count_matches(
            workspace.store,
            keys,
            network,
            tell=lambda now: show(f"{counted(now.posts, 'post')} read", posts=now.posts),
        )
    rows = _rows(found, dict(network.rule_values(tree)))
    if as_json:
        print_json({"id": keys.id, "posts": found.posts, "of_no_rule": found.none, "rules": rows})
        return
    shown = [{**row, "rule": row["id"], "value": _cut(row["value"])} for row in rows]
    click.echo(table(shown, _COLUMNS) if rows else "No rules.")
    click.echo(f"\n{counted(found.posts, 'post')}, of which {found.none:,} matched none of these.", err=True)
    if found.broken:
        click.echo(f"{counted(found.broken, 'line')} could not be read: see `collection verify`.", err=True)


def _rows(found: "Matches", values: dict[str, str]) -> list[Tree]:
    """Rows, most posts first, including rules that matched nothing and rules that were removed."""
    ids = dict.fromkeys([*values, *found.by_rule])
    ranked = sorted(ids, key=lambda each: (-found.by_rule[each], each))
    return [
        {
            "id": each,
            "posts": found.by_rule[each],
            "local": found.local[each],
            "value": values.get(each),
        }
        for each in ranked
    ]


def _cut(value: str | None) -> str | None:
    return value if not value or len(value) <= _LONGEST else f"{value[:_LONGEST]} ..."
