"""Reads a harvest's manifests and harvest.json without trusting them."""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

import orjson

from harvester.curation.verify.verdicts import Finding, Verdict
from harvester.harvest.manifest import ALGORITHMS
from harvester.harvest.progress import COMPLETE, RUNNING
from harvester.store.keys import HARVEST, HARVEST_2019, is_segment_2019, manifest_name

MANIFESTS = {algorithm: manifest_name(algorithm) for algorithm in ALGORITHMS}

_LINE = {
    "sha1": re.compile(r"([0-9a-f]{40})  ([^\s./\\][^\s/\\]*)"),
    "sha256": re.compile(r"([0-9a-f]{64})  ([^\s./\\][^\s/\\]*)"),
}

# Nothing where it could not be read.
Read = Callable[[str], bytes | None]


@dataclass
class Claims:
    """`named` holds the digests of each manifest that is there: of a name of 2019 there may be several."""

    summary: dict[str, Any] | None = None
    of_2019: bool = False
    named: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def state(self) -> str:
        if self.of_2019:
            return COMPLETE if self.summary else ""
        return str((self.summary or {}).get("state", ""))

    @property
    def ended(self) -> bool:
        return bool(self.summary) and self.state != RUNNING

    @property
    def names(self) -> list[str]:
        """All that any manifest names, once each."""
        return list(dict.fromkeys(name for lines in self.named.values() for name in lines))

    def digests(self, name: str) -> list[tuple[str, list[str]]]:
        """What each manifest that names the file says of it."""
        return [(algorithm, lines[name]) for algorithm, lines in self.named.items() if name in lines]


def claims(names: set[str], read: Read) -> Claims:
    """The claims of a harvest whose folder holds these names."""
    found = Claims(of_2019=_is_of_2019(names))
    for algorithm, manifest in MANIFESTS.items():
        if manifest in names and (data := read(manifest)) is not None:
            lines, problems = _lines(data, algorithm)
            found.named[algorithm] = lines
            found.findings += [Finding(manifest, Verdict.CORRUPT, problem) for problem in problems]
    name = HARVEST_2019 if found.of_2019 else HARVEST
    if name in names and (data := read(name)) is not None:
        try:
            summary = orjson.loads(data)
            found.summary = summary if isinstance(summary, dict) else None
        except orjson.JSONDecodeError as error:
            found.findings.append(Finding(name, Verdict.CORRUPT, f"it is not JSON: {error}"))
    _compare_manifests(found, names)
    return found


def _is_of_2019(names: set[str]) -> bool:
    if HARVEST in names or MANIFESTS["sha256"] in names:
        return False
    return HARVEST_2019 in names or any(map(is_segment_2019, names))


def _lines(data: bytes, algorithm: str) -> tuple[dict[str, list[str]], list[str]]:
    lines: dict[str, list[str]] = {}
    problems = []
    text = data.decode(errors="replace")
    if text and not text.endswith("\n"):
        problems.append("its last line has no end")
    for number, line in enumerate(text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"), 1):
        found = _LINE[algorithm].fullmatch(line)
        if found:
            lines.setdefault(found[2], []).append(found[1])
        else:
            problems.append(f"line {number} of it is not a line of a manifest: {line[:60]!r}")
    return lines, problems


def _compare_manifests(found: Claims, there: Set[str]) -> None:
    """The two manifests of one harvest name the same files, save while one is being written.

    Of a name without a file it is unknown which of them is right.
    """
    if found.of_2019 or len(found.named) < 2 or not found.ended:
        return
    sha1, sha256 = (set(found.named[algorithm]) for algorithm in ALGORITHMS)
    for manifest, missing in ((MANIFESTS["sha1"], sha256 - sha1), (MANIFESTS["sha256"], sha1 - sha256)):
        if missing & there:
            why = f"it does not name {', '.join(sorted(missing & there)[:5])}, and the other manifest does"
            found.findings.append(Finding(manifest, Verdict.STALE, why))
