"""Verifies one harvest: files against manifests, the listing and harvest.json."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from harvester.curation.verify.claims import MANIFESTS, Claims
from harvester.curation.verify.contents import Content, Start
from harvester.curation.verify.gaps import RecordedGaps
from harvester.curation.verify.verdicts import Finding, Part, Verdict
from harvester.networks import Network
from harvester.store.keys import (
    COLLECTION,
    EVENTS,
    HARVEST,
    HARVEST_2019,
    LISTS,
    OPEN,
    USER_CHANGES,
    USERS,
    is_own,
    is_segment,
    is_side,
    part_of,
    segment_of,
)
from harvester.text import counted

STRANGER = "not a file that a harvest or a command writes"
# The state of a harvest whose summary could not be read.
UNREADABLE = "unreadable"
# Of the harvester of 2019 no manifest named these.
_OF_2019 = {USERS, USER_CHANGES, COLLECTION}


@dataclass
class Case:
    """A harvest's folder.

    `contents` holds what was read of its files, `unreadable` why others could not be. `awaited` names what a
    checkpoint promises; it is None if no checkpoint speaks of this harvest.
    """

    folder: str
    sizes: dict[str, int]
    claims: Claims
    network: Network
    awaited: frozenset[str] | None = None
    contents: dict[str, "Future[Content | None]"] = field(default_factory=dict)
    events: bytes = b""
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        """Whether it runs, or died and was not finished: then what is not there may yet come."""
        return not self.claims.ended or self.awaited is not None

    @property
    def recorded(self) -> RecordedGaps:
        """What its harvest.json says of gaps."""
        return RecordedGaps(self.claims.summary or {})

    @property
    def to_read(self) -> list[str]:
        """The files to read whole; parts of growing ones say nothing by themselves."""
        skipped = {HARVEST, HARVEST_2019, *MANIFESTS.values()}
        return [name for name in self.sizes if name not in skipped and not name.startswith(OPEN)]

    def part(self) -> Part:
        """The judgement, once all contents are there."""
        findings = [*self.claims.findings]
        findings += [Finding(name, Verdict.UNREADABLE, why) for name, why in self.unreadable.items()]
        findings += self._files()
        findings += self._of_summary()
        findings += self._unnamed()
        findings += self._matches()
        findings += self.recorded.findings(self.network)
        if not (self.unfinished or self.claims.of_2019 or EVENTS in self.unreadable):
            findings += self.recorded.differences_from(self.events)
        posts = sum(content.posts for name, content in self._read() if is_segment(name))
        lists = sum(content.lines for name, content in self._read() if name == LISTS)
        edges = sum(content.edges for _, content in self._read())
        return Part(self.folder, tuple(findings), self.state, posts, self.recorded.gaps, lists, edges)

    @property
    def state(self) -> str:
        return UNREADABLE if {HARVEST, HARVEST_2019} & set(self.unreadable) else self.claims.state

    def _read(self) -> Iterator[tuple[str, Content]]:
        for name, future in self.contents.items():
            content = future.result()
            if content is not None:
                yield name, content

    def _files(self) -> Iterator[Finding]:
        read = dict(self._read())
        yield from self._listed(read)
        for name in sorted((self.awaited or frozenset()) - set(self.claims.names)):
            if name not in self.sizes:
                yield self._missing(name)
        for name, content in read.items():
            if name not in self.claims.names and content.problem and is_own(self.folder + name):
                yield Finding(name, Verdict.CORRUPT, content.problem)

    def _listed(self, read: Mapping[str, Content]) -> Iterator[Finding]:
        """Of the files that a manifest lists."""
        for name in self.claims.names:
            if name not in self.sizes:
                yield self._missing(name)
            elif name in self.unreadable:
                continue
            elif name in read:
                yield from self._against_manifests(name, read[name])
            else:
                yield Finding(name, Verdict.FOUND)

    def _missing(self, name: str) -> Finding:
        if name in (self.awaited or ()):
            if any(other.startswith(part_of(name)) for other in self.sizes):
                why = "it grows, and is stored up to the last checkpoint"
                return Finding(name, Verdict.MISSING_UPLOADING, why)
            why = "it is on the machine that harvested; the next harvest there stores it"
            return Finding(name, Verdict.MISSING_DELAYED, why)
        return Finding(name, Verdict.MISSING_LOST, "a manifest lists it, but it is missing")

    def _against_manifests(self, name: str, content: Content) -> Iterator[Finding]:
        digests = self.claims.digests(name)
        agrees = {algorithm: content.digest(algorithm) in said for algorithm, said in digests}
        if not any(agrees.values()):
            yield self._corrupt(name, content)
            return
        if content.problem:
            yield Finding(name, Verdict.CORRUPT, f"it is what was stored, but {content.problem}")
        else:
            yield Finding(name, Verdict.FOUND)
        for algorithm, well in agrees.items():
            if not well:
                why = f"it is wrong about {name}, which agrees with the other manifest"
                yield Finding(MANIFESTS[algorithm], Verdict.CORRUPT, why)
        for algorithm, said in digests:
            if len(set(said)) > 1:
                why = f"it names {name} {len(said)} times: another harvest of the same second overwrote it"
                yield Finding(MANIFESTS[algorithm], Verdict.UNEXPECTED, why)

    def _corrupt(self, name: str, content: Content) -> Finding:
        for algorithm, lines in self.claims.named.items():
            for other, said in lines.items():
                if other != name and content.digest(algorithm) in said:
                    return Finding(name, Verdict.SWAPPED, f"it has the content of {other}")
        algorithm, said = self.claims.digests(name)[-1]
        digest = f"its {algorithm} is {content.digest(algorithm)}, its manifest says {said[-1]}"
        return Finding(
            name,
            Verdict.CORRUPT,
            "; ".join(filter(None, (self._changed(name, content), content.problem, digest))),
        )

    def _changed(self, name: str, content: Content) -> str:
        """How it differs from what was stored, as far as that is known: manifests have no sizes."""
        for start in content.starts:
            if self._is_stored(name, start):
                more = content.size - start.size
                return (
                    f"it is longer than what was stored, which is its first {counted(start.size, 'byte')}: "
                    f"{counted(more, 'byte')} follow"
                )
        size = self._stored_size(name)
        if size is None:
            return f"it is not what was stored, and has {counted(content.size, 'byte')}"
        if size == content.size:
            return f"it has {counted(size, 'byte')}, as it was stored with, but other content"
        than = "longer" if content.size > size else "shorter"
        return f"it is {than} than what was stored: {content.size:,} instead of {counted(size, 'byte')}"

    def _is_stored(self, name: str, content: Content | Start) -> bool:
        return any(content.digest(algorithm) in said for algorithm, said in self.claims.digests(name))

    def _stored_size(self, name: str) -> int | None:
        """What the account's sum leaves for this file, if all others of the sum are as they were stored."""
        total = (self.claims.summary or {}).get("file_bytes")
        if not is_segment(name) or not isinstance(total, int):
            return None
        read = dict(self._read())
        for other in self.claims.names:
            if is_segment(other) and other != name:
                if other not in read or not self._is_stored(other, read[other]):
                    return None
                total -= read[other].size
        return total if total > 0 else None

    def _unnamed(self) -> Iterator[Finding]:
        if self._unread_manifests:
            # It may name all of these.
            return
        known = {HARVEST, *MANIFESTS.values(), *self.claims.names, *self.unreadable}
        if self.claims.of_2019:
            known |= {HARVEST_2019, *_OF_2019}
        for name in self.sizes:
            if name not in known and not name.endswith("/") and (found := self._unlisted(name)):
                yield found

    def _unlisted(self, name: str) -> Finding | None:
        closed, is_open = is_segment(name) or is_side(name), name.startswith(OPEN)
        if self.unfinished:
            is_new = closed and not is_open
            return Finding(name, Verdict.UNFINISHED, "not in a manifest yet") if is_new else None
        if closed or is_open or name in _OF_2019:
            return Finding(name, Verdict.UNNAMED, "not in any manifest")
        return Finding(name, Verdict.UNEXPECTED, STRANGER)

    def _matches(self) -> Iterator[Finding]:
        """Whether side files describe existing records."""
        read = dict(self._read())
        for name in filter(is_side, self.claims.names):
            segment = segment_of(name)
            if segment not in self.sizes:
                yield Finding(name, Verdict.UNEXPECTED, f"it refers to {segment}, which is missing")
            elif name in read and segment in read and read[name].last_line > read[segment].lines:
                why = (
                    f"it refers to line {read[name].last_line} of {segment}, which has {read[segment].lines}"
                )
                yield Finding(name, Verdict.WRONG_COUNT, why)

    def _of_summary(self) -> Iterator[Finding]:
        claims = self.claims
        file = HARVEST_2019 if claims.of_2019 else HARVEST
        if claims.summary is None:
            yield from self._without_summary(file)
            return
        yield from self._identity(file, claims.summary)
        if self.unfinished:
            why = f"its state is {claims.state or 'unknown'}; last heard of {claims.summary.get('updated')}"
            yield Finding(file, Verdict.UNFINISHED, why)
            return
        yield from self._missing_manifests(claims.summary)
        if claims.named or not self._unread_manifests:
            yield from self._counts(file, claims.summary)

    def _without_summary(self, file: str) -> Iterator[Finding]:
        if file in self.unreadable or file in {finding.name for finding in self.claims.findings}:
            return
        if self.claims.of_2019:
            yield Finding(file, Verdict.UNFINISHED, "it is missing: this harvest of 2019 failed")
        else:
            yield Finding(file, Verdict.MISSING_LOST, "a harvest writes it before anything else")

    def _missing_manifests(self, said: Mapping[str, Any]) -> Iterator[Finding]:
        # A harvest of 2019 wrote one manifest, and none where it had no files.
        of_2019 = ["sha1"] if said.get("files") else []
        for algorithm in of_2019 if self.claims.of_2019 else MANIFESTS:
            if algorithm not in self.claims.named and MANIFESTS[algorithm] not in self.unreadable:
                yield Finding(MANIFESTS[algorithm], Verdict.MISSING_LOST, "a harvest that ended has one")

    @property
    def _unread_manifests(self) -> set[str]:
        return set(MANIFESTS.values()) & set(self.unreadable)

    def _identity(self, file: str, said: Mapping[str, Any]) -> Iterator[Finding]:
        collection_id = self.folder.split("/")[1]
        digits = "".join(self.folder.rstrip("/").split("/")[-6:])
        begun = "".join(filter(str.isdigit, str(said.get("harvest_timestamp", ""))))[:14]
        if said.get("collection_id") != collection_id:
            why = f"it belongs to collection {said.get('collection_id')!r}"
            yield Finding(file, Verdict.CORRUPT, why)
        if begun != digits:
            why = f"it belongs to another harvest ({said.get('harvest_timestamp')})"
            yield Finding(file, Verdict.CORRUPT, why)

    def _counts(self, file: str, said: Mapping[str, Any]) -> Iterator[Finding]:
        segments = [name for name in self.claims.names if is_segment(name)]
        read = dict(self._read())
        found = {
            "files": len(segments),
            "file_bytes": sum(self.sizes.get(name, 0) for name in segments),
        }
        if all(name in read for name in segments):
            found["tweets"] = sum(read[name].posts for name in segments)
        for what, number in found.items():
            if said.get(what) != number:
                yield Finding(file, Verdict.WRONG_COUNT, f"it says {what}: {said.get(what)}, found: {number}")
