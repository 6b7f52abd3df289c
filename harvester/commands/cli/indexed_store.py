"""What commands that use an index need of a place: its collections, its cache, and what the index lacks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harvester.commands.cli.output import advise
from harvester.commands.cli.workspace import Workspace
from harvester.errors import Exit, HarvesterError
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.ledger.behind import Behind
    from harvester.tables.posts import Tables

_NAMED = 3
_NAME_IT = "Name the folder of your collections with --collections-path, or a bucket with --bucket."


class IndexedStore:
    """The store of a command, its collections, and where its index is; refuses a place without any.

    One that was indexed may have lost its last collection since, which an update takes out of the index.
    """

    def __init__(self, workspace: Workspace, asked: Sequence[str] = ()) -> None:
        from harvester.ledger.cache import cache_of
        from harvester.store.reading import reader

        if not workspace.bucket:
            _require_folder(workspace)
        self.workspace = workspace
        self.cache = cache_of(workspace.store.name, workspace.settings.cache)
        self.reader = reader(workspace.store)
        self.all = workspace.collection_ids()
        if not self.all and not self.cache.ledger.exists():
            raise HarvesterError(
                f"There are no collections in {self.reader.name}.",
                hint=_NAME_IT,
                exit_code=Exit.NO_COLLECTION,
            )
        self.require(asked)
        self.asked = tuple(asked)

    def require(self, ids: Sequence[str]) -> None:
        """Raise unless these collections are there."""
        from harvester.store.absent import no_collection

        for each in ids:
            if (keys := self.workspace.keys(each)).id not in self.all:
                raise no_collection(self.reader, keys)

    @property
    def tables(self) -> "Tables":
        from harvester.tables.posts import Tables

        return Tables(self.workspace.store, self.reader, self.cache.folder / "tables")

    @property
    def has_tables(self) -> bool:
        """Whether all collections have tables that are current."""
        return all(self.tables.posts(self.workspace.keys(each)) for each in self.asked or self.all)

    def behind(self) -> "Behind":
        """The files that the index lacks of the collections that were asked for."""
        from harvester.ledger.behind import behind

        return behind(self.cache, self.reader, self.asked or self.all)

    def damage(self) -> list[str]:
        """A warning if files were damaged when they were indexed: posts in them are not found."""
        from harvester.ledger.database import Ledger
        from harvester.ledger.files import damaged

        with Ledger.reading(self.cache) as ledger:
            number = sum(len(damaged(ledger, each)) for each in self.asked or ("",))
        names = "`search status` names such files."
        return [f"{counted(number, 'file')} could not be read whole; {names}"] if number else []


def advise_of(files: int, collections: Sequence[str]) -> None:
    """Say how many files an index lacks, if any, and of which collections."""
    if files:
        names = ", ".join(collections[:_NAMED])
        more = f" and {counted(len(collections) - _NAMED, 'other')}" if len(collections) > _NAMED else ""
        advise(f"The index lacks {counted(files, 'file')} of {names}{more}; `search index` adds them.")


def _require_folder(workspace: Workspace) -> None:
    from harvester.errors.files import require_links

    folder = workspace.folder
    require_links(folder)
    if folder.is_file():
        raise HarvesterError(
            f"{folder} is a file, and no folder of collections.", hint=_NAME_IT, exit_code=Exit.USAGE
        )
    if not folder.exists():
        raise HarvesterError(f"There is no folder {folder}.", hint=_NAME_IT, exit_code=Exit.NO_COLLECTION)
