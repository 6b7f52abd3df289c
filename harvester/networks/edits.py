"""What a person changes of a collection while its stream runs, as the source of that stream learns of it."""

from dataclasses import dataclass, field
from typing import Protocol

from harvester.documents import Collection


@dataclass(frozen=True)
class Edit:
    """A later version of the collection, with its number and the changeset that made it."""

    # It may hold API keys.
    collection: Collection = field(repr=False)
    version: int
    changeset: str


class Edits(Protocol):
    """The source asks whether there is news as often as it likes, and says what has become of each edit."""

    @property
    def pending(self) -> bool:
        """Whether the collection was changed since it was read last."""
        ...

    def look(self) -> None:
        """Look whether it was changed untold, which makes it pending; costs a request, so once an hour."""
        ...

    def read(self) -> Edit:
        """The collection as it is now, from the store; raises if that or the collection is unusable."""
        ...

    def taken_over(self, edit: Edit) -> None:
        """From now on the stream is collected by this version."""
        ...

    def not_yet(self, why: str) -> None:
        """The stream continues as before; says why the changed collection is not in use."""
        ...


class NoEdits:
    """For a source that receives no edits."""

    pending = False

    def look(self) -> None:
        """There is nothing to be found."""

    def read(self) -> Edit:
        raise NotImplementedError

    def taken_over(self, edit: Edit) -> None:
        """It never comes to this."""

    def not_yet(self, why: str) -> None:
        """It never comes to this."""
