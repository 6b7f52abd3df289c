"""The files of accounts of a crawl are whole, or it is said which is not and how it is made again."""

from collections.abc import Sequence

from harvester.documents.account_files import problem_in
from harvester.errors import HarvesterError
from harvester.graph.crawls import Crawl
from harvester.reading.splitting import Unreadable, split, unpacked
from harvester.store.reading import reader
from harvester.text import together


def require_intact(crawl: Crawl, depths: Sequence[int]) -> None:
    """Raise in one line where a file of accounts is damaged, before anything is spent on what it holds."""
    there = {entry.key for entry in crawl.store.entries(crawl.here.folder)}
    for depth in depths:
        for key in (crawl.here.depth(depth), crawl.here.order(depth)):
            if key in there and (problem := _problem(crawl, key)):
                raise HarvesterError(
                    f"{key} in {crawl.store.name} is damaged: {problem}.",
                    hint=_hint(crawl, key, depth, depths),
                )


def _problem(crawl: Crawl, key: str) -> str:
    try:
        # A file without lines is one empty piece.
        return problem_in(filter(None, split(unpacked(reader(crawl.store).pieces(key)))))
    except Unreadable as error:
        return str(error)


def _hint(crawl: Crawl, key: str, depth: int, depths: Sequence[int]) -> str:
    """A depth is a function of the stored pages before it and its conditions, so it can be made again."""
    restore = "Restore an earlier version of it"
    if not depth:
        return f"{restore}."
    if depth == depths[-1] and not any(of.harvest.depth == depth for of in crawl.harvests()):
        return f"`graph reselect {crawl.keys.id}` makes it again from the stored pages, for $0."
    later = [each for each in depths if each >= depth]
    if not crawl.state or not _has_conditions_of_today(crawl, later):
        return f"{restore}."
    names = dict.fromkeys([key, *map(crawl.here.depth, later)])
    removed = together([name.removeprefix(crawl.here.folder) for name in names])
    return f"{restore}, or remove {removed}: the next harvest makes the same again from stored pages, for $0."


def _has_conditions_of_today(crawl: Crawl, depths: Sequence[int]) -> bool:
    select = crawl.section.get("select") or {}
    try:
        return all(crawl.figures(depth).get("select") == select for depth in depths)
    except HarvesterError:
        return False
