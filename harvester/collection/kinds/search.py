"""A collection of one query: what matches it and is new since the harvest before."""

from collections.abc import Iterator

from harvester.collection.kinds.kind import (
    TEXT,
    TIME,
    Kind,
    Rules,
    count_problems,
    misshapen,
    resume_shape,
    shape_problems,
    unknown,
)
from harvester.collection.kinds.names import SEARCH
from harvester.documents import Tree

_LEARNED = ("since_id", "resume", "harvested_query", "searched_until")

_SHAPES = {"harvested_query": TEXT, "searched_until": TIME}


def _problems(tree: Tree, rules: Rules) -> Iterator[str]:
    search = tree.get("search")
    if search is None:
        yield "A search collection, but missing search."
        return
    if not isinstance(search, dict):
        yield misshapen("Search", '{"query": "cats"}')
        return
    yield from unknown(search, {"query", "max_records", *_LEARNED, *rules.keys_of(SEARCH)}, "search.")
    if not isinstance(search.get("query"), str) or not search["query"].strip():
        yield "Query must be provided."
    yield from rules.problems_of(SEARCH, search)
    if "since_id" in search and not rules.is_post(search["since_id"]):
        yield f"search.since_id is not a post id. {rules.ids}".rstrip()
    yield from shape_problems(search, _SHAPES | {"resume": resume_shape(rules)}, "search.")
    yield from count_problems(search, "max_records", "search.", least=0)


def _in_words(tree: Tree) -> str:
    return str((tree.get("search") or {}).get("query", ""))


KIND = Kind(
    SEARCH,
    "search",
    _problems,
    _in_words,
    {
        "search": {
            "query": "<Query>",
            "max_records": "<Optional. Maximum number of records to collect per harvest. Or remove.>",
        }
    },
    learned=_LEARNED,
    identity=("query",),
)
