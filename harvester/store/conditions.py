"""Whether a server supports conditional writes: tested before the first write, remembered in the bucket.

Two harvests of one collection are kept apart by conditions alone: create what is not there, replace and
remove what is unchanged. Some servers ignore one of them, or look and write in two steps, or refuse what
they should accept. The result is kept beside the collections for a week.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import orjson

from harvester.clock import timestamp
from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.store import Piece
from harvester.store.composition import is_possible
from harvester.store.keys import ROOT
from harvester.store.objects import BucketObjects

log = logging.getLogger("twarc-cloud")

# No collection has a name that begins with a dot.
FOLDER = f"{ROOT}.store/"
_VALID = timedelta(days=7)
_FORGOTTEN = timedelta(hours=1)
# With servers that look and write in two steps, both writers win on most keys; with others, on none.
# Some of the others let one of two wait for a second.
_RACES, _FEWEST_RACES, _RACE_SECONDS = 10, 3, 1.5
_TRIALS = 2


class Unfit(HarvesterError):
    """Two writers are not kept apart on this server."""


@dataclass(frozen=True)
class Conditions:
    """What a server does: `removal` tells whether conditions on removals count, too.

    `composition` tells whether it puts objects together from others, under a condition as well.
    """

    removal: bool
    composition: bool = False


class Remembered:
    """The conditions of one bucket's server: looked up, and probed where that was not done lately."""

    def __init__(self, objects: BucketObjects) -> None:
        self._objects = objects
        self._guard = threading.Lock()
        self._known: Conditions | None = None
        # The same bucket may be reached through servers that differ.
        host = urlsplit(objects.client.endpoint).netloc
        self._key = f"{FOLDER}{host.replace(':', '-')}.json"

    def look_up(self) -> None:
        """Read what is known, if anything is; what the bucket refuses is raised in words."""
        try:
            head, data = self._objects.read(self._key, what="the bucket")
        except NotFound:
            return
        now = self._objects.now()
        with suppress(orjson.JSONDecodeError, KeyError, TypeError):
            found = orjson.loads(data)
            fresh = now is not None and abs(now - head.modified) < _VALID
            if fresh and found["server"] == self._objects.server:
                self._known = Conditions(bool(found["removes_conditionally"]), bool(found["composes"]))

    def require(self) -> Conditions:
        """Raise Unfit if the server must not be written to."""
        if self._known is None:
            with self._guard:
                if self._known is None:
                    self.look_up()
                if self._known is None:
                    self._known = self.probe()
        return self._known

    def probe(self) -> Conditions:
        """Try the server now, and keep the result; raises Unfit."""
        found = _probed(self._objects)
        now = self._objects.now()
        document = {
            "server": self._objects.server,
            "removes_conditionally": found.removal,
            "composes": found.composition,
            "probed": timestamp(now) if now else None,
        }
        self._objects.write(self._key, orjson.dumps(document, option=orjson.OPT_INDENT_2))
        if not found.removal:
            log.warning(
                "%s ignores conditions on deletes: locks are replaced instead of deleted (docs/stores.md).",
                self._objects.name,
            )
        return found


def _probed(objects: BucketObjects) -> Conditions:
    for trial in range(1, _TRIALS + 1):
        probe = _Probe(objects)
        try:
            removal = probe.one_after_the_other()
            break
        except Unfit as error:
            # A single wrong answer may be a proxy's.
            if trial == _TRIALS:
                raise
            log.debug("Once more: %s", error)
        finally:
            probe.clear()
    probe = _Probe(objects)
    try:
        probe.at_once()
        composition = probe.composes()
    finally:
        probe.clear()
    return Conditions(removal, composition)


