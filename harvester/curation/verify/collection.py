"""Verifies the collection's own files: collection.json by its changesets, pointers by their targets."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from harvester.clock import moment
from harvester.collection.changeset import apply
from harvester.collection.secrets import without_secrets
from harvester.curation.verify.harvest import STRANGER, UNREADABLE
from harvester.curation.verify.verdicts import Finding, Part, Verdict
from harvester.documents import LockContent, Tree
from harvester.documents.account_files import holds_ids, problem_in
from harvester.documents.repeated_keys import given_twice
from harvester.harvest.lock_content import is_released
from harvester.harvest.progress import RUNNING
from harvester.store.keys import (
    CHANGESETS,
    CHECKPOINT,
    COLLECTION,
    LAST_HARVEST,
    LOCK,
    STOP,
    CollectionKeys,
    changeset_version,
)

# Files that are there for a while only.
_PASSING = {LOCK, CHECKPOINT, STOP}


@dataclass
class CollectionCase:
    """The collection's own files, as read or why not, and the state of each harvest by its folder.

    `ended` are the folders of those of which everything is stored.
    """

    keys: CollectionKeys
    files: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)

    def part(self) -> Part:
        """The judgement, once all harvests are known."""
        trees: dict[str, Any] = {}
        findings = [
            *(Finding(name, Verdict.UNREADABLE, why) for name, why in self.unreadable.items()),
            *self._read_into(trees),
            *(Finding(name, Verdict.UNEXPECTED, STRANGER) for name in sorted(self.strangers)),
            *self._missing(),
            *self._changesets(trees),
            *self._last(trees.get(LAST_HARVEST)),
            *_unfinished(trees),
        ]
        return Part(self.keys.folder, tuple(finding for finding in findings if _counts(finding)))

    def _read_into(self, trees: dict[str, Any]) -> Iterator[Finding]:
        """The files that are not as they should be; the JSON of the others by their names."""
        for name, data in sorted(self.files.items()):
            if name.endswith(".gz"):
                yield from _of_crawl(name, data)
                continue
            if name.endswith(".jsonl"):
                yield _of_lines(name, data)
                continue
            try:
                trees[name] = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                yield Finding(name, Verdict.CORRUPT, f"it is not JSON: {error}")
            else:
                yield from _parsed(name, data, trees[name])

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is there, as where a collection was never repaired."""
        return not (self.files or self.states or self.unreadable)

    @property
    def _there(self) -> set[str]:
        return {*self.files, *self.unreadable}

    def _missing(self) -> Iterator[Finding]:
        if COLLECTION not in self._there:
            yield Finding(COLLECTION, Verdict.MISSING_LOST, "a collection has one")

    def _changesets(self, trees: Mapping[str, Any]) -> Iterator[Finding]:
        named = (name for name in trees if name.startswith(CHANGESETS))
        found = sorted(named, key=lambda name: (changeset_version(name), name))
        for name in found:
            yield from self._harvest_of(name, trees[name])
        if any(name.startswith(CHANGESETS) for name in self.unreadable):
            # The missing link of the chain may be that one.
            return
        collection = trees.get(COLLECTION)
        # The history of 2019 is not one that can be replayed.
        if not isinstance(collection, dict) or not (version := collection.get("version")):
            return
        if type(version) is not int:
            why = "its version is not a whole number: edited by hand, or damaged"
            yield Finding(COLLECTION, Verdict.UNEXPECTED, why)
        else:
            yield from self._history(collection, [(name, trees[name]) for name in found])

    def _history(self, collection: Tree, changesets: list[tuple[str, Any]]) -> Iterator[Finding]:
        if not changesets and not self.states:
            # Put there by hand; its first harvest begins its history.
            return
        last = {"parent": collection.get("changeset")}
        lost = list(_lost([*(tree for _, tree in changesets), last], [name for name, _ in changesets]))
        yield from lost or self._replayed(collection, changesets)

    def _harvest_of(self, name: str, changeset: Any) -> Iterator[Finding]:
        began = changeset.get("harvest_timestamp") if isinstance(changeset, dict) else None
        if began and (folder := self._folder(began)) not in self.states:
            why = f"{name} refers to this harvest, whose folder is missing"
            yield Finding(folder.removeprefix(self.keys.folder), Verdict.MISSING_LOST, why)

    def _replayed(self, collection: Tree, changesets: list[tuple[str, Tree]]) -> Iterator[Finding]:
        tree: Tree = {}
        for name, changeset in changesets:
            if changeset_version(name) > collection["version"]:
                why = "this change is not in collection.json yet; the next edit or harvest completes it"
                yield Finding(name, Verdict.UNFINISHED, why)
                continue
            try:
                tree = apply(tree, changeset["update"], changeset["delete"])
            except (KeyError, TypeError, AttributeError):
                yield Finding(name, Verdict.CORRUPT, "it is not a changeset")
                return
        if without_secrets(tree) != without_secrets(collection):
            why = "it differs from its changesets: edited by hand, or it or one of them is damaged"
            yield Finding(COLLECTION, Verdict.UNEXPECTED, why)

    def _last(self, last: Any) -> Iterator[Finding]:
        # One that failed before all was stored is finished by the next, which writes last_harvest.json.
        has_ended = any(self.states[folder] not in ("", RUNNING) for folder in self.ended)
        if has_ended and LAST_HARVEST not in self._there:
            yield Finding(LAST_HARVEST, Verdict.MISSING_LOST, "a collection with an ended harvest has one")
        if not isinstance(last, dict):
            return
        folder = self._folder(last.get("harvest_id"))
        if folder not in self.states:
            why = f"it names the harvest {last.get('harvest_id')}, which is not there"
            yield Finding(LAST_HARVEST, Verdict.MISSING_LOST, why)
        elif self.states[folder] != UNREADABLE and last.get("state") not in (None, self.states[folder]):
            why = f"it says {last['state']}, and that harvest says {self.states[folder] or 'nothing'}"
            yield Finding(LAST_HARVEST, Verdict.STALE, why)

    def _folder(self, began: Any) -> str:
        try:
            return self.keys.harvest(moment(str(began))).folder
        except ValueError:
            return f"{self.keys.harvests}{began}"


