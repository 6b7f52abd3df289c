"""A person at a terminal: commands typed in a folder of their own, with an emulator as the network."""

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click
import pytest
from click.testing import CliRunner

import emulator
from harvester.clock import Stop, SystemClock
from harvester.commands import run
from harvester.commands.cli.printed_commands import forget_typed
from harvester.commands.container import container
from harvester.commands.person import operator
from harvester.compute.local.processes import Slot

_never, _clock = Stop(), SystemClock()


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        return self.out + self.err


class Person:
    """Types commands; `url` is where the network is."""

    def __init__(self, folder: Path, where: tuple[str, ...] = ()) -> None:
        self.folder, self._where = folder, where

    def __call__(self, *arguments: str, answer: str | IO[bytes] = "", charset: str = "utf-8") -> Result:
        """Run a command as the door does, with `answer` typed to its questions."""
        return _run(operator, arguments, answer, charset)

    def harvester(self, *arguments: str, charset: str = "utf-8") -> Result:
        """The same at the container's door, in this process."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return _run(container, arguments, "", charset)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def output(self, *arguments: str, answer: str = "") -> str:
        """Its standard output; fails unless its exit code is 0."""
        told = self(*arguments, answer=answer)
        assert told.code == 0, told
        return told.out

    @property
    def file(self) -> dict[str, Any]:
        """collection.json on the desk."""
        return json.loads((self.folder / "collection.json").read_text())

    def write(self, tree: dict[str, Any]) -> None:
        (self.folder / "collection.json").write_text(json.dumps(tree))

    def stored(self, collection_id: str) -> dict[str, Any]:
        path = self.folder / "collections" / collection_id / "collection.json"
        return json.loads(path.read_text())

    def process(self, collection_id: str, kind: str = "harvest") -> int:
        """The id of the process that was started for a collection."""
        return int(self.slot(collection_id, kind).note["process"])

    def slot(self, collection_id: str, kind: str) -> Slot:
        (runs,) = self.folder.glob("*-runs")
        return Slot(runs / collection_id, kind)

    def end_all(self) -> None:
        """Nothing that was started outlives the test."""
        for path in self.folder.glob("*-runs/*/*.lock"):
            slot = Slot(path.parent, path.stem)
            slot.signal(signal.SIGKILL)
        for path in self.folder.glob("*-runs/*/*.lock"):
            slot = Slot(path.parent, path.stem)
            slot.signal(signal.SIGKILL)
            until(lambda slot=slot: not slot.is_alive)  # type: ignore[misc]


def _run(command: click.Command, arguments: Sequence[str], answer: str | IO[bytes], charset: str) -> Result:
    codes: list[int] = []
    typed = answer.encode() if isinstance(answer, str) else answer
    with CliRunner(charset=charset).isolation(input=typed) as streams:
        codes.append(run(command, list(arguments)))
        # A test that prints without a command would print where this one was.
        forget_typed()
        sys.stdout.flush()
        sys.stderr.flush()
        # Where there is ASCII only, Python and click write UTF-8.
        written = "utf-8" if charset == "ascii" else charset
        out, err = (stream.getvalue().decode(written) for stream in streams[:2])
    return Result(codes[0], out, err)


def until(true: Callable[[], Any], *, within: float = 60.0) -> Any:
    """Wait until something is so; what it is then."""
    deadline = _clock.elapsed() + within
    while not (found := true()):
        assert _clock.elapsed() < deadline, "waited too long"
        _clock.wait(_never, 0.05)
    return found


@contextmanager
def at_a_terminal(
    folder: Path, patch: pytest.MonkeyPatch, **options: Any
) -> Iterator[tuple[Person, emulator.Emulated]]:
    """A person in an empty folder, with keys, and an emulator with these options as the network."""
    with emulator.running(**options) as emulated:
        patch.chdir(folder)
        patch.setenv("X_API_URL", emulated.url)
        patch.setenv("BEARER_TOKEN", emulator.CREDENTIALS["bearer_token"])
        person = Person(folder)
        try:
            yield person, emulated
        finally:
            person.end_all()


def a_profile(home: Path, name: str = "museum") -> None:
    """~/.twarc with the emulator's keys as one profile."""
    home.mkdir(exist_ok=True)
    token = emulator.CREDENTIALS["bearer_token"]
    (home / ".twarc").write_text(f"[{name}]\nbearer_token = {token}\n")
    (home / ".twarc").chmod(0o600)
