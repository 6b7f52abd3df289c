"""Finds an account by its id or by a name that it had, with all sightings and without any request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.documents import object_in
from harvester.errors import Exit, HarvesterError
from harvester.ledger import sightings
from harvester.ledger.database import Ledger
from harvester.ledger.dates import interval
from harvester.ledger.sightings import ACTIVE, STATES
from harvester.ledger.spans import Span
from harvester.networks.registry import usual

_TYPED = "Use an id or a name, e.g. 12 or @jack."
_NEWEST = "names.last desc, names.id"


@dataclass(frozen=True)
class Account:
    """The sightings of an account. `names` and `states` are in order of time; all times are of sightings."""

    id: str
    names: list[Span]
    states: list[Span]
    collections: list[str]
    profile: Mapping[str, Any]

    @property
    def username(self) -> str:
        """The name that the account was last seen with; "" if none is known."""
        return max(self.names, key=lambda span: span.last).value if self.names else ""

    @property
    def state(self) -> str:
        """The state that the account was last seen in. No state is stored if it never changed."""
        return max(self.states, key=lambda span: span.last).value if self.states else ACTIVE

    def document(self) -> dict[str, Any]:
        """The account as JSON."""
        return {
            "id": self.id,
            "username": self.username,
            "state": self.state,
            "profile": dict(self.profile),
            "names": [_span(span, "username") for span in self.names],
            "states": [_span(span, "state") for span in self.states],
            "collections": self.collections,
        }


def _span(span: Span, name: str) -> dict[str, str]:
    return {name: span.value, "first": span.first, "last": span.last, "source": span.source}


def by_id(ledger: Ledger, account_id: str) -> Account | None:
    """The account with this id; None if it was never seen."""
    collections = ledger.rows(
        "select c.id from members m join collections c on c.number = m.collection "
        "where m.id = ? order by c.id",
        account_id,
    )
    names = sightings.spans(ledger, "names", account_id)
    if not collections and not names:
        return None
    profile = object_in(ledger.value("select data from profiles where id = ?", account_id) or b"{}")
    states = sightings.spans(ledger, "states", account_id)
    return Account(account_id, names, states, [row[0] for row in collections], profile)


def found_by(ledger: Ledger, text: str, *, at: str = "") -> list[Account]:
    """The accounts that an id or a name means, as a person types them."""
    if not text.strip().removeprefix("@"):
        raise HarvesterError("An account has no empty name.", hint=_TYPED, exit_code=Exit.USAGE)
    account = None if text.startswith("@") else by_id(ledger, text)
    return [account] if account else by_name(ledger, text, at=at)


def by_name(ledger: Ledger, name: str, *, at: str = "") -> list[Account]:
    """The accounts that were seen with a name, the newest first; with `at`, within a sighting of that time.

    `at` is a date or a moment in UTC. An account whose sightings with the name are all before or after it is
    not named: who had it in between is not known.
    """
    value = usual().name_in(name) or name.removeprefix("@")
    statement, values = "select id from names where value = ?", [value]
    if at:
        first, last = _day(at)
        statement += " and first <= ? and last >= ?"
        values += [last, first]
    found = ledger.rows(f"{statement} order by {_NEWEST}", *values)
    accounts = (by_id(ledger, each) for each in dict.fromkeys(row[0] for row in found))
    return [account for account in accounts if account]


def _day(at: str) -> tuple[str, str]:
    """The first and the last second that a date or a moment means."""
    if not (found := interval(at)):
        raise HarvesterError(
            f"{at} is not a date.", hint="Use e.g. 2026-11-23 or 2026-11-23T09:30.", exit_code=Exit.USAGE
        )
    first, last = (datetime.fromtimestamp(each, UTC) for each in (found[0], found[1] - 1))
    return f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{last:%Y-%m-%dT%H:%M:%SZ}"


def listed(ledger: Ledger, *, state: str, collection: str = "", limit: int = 1000) -> list[Account]:
    """The accounts whose last state is this one, the latest first; of one collection or of all."""
    if state not in STATES:
        raise HarvesterError(
            f"{state} is not a state.", hint=f"Use one of {', '.join(STATES)}.", exit_code=Exit.USAGE
        )
    member = (
        "exists (select 1 from members m join collections c on c.number = m.collection "
        "where m.id = s.id and c.id = ?)"
    )
    found = ledger.rows(
        "select s.id from states s where s.value = ? "
        "and s.last = (select max(o.last) from states o where o.id = s.id) "
        f"and (? = '' or {member}) order by s.last desc, s.id limit ?",
        *(state, collection, collection, limit),
    )
    accounts = (by_id(ledger, each) for each in dict.fromkeys(row[0] for row in found))
    return [account for account in accounts if account]


def counts(ledger: Ledger) -> dict[str, int]:
    """How many accounts, spans of names and spans of states are known."""
    tables = {"accounts": "profiles", "names": "names", "states": "states"}
    return {name: int(ledger.value(f"select count(*) from {table}")) for name, table in tables.items()}
