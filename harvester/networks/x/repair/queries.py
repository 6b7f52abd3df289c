"""Turns rules that were live into the fewest queries of a search, and names what these cannot find.

A query for words brings no retweets, so it is never joined with one that brings them.
"""

from collections.abc import Iterable, Iterator, Sequence

from harvester.networks.repair import LiveRule, OutOfReach, Query, Searches, merged
from harvester.networks.x.repair.operators import Alternative, alternatives

# docs.x.com, "Search": recent and full archive.
QUERY_LENGTH = {False: 512, True: 1024}

RETWEETS, QUOTED, NOT_SEARCHABLE, TOO_LONG = "retweets", "quoted text", "not searchable", "too long"
_OR = " OR "
_NO_RETWEETS = "since 2026-05-04 a search for words finds no retweets"
_NO_QUOTED = "a search does not look into the text of quoted posts"


def searches(rules: Sequence[LiveRule], *, archive: bool) -> Searches:
    """What to ask for, and what cannot be found in that way."""
    length = QUERY_LENGTH[archive]
    wanted: dict[bool, dict[str, dict[str, None]]] = {False: {}, True: {}}
    missed: list[OutOfReach] = []
    for rule in rules:
        for whole in alternatives(rule.value):
            for each in whole.split(length):
                if problem := _problem(each, rule.ids, length, archive=archive):
                    missed.append(problem)
                    continue
                wanted[each.has_words].setdefault(each.text, {}).update(dict.fromkeys(rule.ids))
                missed += _unseen(each, rule.ids)
    queries = [query for terms in wanted.values() for query in _joined(terms, length)]
    return Searches(tuple(queries), merged(missed))


def _problem(each: Alternative, ids: tuple[str, ...], length: int, *, archive: bool) -> OutOfReach | None:
    if names := each.stream_only:
        only = ", ".join(f"{name}:" for name in names)
        return OutOfReach(NOT_SEARCHABLE, ids, f"only streams have the operator {only}")
    if len(each.text) > length:
        more = "" if archive else "; --archive allows 1,024"
        reason = f"a part of {len(each.text)} characters, and a search takes {length:,}{more}"
        return OutOfReach(TOO_LONG, ids, reason)
    return None


def _unseen(each: Alternative, ids: tuple[str, ...]) -> Iterator[OutOfReach]:
    if each.has_words and not each.excludes("is:retweet"):
        yield OutOfReach(RETWEETS, ids, _NO_RETWEETS)
    if each.has_words and not each.excludes("is:quote"):
        yield OutOfReach(QUOTED, ids, _NO_QUOTED)


def _joined(terms: dict[str, dict[str, None]], length: int) -> Iterator[Query]:
    """The terms joined by OR, the longest first, each into the first query that has room."""
    filled: list[list[str]] = []
    sizes: list[int] = []
    for term in sorted(terms, key=lambda term: (-len(term), term)):
        needed = len(_OR) + len(term)
        at = next((number for number, size in enumerate(sizes) if size + needed <= length), None)
        if at is None:
            filled.append([term])
            sizes.append(len(term))
        else:
            filled[at].append(term)
            sizes[at] += needed
    for some in filled:
        yield Query(_OR.join(some), _rules_of(terms[term] for term in some))


def _rules_of(found: Iterable[dict[str, None]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule for ids in found for rule in ids))
