"""The buttons: each runs the command that a person would type, and shows its output."""

import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from harvester.clock import in_background
from harvester.dashboard.place import Place
from harvester.errors import NotFound
from harvester.errors.files import in_words
from harvester.store.keys import CollectionKeys

# A faster answer is shown at once; a stop takes as long as the harvest needs to store its files.
_SHOWN_WITHIN = 8.0
_ENDS_WITHIN = 1800.0
_KEPT = 50
_LONGEST = 20_000

# A value of a form, e.g. the expression of a schedule, by its name.
Given = Mapping[str, str]


@dataclass(frozen=True)
class Button:
    """The names of a command, its fixed options, and the fields that are its options and arguments."""

    names: tuple[str, ...]
    options: tuple[str, ...] = ()
    option_fields: Mapping[str, str] = field(default_factory=dict)
    argument_fields: tuple[str, ...] = ()


BUTTONS: Mapping[str, Button] = {
    "once": Button(("collection", "once")),
    "once-dry-run": Button(("collection", "once"), ("--dry-run",)),
    "filter-start": Button(("collection", "filter-start")),
    "filter-start-dry-run": Button(("collection", "filter-start"), ("--dry-run",)),
    "filter-stop": Button(("collection", "filter-stop")),
    "stop": Button(("harvest", "stop")),
    "schedule": Button(
        ("collection", "schedule"), (), {"--timezone": "timezone"}, argument_fields=("expression",)
    ),
    "pause": Button(("collection", "stop"), ("--pause",)),
    "unschedule": Button(("collection", "stop")),
    "verify": Button(("collection", "verify")),
}


@dataclass
class Action:
    """A command that was run: its name and, once it has ended, its exit code and output."""

    number: int
    collection_id: str
    typed: str
    code: int | None = None
    said: str = ""


class Actions:
    """The commands of one run of the dashboard, newest first."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._done: deque[Action] = deque(maxlen=_KEPT)

    def to_show(self, collection_id: str) -> Action | None:
        """The last command of a collection; after it has ended, it is shown once."""
        with self._lock:
            found = next((each for each in self._done if each.collection_id == collection_id), None)
            if found and found.code is not None:
                left = [each for each in self._done if each.collection_id != collection_id]
                self._done = deque(left, maxlen=_KEPT)
            return found

    def run(self, name: str, collection_id: str, given: Given) -> Action:
        """Start the command; returns once it has ended, or after some seconds."""
        button = BUTTONS.get(name)
        if button is None:
            raise NotFound(f"There is no button {name}.", hint="Reload the page.")
        keys = CollectionKeys(collection_id)
        names = [*button.names, *button.options]
        for option, value in ((option, given.get(each, "")) for option, each in button.option_fields.items()):
            # As one argument, so that a value is never read as an option.
            names += [f"{option}={value}"] if value else []
        values = [keys.id, *(given.get(each, "") for each in button.argument_fields)]
        action = Action(next(self._numbers), keys.id, self._typed(button, names, values))
        with self._lock:
            self._done.appendleft(action)
        ended = in_background(lambda: _run(self._place.command(names, values), action), name="action")
        _wait(ended)
        return action

    def _typed(self, button: Button, names: Sequence[str], values: Sequence[str]) -> str:
        """The command as it does the same in a shell, in the place of this dashboard."""
        begin = self._place.complete(f"`twarc_cloud.py {' '.join(button.names)}`").strip("`")
        options = names[len(button.names) :]
        ends = ["--"] if any(value.startswith("-") for value in values) else []
        return " ".join([begin, shlex.join([*options, *ends, *values])])


def _wait(ended: "Future[None]") -> None:
    with suppress(NotYet):
        ended.result(timeout=_SHOWN_WITHIN)


def _run(command: Sequence[str], action: Action) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ENDS_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        action.said, action.code = f"It did not end within {_ENDS_WITHIN / 60:.0f} minutes.", -1
    except OSError as error:
        action.said, action.code = str(in_words(error)), -1
    else:
        # The code last: a reader that finds it also finds the output.
        action.said = done.stdout.decode("utf-8", "backslashreplace").strip()[-_LONGEST:]
        action.code = done.returncode
