"""The front of a list, where its new accounts are: it is read until enough known ones came in a row.

X promises nowhere to list the newest first. So a list is read in full until a comparison has shown that its
front had all that was gained; if one shows the opposite, no more than the front cannot be read.
"""

from collections.abc import Sequence

from harvester.networks.list_ids import DistinctIds, ListIds

IN_A_ROW = 200
# Accounts a page, so that a few new ones among known ones do not cost a request each.
_LEAST = 100


class ListFront:
    """How far the front of a list with an earlier, complete one goes, whose ids are `known`."""

    def __init__(self, known: DistinctIds) -> None:
        self._known = known
        self._row = 0

    @property
    def page(self) -> int:
        """How many accounts are asked for at once."""
        return max(_LEAST, IN_A_ROW - self._row)

    def begin_anew(self) -> None:
        self._row = 0

    def is_passed_by(self, ids: Sequence[str]) -> bool:
        """Whether the list ends within this page, which comes next."""
        for each in ids:
            self._row = 0 if each not in self._known else self._row + 1
            if self._row == IN_A_ROW:
                return True
        return False


def new_at_front(ids: ListIds, known: DistinctIds) -> int | None:
    """How many new accounts the front of a whole list has; None of a list that is read to its end either way.

    `ids` are in the order of the list.
    """
    found = row = 0
    for each in ids.in_order():
        if each not in known:
            found, row = found + 1, 0
        elif (row := row + 1) == IN_A_ROW:
            return found
    return None
