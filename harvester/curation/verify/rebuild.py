"""Rebuilds manifests from the files alone, where all of these are complete."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harvester.curation.verify.claims import MANIFESTS
from harvester.curation.verify.contents import Content
from harvester.curation.verify.harvest import Case
from harvester.errors import NotFound
from harvester.harvest.manifest import text
from harvester.harvest.segment import Finished
from harvester.store import Store
from harvester.store.keys import (
    COLLECTION,
    EVENTS,
    LISTS,
    STATS,
    USER_CHANGES,
    USERS,
    is_segment,
    segment_order,
    side_name,
)

# After the records, in the order in which a harvest ends.
_AFTER = (USERS, EVENTS, STATS, LISTS, USER_CHANGES, COLLECTION)


@dataclass(frozen=True)
class Rebuilt:
    """A manifest that is missing in the store, or differs there; `problem` says why it cannot be made."""

    key: str
    data: bytes = b""
    problem: str = ""


def rebuilt(case: Case) -> Iterator[Rebuilt]:
    """The manifests of a harvest that ended which are other than its objects; the contents are read."""
    if problem := _problem(case):
        yield Rebuilt(case.folder, problem=problem)
        return
    contents = {name: future.result() for name, future in case.contents.items()}
    whole: dict[str, Content] = {name: each for name, each in contents.items() if each is not None}
    named = {name: whole[name] for name in _named(case, whole)}
    if broken := "; ".join(f"{name}: {each.problem}" for name, each in named.items() if each.problem):
        yield Rebuilt(case.folder, problem=f"some of its files are incomplete: {broken}")
    else:
        yield from _manifests(case, [_finished(name, each) for name, each in named.items()])


def _manifests(case: Case, files: list[Finished]) -> Iterator[Rebuilt]:
    for algorithm in ("sha1",) if case.claims.of_2019 else MANIFESTS:
        if files or algorithm in case.claims.named:
            yield Rebuilt(case.folder + MANIFESTS[algorithm], text(files, algorithm).encode())


def _problem(case: Case) -> str:
    """Why no manifest can be made, whatever its files hold; empty if one may be."""
    if case.unreadable:
        return f"some of its files could not be read: {'; '.join(case.unreadable)}"
    return "it has not ended; its manifests are still being written" if case.unfinished else ""


def _named(case: Case, whole: Mapping[str, Content]) -> list[str]:
    segments = [
        each
        for name in sorted(filter(is_segment, whole), key=segment_order)
        for each in (name, side_name(name))
        if each in whole
    ]
    # The harvester of 2019 named files of records only, and had no side files of them.
    return segments if case.claims.of_2019 else [*segments, *(name for name in _AFTER if name in whole)]


def _finished(name: str, content: Content) -> Finished:
    return Finished(name, content.size, content.sha1, content.sha256, posts=content.posts)


def differs(store: Store, one: Rebuilt) -> bool:
    """Whether the store has another manifest, or none."""
    try:
        return store.read(one.key).data != one.data
    except NotFound:
        return True


def write(store: Store, one: Rebuilt) -> None:
    """Write a manifest, unless another writer does at this moment."""
    try:
        version = store.read(one.key).version
    except NotFound:
        store.create(one.key, one.data)
    else:
        store.replace(one.key, one.data, version=version)
