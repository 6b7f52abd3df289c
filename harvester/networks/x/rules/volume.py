"""How many posts a day the rules of a stream match, by X's counts; each request for counts costs money.

Counts use the index of the search: they know less than a stream, and what they do not know is named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harvester.networks.check import Check
from harvester.networks.x.decoding import member, number
from harvester.networks.x.endpoints import STREAM
from harvester.networks.x.errors import ApiCode, XError
from harvester.networks.x.prices import price
from harvester.networks.x.repair.operators import Alternative, alternatives
from harvester.networks.x.repair.queries import QUERY_LENGTH
from harvester.networks.x.rules.live_rules import RuleCaps
from harvester.networks.x.rules.packing import OR, chunks
from harvester.networks.x.rules.wanted import active_rules, translated

if TYPE_CHECKING:
    from harvester.networks.x.client import XClient

_DAYS = 7
_LENGTH = QUERY_LENGTH[False]


@dataclass(frozen=True)
class Counting:
    """What is asked to count a rule, of which the posts that match two queries count twice."""

    name: str
    value: str
    queries: tuple[str, ...]
    # The parts that no count covers.
    unknown: tuple[str, ...] = ()
    without_retweets: bool = False


def countings(asked: Mapping[str, Any]) -> list[Counting]:
    """One for each value of the active rules of a `filter`."""
    return [_counting(each.ids, each.values) for each in translated(active_rules(asked), RuleCaps())]


def requests(asked: Mapping[str, Any]) -> int:
    """How many requests they take."""
    return sum(len(each.queries) for each in countings(asked))


def volumes(asked: Mapping[str, Any], x: "XClient") -> Iterator[Check]:
    """The posts a day of each rule, and of all together; waits where X's window of counts is used up."""
    total = 0.0
    for each in countings(asked):
        try:
            posts = sum(matched(x.counts(query)) for query in each.queries) / _DAYS
        except XError as error:
            if error.outcome not in (ApiCode.BAD_REQUEST, ApiCode.RULES_PROBLEM):
                raise
            yield Check(f"volume of {each.name}", True, f"cannot be counted: {error.message}")
            continue
        total += posts
        yield Check(f"volume of {each.name}", True, _told(each, posts))
    dollars = f"${price(STREAM.name, posts=1) * total:,.2f}"
    many = f"{total:,.0f} posts a day in all, for {dollars}"
    yield Check("volume", True, f"{many}; a post that matches several rules is counted for each.")


def matched(counts: Mapping[str, Any]) -> int:
    """How many posts there are in an answer, under X's older or newer name, or under both."""
    meta = member(counts, "meta")
    return max(number(member(meta, name)) for name in ("total_tweet_count", "total_post_count"))


def _counting(ids: Sequence[str], values: Sequence[str]) -> Counting:
    texts: dict[str, Alternative] = {}
    unknown: dict[str, None] = {}
    for value in values:
        for each in (part for whole in alternatives(value) for part in whole.split(_LENGTH)):
            if names := each.stream_only:
                unknown[f"only streams have {', '.join(f'{name}:' for name in names)}"] = None
            elif len(each.text) > _LENGTH:
                unknown[f"a part has {len(each.text):,} characters, and counts take {_LENGTH}"] = None
            else:
                texts[each.text] = each
    return Counting(
        ", ".join(ids),
        values[0],
        tuple(OR.join(chunk) for chunk in chunks(texts, length=_LENGTH)),
        tuple(unknown),
        without_retweets=any(each.has_words and not each.excludes("is:retweet") for each in texts.values()),
    )


def _told(each: Counting, posts: float) -> str:
    parts = []
    if each.queries:
        retweets = ", without retweets" if each.without_retweets else ""
        parts.append(
            f"about {posts:,.0f} posts a day{retweets}, for ${price(STREAM.name, posts=1) * posts:,.2f}"
        )
    parts += [f"not countable: {reason}" for reason in each.unknown]
    value = each.value if len(each.value) <= 60 else f"{each.value[:60]} ..."
    return f"{'; '.join(parts)} ({value})"
