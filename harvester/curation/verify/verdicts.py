"""The verdict on each file, each harvest and the collection, with its reason."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class Overall(IntEnum):
    """The worst that was found."""

    OK = 0
    WARNING = 1
    FAILURE = 2


class Verdict(StrEnum):
    """Of one file. The words are explained in docs/verifying.md and stable."""

    FOUND = "FOUND"
    MISSING_DELAYED = "MISSING_DELAYED"
    MISSING_UPLOADING = "MISSING_UPLOADING"
    MISSING_LOST = "MISSING_LOST"
    CORRUPT = "CORRUPT"
    SWAPPED = "SWAPPED"
    STALE = "STALE"
    WRONG_COUNT = "WRONG_COUNT"
    UNNAMED = "UNNAMED"
    UNREADABLE = "UNREADABLE"
    UNEXPECTED = "UNEXPECTED"
    UNFINISHED = "UNFINISHED"
    GAP = "GAP"
    REPAIRED = "REPAIRED"
    IMPOSSIBLE_GAP = "IMPOSSIBLE_GAP"
    DUPLICATES = "DUPLICATES"


_WARNINGS = {
    Verdict.MISSING_DELAYED,
    Verdict.MISSING_UPLOADING,
    Verdict.UNEXPECTED,
    Verdict.UNFINISHED,
    Verdict.GAP,
    Verdict.DUPLICATES,
}


@dataclass(frozen=True)
class Finding:
    """A verdict on a file of a harvest or of the collection, and the reason; FOUND needs none."""

    name: str
    verdict: Verdict
    reason: str = ""

    @property
    def overall(self) -> Overall:
        if self.verdict in (Verdict.FOUND, Verdict.REPAIRED):
            return Overall.OK
        return Overall.WARNING if self.verdict in _WARNINGS else Overall.FAILURE


@dataclass(frozen=True)
class Part:
    """What was found in one folder: a harvest's, or the collection's own."""

    folder: str
    findings: tuple[Finding, ...]
    state: str = ""
    posts: int = 0
    gaps: tuple[dict[str, Any], ...] = ()
    lists: int = 0
    edges: int = 0

    @property
    def overall(self) -> Overall:
        return max((finding.overall for finding in self.findings), default=Overall.OK)

    def to_tree(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "state": self.state,
            "verdict": self.overall.name,
            "posts": self.posts,
            "lists": self.lists,
            "edges": self.edges,
            "gaps": list(self.gaps),
            "files": [
                {"name": finding.name, "verdict": finding.verdict.value, "reason": finding.reason}
                for finding in self.findings
            ],
        }


@dataclass
class Report:
    """All parts, and what was read to come to them."""

    collection_id: str
    store: str
    parts: list[Part] = field(default_factory=list)
    files_read: int = 0
    bytes_read: int = 0
    raw_bytes: int = 0
    posts: int = 0
    lists: int = 0
    edges: int = 0
    subset: str = ""

    @property
    def overall(self) -> Overall:
        return max((part.overall for part in self.parts), default=Overall.OK)

    @property
    def damaged(self) -> bool:
        """Whether anything is wrong besides what could not be read, which may be intact."""
        return any(
            finding.overall is Overall.FAILURE and finding.verdict is not Verdict.UNREADABLE
            for _, finding in self.findings()
        )

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """Those that no repair closed."""
        return [gap for part in self.parts for gap in part.gaps if not gap.get("repaired")]

    def add(self, part: Part) -> None:
        self.posts += part.posts
        self.lists += part.lists
        self.edges += part.edges
        self.parts.append(part)

    def findings(self) -> Iterator[tuple[Part, Finding]]:
        for part in self.parts:
            yield from ((part, finding) for finding in part.findings)

    def counts(self) -> dict[str, int]:
        return dict(Counter(finding.verdict.value for _, finding in self.findings()))

    def to_tree(self) -> dict[str, Any]:
        """The JSON of `--json`, as docs/verifying.md describes it."""
        return {
            "collection_id": self.collection_id,
            "store": self.store,
            "verdict": self.overall.name,
            "counts": self.counts(),
            "gaps": len(self.gaps),
            "posts": self.posts,
            "lists": self.lists,
            "edges": self.edges,
            "files_read": self.files_read,
            "bytes_read": self.bytes_read,
            "uncompressed_bytes": self.raw_bytes,
            "subset": self.subset,
            "folders": [part.to_tree() for part in self.parts],
        }
