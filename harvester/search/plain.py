"""Whether a post matches a query, without an index: slow, and the reference for results of the index."""

from collections.abc import Callable

from harvester.networks.rows import PostRow
from harvester.search.expression import (
    Both,
    Either,
    Expression,
    Near,
    Published,
    Term,
    Without,
    Words,
)
from harvester.search.facts import Facts, facts_of, kilometres


def condition(expression: Expression) -> Callable[[PostRow], bool]:
    """Whether a post matches, of whichever collection it is."""
    return lambda row: matches(expression, facts_of(row, ""), "")


def matches(expression: Expression, facts: Facts, collection: str) -> bool:
    if isinstance(expression, Both):
        return all(matches(part, facts, collection) for part in expression.parts)
    if isinstance(expression, Either):
        return any(matches(part, facts, collection) for part in expression.parts)
    if isinstance(expression, Without):
        return not matches(expression.part, facts, collection)
    if isinstance(expression, Words):
        return _has_words(expression, facts.words)
    if isinstance(expression, Term):
        return not set(expression.values).isdisjoint(_values(expression.name, facts, collection))
    if isinstance(expression, Published):
        since, before = expression.since, expression.before
        return (since is None or facts.at >= since) and (before is None or facts.at < before)
    if isinstance(expression, Near):
        return _is_near(expression, facts)
    return True


def _has_words(wanted: Words, text: str) -> bool:
    there, size = text.split(), len(wanted.words)
    *whole, last = wanted.words
    for at in range(len(there) - size + 1):
        found = there[at + size - 1]
        if there[at : at + size - 1] == whole and (
            found.startswith(last) if wanted.prefix else found == last
        ):
            return True
    return False


def _values(name: str, facts: Facts, collection: str) -> tuple[str, ...] | list[str]:
    if name == "tag":
        return facts.tags
    if name == "mention":
        return facts.mentions
    if name == "has":
        return facts.has
    one = {
        "author": facts.author,
        "author_id": facts.author_id,
        "lang": facts.lang,
        "kind": facts.kind,
        "collection": collection,
        "included": "yes" if facts.included else "",
    }
    return (one[name],)


def _is_near(wanted: Near, facts: Facts) -> bool:
    if facts.lat is None or facts.lon is None:
        return False
    return kilometres(wanted.lat, wanted.lon, facts.lat, facts.lon) <= wanted.km
