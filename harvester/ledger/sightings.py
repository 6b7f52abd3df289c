"""Names, states and profiles of accounts as they were seen, kept as spans; the same sighting twice is one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harvester.ledger.database import Ledger
from harvester.ledger.spans import Span, seen

ACTIVE, PROTECTED, SUSPENDED, NOT_FOUND, DELETED = "active", "protected", "suspended", "not_found", "deleted"
STATES = (ACTIVE, PROTECTED, SUSPENDED, NOT_FOUND, DELETED)


# Id, value, first and last moment, source.
_Row = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Sighting:
    """An account as it was seen, from a first moment to a last one without a change in between.

    `source` is the file of the last one. `state` and `name` are "" and `profile` is empty if it was not
    seen with one.
    """

    id: str
    name: str
    state: str
    source: str
    first: str
    last: str
    profile: bytes = b""


def add(ledger: Ledger, collection: int, sightings: Iterable[Sighting]) -> None:
    """Keep what was seen in a collection; `sightings` are in order of time."""
    found = list(sightings)
    with ledger.transaction():
        ledger.run(
            "create temp table if not exists seen(id text, value text, first text, last text, source text)"
        )
        _spans(ledger, "names", [(each.id, each.name, each.first, each.last, each.source) for each in found])
        _spans(ledger, "states", _states(ledger, found))
        ledger.run_many(
            "insert into profiles values (?, ?, ?) on conflict(id) do update "
            "set seen_at = excluded.seen_at, data = excluded.data where excluded.seen_at >= seen_at",
            ((each.id, each.last, each.profile) for each in found if each.profile),
        )
        ledger.run_many(
            "insert or ignore into members values (?, ?)", ((each.id, collection) for each in found)
        )


def _states(ledger: Ledger, found: list[Sighting]) -> list[_Row]:
    """Keep no state for accounts that were always active, as nearly all are."""
    known = {row[0] for row in ledger.rows("select distinct id from states")}
    known |= {each.id for each in found if each.state and each.state != ACTIVE}
    return [(each.id, each.state, each.first, each.last, each.source) for each in found if each.id in known]


def _spans(ledger: Ledger, table: str, rows: list[_Row]) -> None:
    """Add sightings to the spans of a table: those that only widen the one span there is, all at once."""
    if not rows:
        return
    ledger.run("delete from seen")
    ledger.run_many("insert into seen values (?, ?, ?, ?, ?)", (row for row in rows if row[1]))
    alone = _alone(ledger, table, rows)
    ledger.run_many("delete from seen where id = ?", ((each,) for each in alone))
    ledger.run(
        f"update {table} set first = min({table}.first, seen.first), last = max({table}.last, seen.last), "
        f"source = case when seen.last >= {table}.last then seen.source else {table}.source end "
        f"from seen where {table}.id = seen.id"
    )
    ledger.run(
        f"insert into {table} select * from seen "
        f"where not exists (select 1 from {table} known where known.id = seen.id)"
    )
    for id, value, first, last, source in sorted(rows, key=lambda row: row[2]) if alone else ():
        if id in alone and value:
            for moment in dict.fromkeys((first, last)):
                write(ledger, table, id, seen(spans(ledger, table, id), value, moment, source))


def _alone(ledger: Ledger, table: str, rows: list[_Row]) -> set[str]:
    """The accounts that changed, which are looked at one by one."""
    changed = ledger.rows(
        f"select seen.id from seen join {table} known on known.id = seen.id where known.value <> seen.value"
    )
    times = Counter(row[0] for row in rows if row[1])
    return {row[0] for row in changed} | {id for id, number in times.items() if number > 1}


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
