"""Stored lines as one record a post, and such records as the cells of a table."""

from collections.abc import Callable, Sequence

from harvester.documents import Tree
from harvester.networks.records import object_of


class Flat:
    """Of a network whose lines are one post each."""

    # The usual columns of a table.
    columns: Sequence[str] = ("id",)

    def posts(self, line: bytes) -> tuple[list[Tree], list[Tree]]:
        """The posts of a line, each with its objects, and the included posts; raises BrokenLine."""
        return [object_of(line, 1)], []

    def cells(self, columns: Sequence[str]) -> Callable[[Tree], list[str]]:
        """A function that makes the cells of a post in these columns."""
        return lambda post: [str(post.get(name, "")) for name in columns]
