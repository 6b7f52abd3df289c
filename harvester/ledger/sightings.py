"""Names, states and profiles of accounts as they were seen, kept as spans; the same sighting twice is one."""

from collections.abc import Iterable
from dataclasses import dataclass

from harvester.ledger.database import Ledger
from harvester.ledger.spans import Span, seen

ACTIVE, PROTECTED, SUSPENDED, NOT_FOUND, DELETED = "active", "protected", "suspended", "not_found", "deleted"
STATES = (ACTIVE, PROTECTED, SUSPENDED, NOT_FOUND, DELETED)


@dataclass(frozen=True)
class Sighting:
    """An account as it was seen, from a first moment to a last one without a change in between.

    `state` and `name` are "" and `profile` is empty where it was not seen with one.
    """

    id: str
    name: str
    state: str
    first: str
    last: str
    profile: bytes = b""


def add(ledger: Ledger, collection: int, source: str, sightings: Iterable[Sighting]) -> None:
    """Keep what was seen in a file; `sightings` are in order of time."""
    found = list(sightings)
    with ledger.transaction():
        ledger.run("create temp table if not exists seen(id text, value text, first text, last text)")
        _spans(ledger, "names", source, ((each.id, each.name, each.first, each.last) for each in found))
        _spans(ledger, "states", source, _states(ledger, found))
        ledger.run_many(
            "insert into profiles values (?, ?, ?) on conflict(id) do update "
            "set seen_at = excluded.seen_at, data = excluded.data where excluded.seen_at >= seen_at",
            ((each.id, each.last, each.profile) for each in found if each.profile),
        )
        ledger.run_many(
            "insert or ignore into members values (?, ?)", ((each.id, collection) for each in found)
        )


def _states(ledger: Ledger, found: list[Sighting]) -> list[tuple[str, str, str, str]]:
    """Of accounts that were only ever active no state is kept; nearly all are."""
    known = {row[0] for row in ledger.rows("select distinct id from states")}
    known |= {each.id for each in found if each.state and each.state != ACTIVE}
    return [(each.id, each.state, each.first, each.last) for each in found if each.id in known]


def _spans(ledger: Ledger, table: str, source: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Add sightings to the spans of a table: those that only widen the one span there is, all at once."""
    ledger.run("delete from seen")
    ledger.run_many("insert into seen values (?, ?, ?, ?)", (row for row in rows if row[1]))
    several = [row[0] for row in ledger.rows("select id from seen group by id having count(*) > 1")]
    changed = ledger.rows(
        f"select distinct seen.id from seen join {table} known on known.id = seen.id "
        "where known.value <> seen.value"
    )
    alone = {*several, *(row[0] for row in changed)}
    apart = [row for row in _seen(ledger, alone) if row[0] in alone]
    ledger.run_many("delete from seen where id = ?", ((each,) for each in alone))
    ledger.run(
        f"update {table} set first = min({table}.first, seen.first), last = max({table}.last, seen.last), "
        f"source = case when seen.last >= {table}.last then ? else {table}.source end "
        f"from seen where {table}.id = seen.id",
        source,
    )
    ledger.run(
        f"insert into {table} select id, value, first, last, ? from seen "
        f"where not exists (select 1 from {table} known where known.id = seen.id)",
        source,
    )
    for id, value, first, last in apart:
        for moment in dict.fromkeys((first, last)):
            write(ledger, table, id, seen(spans(ledger, table, id), value, moment, source))


def _seen(ledger: Ledger, ids: set[str]) -> list[tuple[str, str, str, str]]:
    return ledger.rows("select id, value, first, last from seen order by first") if ids else []


def spans(ledger: Ledger, table: str, id: str) -> list[Span]:
    """The spans of an account in `names` or `states`, in order."""
    found = ledger.rows(
        f"select value, first, last, source from {table} where id = ? order by first, last", id
    )
    return [Span(*row) for row in found]


def write(ledger: Ledger, table: str, id: str, found: list[Span]) -> None:
    ledger.run(f"delete from {table} where id = ?", id)
    ledger.run_many(
        f"insert or replace into {table} values (?, ?, ?, ?, ?)",
        ((id, span.value, span.first, span.last, span.source) for span in found),
    )
