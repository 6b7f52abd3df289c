"""The repairs of a stream: intervals that it missed, and the searches for what was published in them."""

from collections.abc import Iterator
from typing import Any

from harvester.clock import moment
from harvester.collection.kinds.kind import Kind, Rules, unknown
from harvester.collection.kinds.names import REPAIR
from harvester.documents import Tree

_LEARNED = ("progress",)
_OF_SECTION = {"archive", "gaps", "queries", *_LEARNED}


def _problems(tree: Tree, _: Rules) -> Iterator[str]:
    section = tree.get("repair")
    if not isinstance(section, dict):
        yield "Repairs, but missing repair."
        return
    yield from unknown(section, _OF_SECTION, "repair.")
    gaps, queries = section.get("gaps"), section.get("queries")
    if not isinstance(section.get("progress", {}), dict):
        yield "repair.progress is not an object."
    if not isinstance(queries, list) or not all(map(_is_query, queries)):
        yield "repair.queries is not a list of queries."
    elif not isinstance(gaps, list) or not all(_is_gap(gap, len(queries)) for gap in gaps):
        yield "repair.gaps is not a list of gaps with their spans."


def _is_query(query: Any) -> bool:
    return isinstance(query, dict) and isinstance(query.get("query"), str)


def _is_gap(gap: Any, queries: int) -> bool:
    try:
        spans = [
            (moment(span["from"]), moment(span["to"]), *(range(queries)[at] for at in span["queries"]))
            for span in gap["spans"]
        ]
        return bool(moment(gap["from"]) <= moment(gap["to"])) and isinstance(spans, list)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


KIND = Kind(REPAIR, "repair", _problems, lambda _: "repairs", {}, learned=_LEARNED, is_repair=True)
