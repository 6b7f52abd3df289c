"""What a harvest of this machine has synced is known from its journal, while it grows."""

from pathlib import Path
from typing import BinaryIO

import msgspec

from harvester.clock import moment
from harvester.documents.lines import split_lines
from harvester.errors.files import in_words
from harvester.store.keys import EVENTS


class _Side(msgspec.Struct):
    """A side file that does not grow."""

    size: int


class RecordsFile(msgspec.Struct):
    """A file of records, as far as it is synced, with its side file or, while it grows, the size of that."""

    name: str
    size: int
    posts: int = 0
    side: _Side | int | None = None

    @property
    def side_size(self) -> int:
        return self.side.size if isinstance(self.side, _Side) else self.side or 0


class KnownFiles(msgspec.Struct):
    """The files that a harvest has by its state, in a checkpoint or the first line of a journal."""

    harvest: str
    finished: list[RecordsFile] = []
    segment: RecordsFile | None = None
    sizes: dict[str, int] = {}


class _Entry(msgspec.Struct):
    finished: RecordsFile | None = None
    segment: RecordsFile | None = None
    sizes: dict[str, int] | None = None


_state = msgspec.json.Decoder(KnownFiles)
_entry = msgspec.json.Decoder(_Entry)


def work_folder(root: Path, harvest: str) -> "WorkFolder | None":
    """Where a harvest of this machine keeps what is not stored; None if it has no folder here."""
    digits = "".join(filter(str.isdigit, moment(harvest).isoformat()))[:14]
    found = [folder for folder in root.glob(f"{digits}-*") if list(folder.glob("journal-*.jsonl"))]
    # Another one of the same harvest knew less, and is about to be removed.
    for folder in sorted(found, key=_changed, reverse=True):
        work = WorkFolder(folder)
        if work.refresh() and work.harvest == harvest:
            return work
        work.close()
    return None


def _changed(folder: Path) -> float:
    try:
        return max((path.stat().st_mtime for path in folder.glob("journal-*.jsonl")), default=0.0)
    except OSError:
        return 0.0


class WorkFolder:
    """The journal of one harvest, read on as it grows. It is not touched, nor is its owner's mark."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.harvest = ""
        # By name: the files that no longer grow, and the one that does.
        self.finished: dict[str, RecordsFile] = {}
        self.open: RecordsFile | None = None
        self.events = 0
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._rest = b""

    def refresh(self) -> bool:
        """Learn what was synced since; False if the folder is gone, as all of it is stored."""
        try:
            journals = sorted(self.folder.glob("journal-*.jsonl"))
            if not journals:
                return False
            if journals[-1] != self._path:
                self._begin(journals[-1])
            self._read_on()
            return bool(self.harvest)
        except FileNotFoundError:
            return self.refresh() if self.folder.is_dir() else False
        except OSError as error:
            raise in_words(error, self.folder) from error

    def _begin(self, path: Path) -> None:
        self.close()
        self._file, self._path, self._rest = path.open("rb"), path, b""
        self.harvest = ""

    def _read_on(self) -> None:
        if self._file is None:
            return
        lines, self._rest = split_lines(self._rest + self._file.read())
        for line in lines:
            if self.harvest:
                self._learn(_entry.decode(line))
            else:
                self._learn_all(_state.decode(line))

    def _learn_all(self, state: KnownFiles) -> None:
        self.harvest = state.harvest
        self.finished = {file.name: file for file in state.finished}
        self.open = state.segment
        self.events = state.sizes.get(EVENTS, 0)

    def _learn(self, entry: _Entry) -> None:
        if entry.finished:
            self.finished[entry.finished.name] = entry.finished
        self.open = entry.segment
        if entry.sizes is not None:
            self.events = entry.sizes.get(EVENTS, 0)

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None
