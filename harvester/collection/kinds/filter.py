"""A collection of a stream: what is published while it runs and matches a filter."""

from collections.abc import Iterator

from harvester.collection.kinds.kind import Kind, Rules, count_problems, misshapen, unknown
from harvester.collection.kinds.names import FILTER
from harvester.documents import Tree
from harvester.text import counted

# Where a network that replays its stream continues.
_LEARNED = ("position",)


def _problems(tree: Tree, rules: Rules) -> Iterator[str]:
    section = tree.get("filter")
    if section is None:
        yield "A filter collection, but missing filter."
        return
    if not isinstance(section, dict):
        yield misshapen("Filter", '{"track": "cats,dogs"}')
        return
    yield from unknown(section, {"max_records", *_LEARNED, *rules.keys_of(FILTER)}, "filter.")
    yield from rules.problems_of(FILTER, section)
    yield from count_problems(section, "max_records", "filter.", least=0)


def _in_words(tree: Tree) -> str:
    asked = tree.get("filter") or {}
    words = ", ".join(f"{key} {asked[key]}" for key in ("track", "follow", "locations") if asked.get(key))
    rules = counted(len(asked["rules"]), "rule") if asked.get("rules") else ""
    return ", ".join(filter(None, (words, rules)))


KIND = Kind(
    FILTER,
    "filter",
    _problems,
    _in_words,
    {
        "filter": {
            "track": "<Comma separated list of terms or hashtags. Or remove.>",
            "follow": "<Comma separated list of user ids. Or remove.>",
            "locations": "<Comma separated list of bounding boxes: west,south,east,north. Or remove.>",
            "max_records": "<Optional. Maximum number of records to collect per harvest. Or remove.>",
        }
    },
    learned=_LEARNED,
    is_stream=True,
)
