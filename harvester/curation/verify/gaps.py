"""Gaps in harvest.json: as events.jsonl tells them, and open unless a repair that is there closed them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from harvester.clock import moment
from harvester.curation.verify.verdicts import Finding, Part, Verdict
from harvester.networks import Network
from harvester.networks.gap import BACKFILL, GAP
from harvester.store.keys import HARVEST, CollectionKeys
from harvester.text import counted


@dataclass(frozen=True)
class RecordedGaps:
    """The gaps of a harvest's harvest.json, and what that says of those that it repaired."""

    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gaps(self) -> tuple[dict[str, Any], ...]:
        return tuple(self._listed("gaps"))

    @property
    def repairs(self) -> tuple[dict[str, Any], ...]:
        return tuple(self._listed("repairs"))

    def _listed(self, name: str) -> Iterator[dict[str, Any]]:
        found = self.summary.get(name, [])
        yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()

    def findings(self, network: Network) -> Iterator[Finding]:
        yield from _of_gaps(self.gaps)
        for gap in self.gaps:
            if why := network.why_impossible(gap):
                reason = f"its gap from {gap.get('from')} to {gap.get('to')} is impossible: {why}"
                yield Finding(HARVEST, Verdict.IMPOSSIBLE_GAP, reason)

    def differences_from(self, events: bytes) -> Iterator[Finding]:
        """Where events.jsonl of a harvest that ended has other gaps or repairs."""
        listed: dict[str, list[dict[str, Any]]] = {GAP: [], BACKFILL: []}
        for line in events.splitlines():
            try:
                event = orjson.loads(line)
            except orjson.JSONDecodeError:
                return
            if isinstance(event, dict) and event.get("event") in listed:
                listed[event["event"]].append(event)
        # How a gap was closed is known only later.
        gaps = [{name: value for name, value in gap.items() if name != "repaired"} for gap in self.gaps]
        for what, own, found in (("gap", gaps, listed[GAP]), ("repair", self.repairs, listed[BACKFILL])):
            if list(own) != found:
                why = f"it tells of {counted(len(own), what)}, events.jsonl of {len(found)}, or of others"
                yield Finding(HARVEST, Verdict.WRONG_COUNT, why)


def _of_gaps(gaps: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for gap in gaps:
        verdict = Verdict.REPAIRED if gap.get("repaired") else Verdict.GAP
        yield Finding(HARVEST, verdict, _in_words(gap))


def _in_words(gap: Mapping[str, Any]) -> str:
    whose = f" of user {gap['user_id']}" if gap.get("user_id") else ""
    where = f"from {gap.get('from')} to {gap.get('to')}: {gap.get('reason')}"
    if isinstance(closed := gap.get("repaired"), dict):
        missing = ", ".join(map(str, closed.get("out_of_reach") or ()))
        but = f", without {missing}" if missing else ""
        return f"what was missing {where}, was searched for by the repair of {closed.get('by')}{but}"
    return f"posts{whose} may be missing {where}"


# The folder of a harvest, and the beginning and the end of one of its gaps.
Place = tuple[str, str, str]


def with_repairs(
    parts: Sequence[Part], keys: CollectionKeys, repairs: Mapping[str, RecordedGaps]
) -> Iterator[Part]:
    """The parts, with the gaps closed that repairs closed, and a finding for each that none closed.

    `repairs` are those that are there and over, by their timestamps.
    """
    closed: dict[Place, dict[str, Any]] = {}
    for began, recorded in repairs.items():
        for event in recorded.repairs:
            classes = dict.fromkeys(str(each.get("class")) for each in event.get("out_of_reach") or ())
            closing = {"by": began, "state": event.get("state"), "out_of_reach": list(classes)}
            closed[_place(_folder(keys, event.get("harvest")), event)] = closing
    for part in parts:
        yield _with_repairs(part, closed)


def _with_repairs(part: Part, closed: Mapping[Place, dict[str, Any]]) -> Part:
    if not part.gaps:
        return part
    gaps = tuple(
        gap if gap.get("repaired") else {**gap, **_closing(closed.get(_place(part.folder, gap)))}
        for gap in part.gaps
    )
    kept = [each for each in part.findings if each.verdict not in (Verdict.GAP, Verdict.REPAIRED)]
    lost = [gap for gap in gaps if gap.get("repaired") and _place(part.folder, gap) not in closed]
    why = "it says that its gap from {} to {} was repaired, but no stored repair says so"
    missing = [
        Finding(HARVEST, Verdict.MISSING_LOST, why.format(gap.get("from"), gap.get("to"))) for gap in lost
    ]
    return replace(part, gaps=gaps, findings=(*kept, *_of_gaps(gaps), *missing))


def _closing(found: dict[str, Any] | None) -> dict[str, Any]:
    return {"repaired": found} if found else {}


def _place(folder: str, gap: Mapping[str, Any]) -> Place:
    return folder, str(gap.get("from")), str(gap.get("to"))


def _folder(keys: CollectionKeys, began: Any) -> str:
    try:
        return keys.harvest(moment(str(began))).folder
    except ValueError:
        return ""
