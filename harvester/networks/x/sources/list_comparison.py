"""A list that ended is compared with the last complete one of its account: accounts gained and lost."""

from typing import NamedTuple

from harvester.networks.crawl import Earlier
from harvester.networks.list_ids import DistinctIds, ListIds
from harvester.networks.x.sources.list_front import new_at_front


class Compared(NamedTuple):
    """With the list of which harvest, and who came and went since; None: it is not known."""

    harvest: str | None = None
    gained: DistinctIds | None = None
    lost: DistinctIds | None = None
    # Whether all that was gained is at the front of the list.
    newest_first: bool | None = None


NOT_COMPARED = Compared()


class Comparison(NamedTuple):
    """How many distinct ids the list has, and what was found; `problem` is why nothing was."""

    ids: int
    found: Compared = NOT_COMPARED
    problem: str = ""


def compare(ids: ListIds, earlier: Earlier | None, *, is_whole: bool, in_order: bool) -> Comparison:
    """Nothing may be added to `ids` any more. Only of a whole list it is known who was lost.

    `in_order` is whether the ids are in the order of a list that was read in full.
    """
    if earlier is None:
        return Comparison(len(ids.distinct()))
    known = ids_of(earlier)
    at_front = new_at_front(ids, known) if is_whole and in_order else None
    own = ids.distinct()
    if problem := problem_of(earlier, known):
        return Comparison(len(own), problem=problem)
    gained = own.without(known)
    # A list without gains does not show where they would be.
    newest_first = at_front >= len(gained) if at_front is not None and len(gained) else None
    lost = known.without(own) if is_whole else None
    return Comparison(len(own), Compared(earlier.harvest, gained, lost, newest_first))


def ids_of(earlier: Earlier) -> DistinctIds:
    found = ListIds()
    found.add_all(earlier.ids())
    return found.distinct()


def problem_of(earlier: Earlier, known: DistinctIds) -> str:
    """Why an earlier list cannot be compared with, whose `known` ids could be read; empty if it can."""
    if len(known) == earlier.received:
        return ""
    return f"{len(known)} of {earlier.received} ids of that of {earlier.harvest} can be read"
