"""`collection-config import-rules`: rules from files, Redis and databases are added to collection.json."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from harvester.collection.kinds import STREAMS
from harvester.commands.cli import collection_file
from harvester.commands.cli.output import (
    announce_dry_run,
    change_options,
    confirm,
    print_json,
    print_line,
)
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.errors.files import in_words
from harvester.networks.registry import network_of
from harvester.networks.x.imports.rows import CHANGED, NEW, REPEATED, UNUSABLE, Row, Table
from harvester.networks.x.imports.values import TYPES
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.networks.x.imports.imported import Imported, Outcome

_SHOWN = 60
_STDIN = "-"


@click.command(
    "import-rules",
    help="Add the rules in FILES (- is stdin), in Redis or in a database; each row is accounted for.",
)
@click.argument("files", nargs=-1)
@click.option("--redis", "redis_url", metavar="URL", help="Redis server with the rules of traptor.")
@click.option("--sql", "sql_url", metavar="URL", help="Database with a table rules(tag, value, type).")
@click.option(
    "--query", help="With --sql: a SELECT that returns value, and perhaps type, tag, id and others."
)
@click.option(
    "--type",
    "usual_type",
    type=click.Choice(TYPES),
    default="native",
    show_default=True,
    help="Type of rules whose row has none.",
)
@click.option("--strict", is_flag=True, help="Refuse rules that would be corrected.")
@click.option("--replace", "replacing", is_flag=True, help="Remove rules that are not among these.")
@click.option(
    "--watch", "watching", is_flag=True, help="With --redis: store its rules, and each change, until Ctrl-C."
)
@change_options
@collection_file.file_option
@in_workspace
def import_rules(
    files: Sequence[str],
    redis_url: str | None,
    sql_url: str | None,
    query: str | None,
    usual_type: str,
    strict: bool,
    replacing: bool,
    watching: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    path: Path,
    workspace: Workspace,
) -> int:
    from harvester.networks.x.imports.imported import imported

    if query and not sql_url:
        raise HarvesterError(
            "--query needs --sql.", hint="Give the URL of the database.", exit_code=Exit.USAGE
        )
    tree = collection_file.read(path)
    _require_filter(tree)
    if watching:
        others = (files, sql_url, replacing, dry_run, as_json)
        return _watch(workspace, path, redis_url, others, usual_type=usual_type, strict=strict)
    tables = list(_tables(files, redis_url, sql_url, query))

    def made_of(tree: Tree) -> "Imported":
        return imported(
            tree.get("filter") or {}, tables, usual_type=usual_type, strict=strict, replacing=replacing
        )

    made = made_of(tree)
    code = int(Exit.PARTIAL if made.count(UNUSABLE) else Exit.OK)
    if not as_json:
        _report(made, tables)
    _require_some(made, tables, replacing=replacing)
    if made.removed and not dry_run:
        gone = counted(len(made.removed), "rule")
        confirm(f"Remove {gone} of {path} that are not among these?", yes=yes)

    def edit(now: Tree) -> Tree:
        # It may have been changed while the question was open.
        return {**now, "filter": (made if now == tree else made_of(now)).section}

    collection_file.change(path, edit, dry_run=dry_run)
    if as_json:
        print_json(_as_json(made, tables, written=not dry_run))
    elif not announce_dry_run(dry_run, _done(made, path, "add", "change", "remove")):
        print_line(f"{_done(made, path, 'Added', 'changed', 'removed')}.")
    collection_file.advise_to_store(path, tree)
    return code


def _watch(
    workspace: Workspace,
    path: Path,
    redis_url: str | None,
    others: Sequence[object],
    *,
    usual_type: str,
    strict: bool,
) -> int:
    """Follow Redis; returns the exit code. None of the `others`, which --watch excludes, may be given."""
    from harvester.commands.config.watch_rules import watch_rules

    if not redis_url or any(others):
        raise HarvesterError(
            "--watch follows --redis, and nothing else.",
            hint="Leave out files, --sql, --replace, --dry-run and --json.",
            exit_code=Exit.USAGE,
        )
    return watch_rules(workspace, path, redis_url, usual_type=usual_type, strict=strict)


def _done(made: "Imported", path: Path, add: str, change: str, remove: str) -> str:
    """What happens to the file, with these verbs."""
    parts = [f"{add} {counted(made.count(NEW), 'rule')} to {path}"]
    if changes := made.count(CHANGED):
        parts.append(f"{change} {changes:,}")
    if made.removed:
        parts.append(f"{remove} {len(made.removed):,} that are not among these")
    return ", and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def _require_filter(tree: Tree) -> None:
    collection_file.require_kind(tree, *STREAMS)
    network = network_of(tree)
    if network.name != "x":
        raise HarvesterError(
            f"Rules of X cannot be imported for {network.title}.", hint="Write them into the collection."
        )
    section = tree.get("filter") or {}
    if not isinstance(section, dict) or not isinstance(section.get("rules") or [], list):
        raise HarvesterError(
            "The filter of the collection is not properly structured.",
            hint="`collection-config check` shows what to correct.",
        )


def _tables(
    files: Sequence[str], redis_url: str | None, sql_url: str | None, query: str | None
) -> Iterator[Table]:
    from harvester.networks.x.imports import redis_rules, sql_rules

    if not files and not redis_url and not sql_url:
        raise HarvesterError(
            "No rules given.",
            hint="Give files, - for standard input, --redis or --sql.",
            exit_code=Exit.USAGE,
        )
    for name in files:
        yield Table("standard input" if name == _STDIN else name, _rows_in(name))
    if redis_url:
        yield Table(*redis_rules.rows_in(redis_url, os.environ))
    if sql_url:
        yield Table(*sql_rules.rows_in(sql_url, query, os.environ))


def _rows_in(name: str) -> list[Row]:
    from harvester.networks.x.imports.rule_files import rows_in
    from harvester.networks.x.imports.rule_text import text_in

    shown = "Standard input" if name == _STDIN else name
    try:
        with click.open_file(name, "rb") as stream:
            return list(rows_in(text_in(cast(BinaryIO, stream), shown), shown))
    except FileNotFoundError as error:
        hint = "Check its name; - reads standard input."
        raise HarvesterError(f"There is no file {name}.", hint=hint, exit_code=Exit.USAGE) from error
    except IsADirectoryError as error:
        hint = "Give the files in it."
        raise HarvesterError(
            f"{name} is a folder, not a file of rules.", hint=hint, exit_code=Exit.USAGE
        ) from error
    except OSError as error:
        raise in_words(error, name, exit_code=Exit.USAGE) from error


def _require_some(made: "Imported", tables: Sequence[Table], *, replacing: bool) -> None:
    """An empty table is a mistake, and would remove every rule of a collection that it replaces."""
    usable = made.count(NEW) + made.count(CHANGED) + made.count(REPEATED)
    if made.outcomes and (usable or not replacing):
        return
    names, which = " and ".join(table.name for table in tables), "usable rule" if made.outcomes else "rule"
    raise HarvesterError(
        f"There is no {which} in {names}.", hint="Nothing was imported.", exit_code=Exit.USAGE
    )


def _report(made: "Imported", tables: Sequence[Table]) -> None:
    """A line of figures, which add up, and one for each row that is not imported as written."""
    print_line(_figures(made, " and ".join(table.name for table in tables)))
    several = len(tables) > 1
    for outcome in made.outcomes:
        place = f"{outcome.source} {outcome.place}" if several else outcome.place
        if outcome.corrected:
            print_line(_line("corrected", place, outcome.value, f"-> {outcome.corrected} ({outcome.type})"))
        if outcome.became in (CHANGED, UNUSABLE) or (
            outcome.became == REPEATED and (outcome.lost or not outcome.of_collection)
        ):
            print_line(_line(outcome.became, place, f"{_cut(outcome.value)}:", outcome.reason))


def _figures(made: "Imported", names: str) -> str:
    there = sum(outcome.of_collection and outcome.became == REPEATED for outcome in made.outcomes)
    repeated = f"{made.count(REPEATED):,} repeated" + (f" ({there:,} of the collection)" if there else "")
    changed = f"{made.count(CHANGED):,} changed, " if made.count(CHANGED) else ""
    new = counted(made.count(NEW), "new rule" if changed else "rule")
    figures = f"{new}, {changed}{repeated}, {made.count(UNUSABLE):,} unusable"
    corrected = f"; {len(made.corrected):,} corrected" if made.corrected else ""
    return f"Read {counted(len(made.outcomes), 'row')} of {names}: {figures}{corrected}."


def _line(became: str, place: str, value: str, reason: str) -> str:
    return f"{became:<10} {place:<9} {_cut(value)} {reason}"


def _cut(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."


def _as_json(made: "Imported", tables: Sequence[Table], *, written: bool) -> Tree:
    return {
        "sources": [table.name for table in tables],
        "read": len(made.outcomes),
        **{became: made.count(became) for became in (NEW, CHANGED, REPEATED, UNUSABLE)},
        "corrected": len(made.corrected),
        "removed": len(made.removed),
        "written": written,
        "rows": [_row(outcome) for outcome in made.outcomes if outcome.became != NEW or outcome.corrected],
    }


def _row(outcome: "Outcome") -> Tree:
    return {
        "source": outcome.source,
        "place": outcome.place,
        "became": outcome.became,
        "value": outcome.value,
        "type": outcome.type or None,
        "corrected": outcome.corrected or None,
        "reason": outcome.reason or None,
    }
