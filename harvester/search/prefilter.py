"""A query as SQL over the table of posts that holds for every post that matches, and for few others.

What a word is, is decided by `words` alone; SQL compares ASCII, and lets all other texts pass.
"""

from datetime import UTC, datetime

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

ALL, NONE = "true", "false"
_FOREIGN = "'[^\\x00-\\x7F]'"
_LISTS = {"tag": ("hashtags", "#"), "mention": ("mention_names", "@")}
_TEXTS = {"author": "username", "lang": "lang"}
_EXACT = {"author_id": "author_id", "kind": "kind"}
_HAS = {"geo": "lat IS NOT NULL", "media": "len(media_keys) > 0", "link": "len(urls) > 0"}


def prefilter(expression: Expression, collection: str) -> str:
    """The condition for the posts of a collection."""
    if isinstance(expression, Both | Either):
        parts = [prefilter(part, collection) for part in expression.parts]
        return f"({(' AND ' if isinstance(expression, Both) else ' OR ').join(parts)})"
    if isinstance(expression, Without):
        return _without(expression.part, collection)
    if isinstance(expression, Words):
        return " AND ".join(_word(word) for word in expression.words)
    if isinstance(expression, Term):
        return _term(expression, collection)
    if isinstance(expression, Published):
        return _published(expression)
    return "lat IS NOT NULL" if isinstance(expression, Near) else ALL


def _without(part: Expression, collection: str) -> str:
    """What is left out is left out by SQL only where the condition is exact."""
    if isinstance(part, Term) and part.name in (*_EXACT, "collection", "included"):
        return f"NOT ({_term(part, collection)})"
    return ALL


def _term(term: Term, collection: str) -> str:
    if term.name == "collection":
        return ALL if collection in term.values else NONE
    if term.name == "included":
        return "included" if "yes" in term.values else NONE
    if term.name == "has":
        return "(" + " OR ".join(_HAS.get(value, NONE) for value in term.values) + ")"
    values = ", ".join(_literal(value) for value in term.values)
    if term.name in _EXACT:
        return f"coalesce({_EXACT[term.name]}, '') IN ({values})"
    if term.name in _LISTS:
        name, sign = _LISTS[term.name]
        found = f"list_has_any(list_transform({name}, lambda each: ltrim(lower(each), '{sign}')), [{values}])"
        return f"({found} OR regexp_matches(array_to_string({name}, ' '), {_FOREIGN}))"
    name = _TEXTS[term.name]
    is_foreign = f"regexp_matches({name}, {_FOREIGN})"
    return f"(ltrim(lower(coalesce({name}, '')), '@') IN ({values}) OR coalesce({is_foreign}, false))"


def _word(word: str) -> str:
    foreign = f"regexp_matches(text, {_FOREIGN})"
    # Words of a text in ASCII are in ASCII.
    return f"({foreign} OR contains(lower(text), {_literal(word)}))" if word.isascii() else foreign


def _published(wanted: Published) -> str:
    parts = []
    for seconds, sign in ((wanted.since, ">="), (wanted.before, "<")):
        if seconds is not None and (text := _moment(seconds)):
            parts.append(f"(created_at IS NULL OR created_at {sign} TIMESTAMP '{text}')")
    return " AND ".join(parts) or ALL


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"
