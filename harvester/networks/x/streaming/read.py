"""What came over a stream since the last read: one value from the parser to the source."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from harvester.documents import Tree
from harvester.networks.gap import MissedInterval


@dataclass
class StreamRead:
    """`lines` are ready to be stored, and `closed` says why there is no more.

    The parser fills it, the connection dates it, and the supervisor takes out what came before and adds gaps.
    `unread` counts the bytes that may have been posts and could not be read; the events hold them.
    """

    lines: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    events: list[Tree] = field(default_factory=list)
    keep_alives: int = 0
    unread: int = 0
    closed: str = ""
    alive: bool = False
    # X's time before the read began, rather too early than too late.
    since: datetime = datetime.min.replace(tzinfo=UTC)
    # What would be missing if nothing came after this read; None while that is not known.
    heard: MissedInterval | None = None

    def add(self, other: "StreamRead") -> None:
        """Add what was parsed after it."""
        self.lines += other.lines
        self.ids += other.ids
        self.events += other.events
        self.keep_alives += other.keep_alives
        self.unread += other.unread

    @property
    def is_empty(self) -> bool:
        return not (self.lines or self.keep_alives or self.events)

    @property
    def first_id(self) -> str | None:
        return self.ids[0] if self.ids else None

    @property
    def last_id(self) -> str | None:
        return self.ids[-1] if self.ids else None

    @property
    def reason(self) -> str:
        """Why X says that it ends the connection; empty if it does not say so."""
        return next((each["disconnect_type"] for each in self.events if each["event"] == "disconnect"), "")
