"""Found posts and their figures as lines for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harvester.text import counted, when

if TYPE_CHECKING:
    from harvester.search.answers import Answer
    from harvester.search.hits import Hit

# The length of the longest bar of a facet.
_WIDEST = 30


def answer_lines(answer: "Answer") -> Iterator[str]:
    """The number of posts, one or two lines for each that is shown, and the requested facets."""
    about = "" if answer.exact else "about "
    yield f"{about}{counted(answer.count, 'post')}" + (f", {len(answer.hits)} shown:" if answer.hits else ".")
    for hit in answer.hits:
        yield from _hit_lines(hit)
    for name, values in answer.facets.items():
        yield ""
        yield f"By {name}:"
        yield from _bars(values)


def _hit_lines(hit: "Hit") -> Iterator[str]:
    from harvester.search.hits import metrics_in_words

    who = f"@{hit.username}" if hit.username else hit.author_id or "?"
    what = [] if hit.kind == "post" else [hit.kind]
    what += ["included"] if hit.included else []
    what += [hit.place] if hit.place else []
    metrics = {name: value for name, value in hit.metrics.items() if name != "impressions"}
    what += list(filter(None, [metrics_in_words(metrics)]))
    yield "  ".join(
        [when(hit.created_at) or "no date", who, hit.collection, hit.id, ", ".join(what)]
    ).rstrip()
    yield f"    {' '.join(hit.text.split())}"


def _bars(values: list[tuple[str, int]]) -> Iterator[str]:
    if not values:
        yield "  none"
        return
    most = max(posts for _, posts in values)
    wide, right = max(len(value) for value, _ in values), len(f"{most:,}")
    for value, posts in values:
        bar = "#" * max(1, round(_WIDEST * posts / most))
        yield f"  {value.ljust(wide)}  {f'{posts:,}'.rjust(right)}  {bar}"
