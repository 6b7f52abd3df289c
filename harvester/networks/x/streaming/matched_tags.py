"""Which live rules a record matched, read without reading the record: what X says of it stands apart."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from harvester.networks.rule_counts import RuleCounts
from harvester.networks.x.matching.reduced import matching_rules_in

# Most posts match what others do: the number of answers that are remembered, and the size of one in bytes.
_REMEMBERED, _LENGTH = 2_000, 2_000


class _Rule(msgspec.Struct):
    tag: str = ""


class _Record(msgspec.Struct):
    matching_rules: list[_Rule] = []


_record = msgspec.json.Decoder(_Record).decode


class MatchedTags:
    """Of the records of one stream, as they are stored."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, ...]] = {}

    def counted(self, lines: Iterable[bytes]) -> Counter[tuple[str, ...]]:
        """How many of the records matched live rules of these tags."""
        return Counter(map(self._tags, lines))

    def _tags(self, line: bytes) -> tuple[str, ...]:
        part = matching_rules_in(line)
        known = self._known.get(part)
        if known is not None:
            return known
        tags = _read(b"{" + part + b"}")
        if tags is None:
            tags = _read(line) or ()
        elif len(part) < _LENGTH:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[part] = tags
        return tags


class RuleTally:
    """Counts the records of one stream by the rules of its collection, whose tags begin with `prefix`."""

    def __init__(self, prefix: str, counts: RuleCounts) -> None:
        self._prefix, self._counts = prefix, counts
        self._tags = MatchedTags()

    def count(self, lines: Iterable[bytes]) -> None:
        found: Counter[tuple[str, ...]] = Counter()
        for tags, count in self._tags.counted(lines).items():
            ours = dict.fromkeys(tag for tag in tags if tag.startswith(self._prefix))
            found[tuple(tag.removeprefix(self._prefix) for tag in ours)] += count
        self._counts.add(found)


def _read(record: bytes) -> tuple[str, ...] | None:
    try:
        return tuple(rule.tag for rule in _record(record).matching_rules)
    except ValueError:
        return None
