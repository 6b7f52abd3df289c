"""A parsed collection is used again while its version is the same."""

from harvester.documents import Tree


class Known:
    """A version of the collection that was parsed before; it is given away, as it may be large."""

    def __init__(self, tree: Tree, version: str) -> None:
        self._tree: Tree | None = tree
        self.version = version

    def taken(self, version: str) -> Tree | None:
        """The tree, the first time and if it is of this version; it is forgotten in any case."""
        tree, self._tree = self._tree, None
        return tree if version == self.version else None
