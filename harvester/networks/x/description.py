"""What a collection may say of X: digits for ids, the states of accounts, and the words of its streams."""

from collections.abc import Iterator

from harvester.collection.kinds import Rules
from harvester.collection.kinds.kind import PLACEHOLDER, range_problems
from harvester.collection.kinds.names import FILTER, SEARCH
from harvester.documents import Tree
from harvester.networks.x.post_ids import GREATEST_ID, is_id

# docs.x.com, "Recovery and redundancy".
_MOST_MINUTES, _MOST_HOURS = 5, 24
_WORDS = ("track", "follow", "locations", "rules")


def _search_problems(search: Tree) -> Iterator[str]:
    if not isinstance(search.get("archive", False), bool):
        yield "search.archive is not true or false."


def _filter_problems(section: Tree) -> Iterator[str]:
    # Only of a stream, whose harvests import these anyway.
    from harvester.networks.x.matching.match import ATTRIBUTIONS, FILE
    from harvester.networks.x.rules.collection_rules import unreadable

    if not isinstance(section.get("count_rules", False), bool):
        yield "filter.count_rules is not true or false."
    if section.get("attribution", FILE) not in ATTRIBUTIONS:
        yield 'filter.attribution is not "record", "file" or "off".'
    yield from range_problems(section, "filter.", "backfill_minutes", least=0, most=_MOST_MINUTES)
    yield from range_problems(section, "filter.", "recovery_hours", least=0, most=_MOST_HOURS)
    if not any(section.get(key) for key in _WORDS):
        yield "Must provide track, follow, locations, or rules for a filter."
    yield from unreadable(
        {key: value for key, value in section.items() if not str(value).startswith(PLACEHOLDER)}
    )


RULES = Rules(
    "x",
    is_user=is_id,
    is_post=is_id,
    ids=f"X's ids are numbers from 1 to {GREATEST_ID}, as text, without leading zeros.",
    user_states=("protected", "suspended", "not_found"),
    keys={
        SEARCH: {"archive"},
        FILTER: {*_WORDS, "backfill_minutes", "recovery_hours", "count_rules", "attribution"},
    },
    problems={SEARCH: _search_problems, FILTER: _filter_problems},
    has_graph=True,
)
