"""A collection's options for its stream's records: counting them, and storing which rules they matched."""

from collections.abc import Mapping, Sequence
from typing import Any

from harvester.documents import Tree
from harvester.networks.attribution import Matched, Origin
from harvester.networks.records import BrokenLine, Post
from harvester.networks.x.job import Job
from harvester.networks.x.matching.attribution import Attribution, LiveRules, names_all
from harvester.networks.x.matching.match import FILE, OFF, RECORD
from harvester.networks.x.posts import posts
from harvester.networks.x.rules.live_rules import tag_prefix
from harvester.networks.x.streaming.matched_tags import RuleTally


class StreamRecords:
    """Of one stream. The thread that reads it asks; any may tell which rules are live."""

    def __init__(self, job: Job) -> None:
        asked = job.collection["filter"]
        self._tally: RuleTally | None = None
        if job.rule_counts and asked.get("count_rules"):
            self._tally = RuleTally(tag_prefix(job.collection["id"]), job.rule_counts)
        self._asked = asked.get("attribution")
        self._has_file = self._asked == FILE
        self._origin = Origin(job.collection["id"], job.harvest)
        # Not the versions and events themselves: they would be processed again with each edit.
        self._live = LiveRules()
        self._attribution: Attribution | None = None

    def learn(self, collection: Mapping[str, Any], event: Tree) -> None:
        """The live rules are those of this collection from now on, as the event tells."""
        if self._asked == OFF:
            return
        self._live.learn_collection({"filter": collection["filter"]})
        self._live.learn_event(event)
        self._has_file = self._has_file or (self._asked is None and not names_all(event))
        if self._has_file or self._asked == RECORD:
            self._attribution = self._live.attribution()

    def stored(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        """The records as they are to be stored, counted."""
        if self._tally:
            self._tally.count(lines)
        if self._asked != RECORD or self._attribution is None:
            return lines
        return [self._attribution.enriched(_post_in(line), self._origin) for line in lines]

    def matches(self, lines: Sequence[bytes], ids: Sequence[str]) -> tuple[Matched, ...]:
        """Which rules matched, for the side file; of a record that matched none of ours nothing."""
        if not self._has_file or self._attribution is None:
            return ()
        told = enumerate(map(self._attribution.matched_line, lines), 1)
        return tuple(Matched(number, ids[number - 1], rules) for number, rules in told if rules)


def _post_in(line: bytes) -> Post:
    """The post of a record, in its line with the line's end."""
    try:
        return posts(line)[0]._replace(value=line)
    except BrokenLine:
        return Post("", line)
