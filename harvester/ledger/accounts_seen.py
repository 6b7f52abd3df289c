"""Accounts as records, side files and collections show them, made into sightings."""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import orjson

from harvester.documents import object_in
from harvester.errors import NotFound
from harvester.ledger import sightings
from harvester.ledger.database import Ledger
from harvester.ledger.sightings import ACTIVE, DELETED, NOT_FOUND, PROTECTED, SUSPENDED, Sighting
from harvester.networks.rows import AccountRow
from harvester.store.reading import Reader

# The maximum number that is kept in memory.
_MOST = 10_000
_PROFILE = (
    *("name", "created_at", "description", "location", "url", "verified_type", "protected", "followers"),
    *("following", "posts", "listed", "likes", "media"),
)
_profile = attrgetter(*_PROFILE)
_STATES = {PROTECTED, SUSPENDED, NOT_FOUND, DELETED}


# Name, state, first and last moment, the file of the last, and what it says.
_Seen = tuple[str, str, str, str, str, AccountRow]


class Gathering:
    """The accounts in records of a collection; those that do not change meanwhile are one sighting each."""

    def __init__(self, ledger: Ledger, collection: int) -> None:
        self._ledger, self._collection = ledger, collection
        self._last: dict[str, _Seen] = {}
        self._before: list[Sighting] = []

    def add(self, accounts: Iterable[AccountRow], source: str) -> None:
        last_seen, moment = "", ""
        for row in accounts:
            if row.seen_at != last_seen:
                last_seen, moment = row.seen_at, moment_of(row.seen_at)
            state = "" if row.protected is None else PROTECTED if row.protected else ACTIVE
            if not moment or not row.id:
                continue
            last = self._last.get(row.id)
            first = moment
            if last is not None and (row.username, state) == last[:2]:
                first = min(last[2], moment)
            elif last is not None:
                self._before.append(_sighting(last))
            self._last[row.id] = (row.username, state, first, moment, source, row)
        if len(self._last) + len(self._before) > _MOST:
            self.store()

    def store(self) -> None:
        """Write the gathered sightings to the ledger."""
        # In order of their ids, as the ledger has them.
        found = [*self._before, *(_sighting(self._last[id]) for id in sorted(self._last))]
        self._last, self._before = {}, []
        if found:
            sightings.add(self._ledger, self._collection, found)


def _sighting(found: _Seen) -> Sighting:
    name, state, first, last, source, row = found
    told = zip(_PROFILE, _profile(row), strict=True)
    kept = {key: value for key, value in told if value is not None and value != ""}
    return Sighting(row.id, name, state, source, min(first, last), max(first, last), orjson.dumps(kept))


def moment_of(text: str) -> str:
    """A time in UTC to the second, so that times of all sources compare as text; "" where there is none."""
    if len(text) >= 19 and text[10] in "T ":
        return f"{text[:10]}T{text[11:19]}Z"
    return f"{text}T00:00:00Z" if len(text) == 10 else ""


def of_side_file(reader: Reader, key: str, started: str) -> list[Sighting]:
    """The sightings in users.jsonl or user_changes.json of a harvest that began then; none if damaged."""
    try:
        data = reader.read(key).data
    except NotFound:
        return []
    found = _lines(data) if key.endswith(".jsonl") else _list(data)
    of = _of_user if key.endswith(".jsonl") else _of_change
    made = (of(each, key, started) for each in found)
    return [each for each in made if each.id]


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        yield from _list(b"[" + line + b"]")


def _list(data: bytes) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _of_user(user: dict[str, Any], source: str, started: str) -> Sighting:
    data = user.get("data")
    inner: dict[str, Any] = data if isinstance(data, dict) else user
    about = user.get("__twarc")
    seen = moment_of(_text(about.get("retrieved_at"))) if isinstance(about, dict) else ""
    moment = seen or started
    state = PROTECTED if inner.get("protected") is True else ACTIVE
    name = _text(inner.get("username")) or _text(inner.get("screen_name"))
    return Sighting(_text(inner.get("id_str")) or _text(inner.get("id")), name, state, source, moment, moment)


def _of_change(change: dict[str, Any], source: str, started: str) -> Sighting:
    what = _text(change.get("change"))
    state = what if what in _STATES else ""
    name = _text(change.get("screen_name"))
    return Sighting(_text(change.get("user_id")), name, state, source, started, started)


def of_description(data: bytes, source: str) -> list[Sighting]:
    """The users of a collection.json, which says of none at which moment it had its name."""
    users = object_in(data).get("users")
    return [Sighting(id, "", "", source, "", "") for id in users] if isinstance(users, dict) else []


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