def _lost(changesets: list[Any], found: list[str]) -> Iterator[Finding]:
    """The missing changesets that others follow."""
    for changeset in changesets:
        before = changeset.get("parent") if isinstance(changeset, dict) else None
        if before and CHANGESETS + str(before) not in found:
            why = "another changeset or collection.json follows it, but it is missing"
            yield Finding(f"{CHANGESETS}{before}", Verdict.MISSING_LOST, why)


def _counts(finding: Finding) -> bool:
    # A hundred thousand correct changesets are not worth a line each.
    return finding.verdict is not Verdict.FOUND or not finding.name.startswith(CHANGESETS)


def _of_crawl(name: str, data: bytes) -> Iterator[Finding]:
    """Whether a file of a crawl is whole: no manifest names it, as it is created once."""
    try:
        whole = gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        yield Finding(name, Verdict.CORRUPT, f"it is not whole gzip: {error}")
        return
    if whole and not whole.endswith(b"\n"):
        yield Finding(name, Verdict.CORRUPT, "its last line has no end")
    elif holds_ids(name) and (problem := problem_in(whole.splitlines())):
        yield Finding(name, Verdict.CORRUPT, problem)


def _of_lines(name: str, data: bytes) -> Finding:
    """Whether each line of a file of dead letters is JSON: no manifest names it, as it is created once."""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return Finding(name, Verdict.CORRUPT, f"its line {number} is not JSON: {error}")
    return Finding(name, Verdict.FOUND)


def _parsed(name: str, data: bytes, tree: Any) -> list[Finding]:
    """The findings about a file that is JSON."""
    twice = given_twice(data, tree) if name == COLLECTION else []
    ambiguous = [Finding(name, Verdict.CORRUPT, f"it is ambiguous: {each}") for each in twice]
    return ambiguous or [Finding(name, Verdict.FOUND)]


def _unfinished(trees: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted(_PASSING & set(trees)):
        if not _is_released(name, trees[name]):
            why = "a harvest is running, or died and is not finished"
            yield Finding(name, Verdict.UNFINISHED, why)


def _is_released(name: str, tree: Any) -> bool:
    lock: LockContent = tree
    return name == LOCK and isinstance(tree, dict) and is_released(lock)
