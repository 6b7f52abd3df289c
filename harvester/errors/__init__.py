"""Failures that a person can act on are one error: a message, its problems and a hint."""

from collections.abc import Sequence
from enum import IntEnum

from harvester.text import printable


class Exit(IntEnum):
    """What the process tells its caller; documented in docs/exit-codes.md and stable."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PARTIAL = 3
    UNAUTHORIZED = 4
    RETRY_LATER = 5
    NO_COLLECTION = 10
    LOCKED = 11
    VERIFY_FAILED = 12
    INTERRUPTED = 130
    TERMINATED = 143

    @classmethod
    def of(cls, code: int) -> "Exit":
        """The outcome of a process that ended with this code; any other end, as by a signal, is an error."""
        return cls(code) if code in set(cls) else cls.ERROR


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as of `timeout`, a system that shuts down or a terminal that is closed."""

    def __init__(self, number: int) -> None:
        super().__init__()
        # As a shell has it of a process that a signal ended.
        self.exit_code = 128 + number


def interruption(error: BaseException | None) -> int:
    """The exit code where Ctrl-C or a signal led to this error; else 0."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    if error is None:
        return int(Exit.OK)
    return error.exit_code if isinstance(error, Terminated) else int(Exit.INTERRUPTED)


class HarvesterError(Exception):
    """A failure told in words: what happened and where, each single problem, and what to do next.

    One that `needs_change` comes again at each start until the collection is changed.
    """

    def __init__(
        self,
        message: str,
        problems: Sequence[str] = (),
        hint: str = "",
        *,
        exit_code: Exit = Exit.ERROR,
        needs_change: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.hint = hint
        self.exit_code = exit_code
        self.needs_change = needs_change

    def __str__(self) -> str:
        """One line; where there are several problems, one more for each. What others wrote adds none."""
        many = len(self.problems) > 1
        lines = [self.message, *(f"- {problem}" if many else problem for problem in self.problems)]
        if self.hint:
            lines.append(self.hint)
        lines = [printable(line) for line in lines]
        return ("\n" if many else " ").join(lines)


class EndedAtOnce(HarvesterError):
    """A harvest ended before it began; the message is what it said last, a line or several."""

    def __str__(self) -> str:
        return "\n".join(map(printable, self.message.split("\n")))


class NotFound(HarvesterError):
    """What was asked for is not in the store."""


class Conflict(HarvesterError):
    """Another writer was first; nothing was changed."""


class StoreAway(HarvesterError):
    """The store cannot be used now; what was to be stored is still on this machine.

    `lasting` where waiting alone does not help: a folder that may not be written, a bucket that is not there.
    """

    lasting = False


class LockLost(HarvesterError):
    """Another harvester owns the collection now; this one must write nothing more."""
