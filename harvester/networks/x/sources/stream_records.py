"""What a collection asks for of its stream's records: to count them, to add the rules that they matched."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from harvester.documents import Tree
from harvester.networks.attribution import Origin
from harvester.networks.x.job import Job
from harvester.networks.x.matching.attribution import Attribution, attribution_of
from harvester.networks.x.rules.live_rules import tag_prefix
from harvester.networks.x.streaming.matched_tags import RuleTally


class StreamRecords:
    """Of one stream. The thread that reads it asks; any may tell which rules are live."""

    def __init__(self, job: Job) -> None:
        asked = job.collection["filter"]
        self._tally: RuleTally | None = None
        if job.rule_counts and asked.get("count_rules"):
            self._tally = RuleTally(tag_prefix(job.collection["id"]), job.rule_counts)
        self._adds_rules = asked.get("attribution") == "record"
        self._origin = Origin(job.collection["id"], job.harvest)
        self._versions: list[Tree] = []
        self._events: list[Tree] = []
        self._attribution: Attribution | None = None

    def learn(self, collection: Mapping[str, Any], event: Tree) -> None:
        """The live rules are those of this collection from now on, as the event tells."""
        if self._adds_rules:
            self._versions.append({"filter": collection["filter"]})
            self._events.append(event)
            self._attribution = attribution_of(self._versions, self._events)

    def stored(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        """The records as they are to be stored, counted."""
        if self._tally:
            self._tally.count(lines)
        if self._attribution is None:
            return lines
        return [self._with_rules(line, self._attribution) for line in lines]

    def _with_rules(self, line: bytes, attribution: Attribution) -> bytes:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            # Half of a surrogate pair; the record comes before what is known of it.
            return line
        return attribution.enriched(line, record, self._origin)
