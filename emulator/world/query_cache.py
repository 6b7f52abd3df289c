"""Queries as they were read before: the pages of one chain ask the same one again and again."""

from collections import OrderedDict

from emulator.language import Bounds, Matcher, parsed
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
            self._kept[key] = Matcher(parsed(text, self.bounds), deep=deep, named=self.world.named)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]
