"""Queries as they were read before: the pages of one chain ask the same one again and again."""

from collections import OrderedDict

from emulator.language import Bounds, Matcher, Node, QueryError, parsed
from emulator.world.world import World

KEPT = 256


class Queries:
    def __init__(self, world: World, bounds: Bounds) -> None:
        self.world = world
        self.bounds = bounds
        self._kept: OrderedDict[tuple[str, bool], Matcher] = OrderedDict()

    def matcher(self, text: str, *, deep: bool) -> Matcher:
        """Raises QueryError for what X would refuse."""
        key = (text, deep)
        if key not in self._kept:
            tree = parsed(text, self.bounds)
            if not deep:
                refuse_what_only_streams_have(tree)
            self._kept[key] = Matcher(tree, deep=deep, named=self.world.named)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


def refuse_what_only_streams_have(tree: Node) -> None:
    for leaf, _ in tree.leaves():
        if leaf.kind == "sample":
            raise QueryError(f"Reference to invalid operator 'sample'. (at position {leaf.position})")