class _Probe:
    """One trial, on keys of its own."""

    def __init__(self, objects: BucketObjects) -> None:
        self._objects = objects
        self._keys: list[str] = []

    def one_after_the_other(self) -> bool:
        """Raise Unfit unless conditions on writes count; returns whether those on removals do."""
        key = self._key()
        first = self._accepted("create an object", lambda: self._write(key, IfNoneMatch="*"))
        head = self._objects.head(key) if first else None
        if head is None or head.version != first:
            raise self._unfit("does not tell the ETag of an object that was written")
        self._refused("create an object that exists", lambda: self._write(key, IfNoneMatch="*"))
        second = self._accepted("replace an unchanged object", lambda: self._write(key, IfMatch=first))
        self._refused("replace a changed object", lambda: self._write(key, IfMatch=first))
        removal = self._keeps(key, stale=first)
        if removal:
            self._accepted("remove an unchanged object", lambda: self._objects.delete(key, IfMatch=second))
        if self._objects.head(key):
            raise self._unfit("does not remove an unchanged object")
        if key in self._listed():
            raise self._unfit("lists a removed object")
        self._accepted("create a removed object again", lambda: self._write(key, IfNoneMatch="*"))
        return removal

    def at_once(self) -> None:
        """Raise Unfit if both of two writers win."""
        with ThreadPoolExecutor(2, thread_name_prefix="probe") as writers:
            until = time.monotonic() + _RACE_SECONDS
            for race in range(_RACES):
                if race >= _FEWEST_RACES and time.monotonic() > until:
                    return
                key = self._key()
                versions = self._winners(writers, key, IfNoneMatch="*")
                if len(versions) == 1:
                    versions = self._winners(writers, key, IfMatch=versions[0])
                if len(versions) > 1:
                    raise self._unfit("lets two simultaneous writers both succeed")

    def composes(self) -> bool:
        """Whether the server puts an object together from another, if it is not there yet."""
        source = self._key()
        with suppress(HarvesterError):
            stale = self._write(source, IfNoneMatch="*")
            piece = Piece(source, self._write(source, IfMatch=stale), len(uuid.uuid4().bytes))
            return is_possible(self._objects, piece, stale, self._key())
        return False

    def clear(self) -> None:
        for key in self._keys:
            with suppress(HarvesterError):
                self._objects.delete(key)

    def _key(self) -> str:
        key = f"{FOLDER}probe-{uuid.uuid4().hex}"
        self._keys.append(key)
        return key

    def _write(self, key: str, **condition: str) -> str:
        return self._objects.write(key, uuid.uuid4().bytes, **condition)

    def _keeps(self, key: str, *, stale: str) -> bool:
        """Whether an object is left alone that is to be removed in a version it no longer has."""
        with suppress(Conflict):
            self._objects.delete(key, IfMatch=stale)
        return self._objects.head(key) is not None

    def _listed(self) -> set[str]:
        """The keys in the folder; those of probes that were killed go."""
        found = [entry for page in self._objects.pages(FOLDER) for entry in page.get("Contents", ())]
        now = self._objects.now()
        self._keys += [
            entry["Key"]
            for entry in found
            if "/probe-" in entry["Key"] and now and now - entry["LastModified"] > _FORGOTTEN
        ]
        return {entry["Key"] for entry in found}

    def _winners(self, writers: ThreadPoolExecutor, key: str, **condition: str) -> list[str]:
        meet = threading.Barrier(2)

        def write(_: int) -> str:
            meet.wait()
            try:
                return self._write(key, **condition)
            except Conflict:
                return ""

        return [version for version in writers.map(write, range(2)) if version]

    def _accepted(self, what: str, write: Callable[[], str | bool]) -> str:
        try:
            return str(write())
        except Conflict as error:
            raise self._unfit(f"does not {what}") from error

    def _refused(self, what: str, write: Callable[[], str]) -> None:
        with suppress(Conflict):
            write()
            raise self._unfit(f"lets a writer {what}")

    def _unfit(self, what: str) -> Unfit:
        return Unfit(
            f"{self._objects.name} cannot be written safely: its server {what}.",
            hint="Two harvests could overwrite each other there. docs/stores.md lists servers that work.",
        )
