"""Records exactly what was served, billed and requested, to find lost and duplicate records."""

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.api.answers import Answer
from emulator.clock import Clock, iso

REQUESTS_KEPT = 2000
# A post that is several of these is the first; one that is none is an original.
CLASSES = ("retweet", "quote", "reply", "original")


@dataclass
class StreamLog:
    """Every post published while a rule matched it: id, connection it went to (0: none), times written.

    `classes` are numbers in CLASSES.
    """

    ids: "array[int]" = field(default_factory=lambda: array("Q"))
    epochs: "array[int]" = field(default_factory=lambda: array("I"))
    written: bytearray = field(default_factory=bytearray)
    classes: bytearray = field(default_factory=bytearray)

    def publish(self, post_id: int, epoch: int, kinds: frozenset[str]) -> int:
        self.ids.append(post_id)
        self.classes.append(next((n for n, name in enumerate(CLASSES) if name in kinds), len(CLASSES) - 1))
        self.epochs.append(epoch)
        self.written.append(0)
        return len(self.ids) - 1

    def wrote(self, index: int) -> None:
        self.written[index] = min(255, self.written[index] + 1)


class Truth:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        self.timelines: dict[int, array[int]] = {}
        self.search: array[int] = array("Q")
        self.other: array[int] = array("Q")
        self.stream = StreamLog()
        self.connections: list[dict[str, Any]] = []
        self.lists: dict[tuple[str, int], array[int]] = {}
        self.users = 0
        self.owned_users = 0
        self.users_by_day: dict[str, array[int]] = {}
        self.by_day: dict[str, array[int]] = {}
        self.cut_posts: dict[str, array[int]] = {}
        self.cut_users: dict[str, array[int]] = {}
        self.counts: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)

    def note(self, method: str, path: str, status: int, outcome: str) -> None:
        moment = {"t": iso(self.clock.now()), "real_t": datetime.now(UTC).timestamp()}
        self.outcomes[outcome] += 1
        self.requests.append({**moment, "method": method, "path": path, "status": status, "outcome": outcome})

    @contextmanager
    def answering(self, endpoint: str) -> Iterator[None]:
        self.at_once[endpoint] += 1
        self.most_at_once[endpoint] = max(self.most_at_once[endpoint], self.at_once[endpoint])
        try:
            yield
        finally:
            self.at_once[endpoint] -= 1

    def served(self, endpoint: str, answer: Answer, *, whole: bool) -> None:
        """An answer went out; only successful ones are billed, and it is unknown of those that were cut."""
        if not whole:
            self._cut(answer)
            return
        self.counts[endpoint] += 1
        if answer.status != 200:
            return
        self._bill_users(answer)
        self.bill(answer.posts)
        if answer.posts:
            self._ledger(answer.ledger).extend(answer.posts)

    def _cut(self, answer: Answer) -> None:
        if answer.status == 200:
            day = iso(self.clock.now())[:10]
            self.cut_posts.setdefault(day, array("Q")).extend(answer.posts)
            self.cut_users.setdefault(day, array("Q")).extend(answer.users)

    def _bill_users(self, answer: Answer) -> None:
        self.users += len(answer.users)
        if answer.owned:
            self.owned_users += len(answer.users)
        if answer.users:
            day = iso(self.clock.now())[:10]
            self.users_by_day.setdefault(day, array("Q")).extend(answer.users)
            if answer.ledger:
                self.lists.setdefault(answer.ledger, array("Q")).extend(answer.users)

    def bill(self, posts: Iterable[int]) -> None:
        day = iso(self.clock.now())[:10]
        self.by_day.setdefault(day, array("Q")).extend(posts)

    def _ledger(self, ledger: tuple[str, int] | None) -> "array[int]":
        kind, user_id = ledger or ("other", 0)
        if kind == "timelines":
            return self.timelines.setdefault(user_id, array("Q"))
        return self.search if kind == "search" else self.other

    def billed(self) -> dict[str, Any]:
        return {
            "posts": sum(len(ids) for ids in self.by_day.values()),
            "posts_once_a_day": once_a_day(self.by_day),
            "posts_at_most": once_a_day(self.by_day, self.cut_posts),
            "users": self.users,
            "users_once_a_day": once_a_day(self.users_by_day),
            "users_at_most": once_a_day(self.users_by_day, self.cut_users),
            "users_owned": self.owned_users,
            "requests": dict(self.counts),
        }

    def totals(self) -> dict[str, int]:
        return {
            "timelines": sum(len(ids) for ids in self.timelines.values()),
            "search": len(self.search),
            "other": len(self.other),
            "stream": sum(self.stream.written),
            "stream_published": len(self.stream.ids),
        }

    def detail(self) -> dict[str, Any]:
        """How often each post, and each account of a list, was served, by endpoint."""
        log = self.stream
        streamed: Counter[str] = Counter()
        for post_id, written in zip(log.ids, log.written, strict=True):
            if written:
                streamed[str(post_id)] += written
        return {
            "timelines": {str(user_id): times(ids) for user_id, ids in self.timelines.items()},
            "search": times(self.search),
            "other": times(self.other),
            "stream": dict(streamed),
            **{
                direction: {
                    str(user): times(ids) for (way, user), ids in self.lists.items() if way == direction
                }
                for direction in ("followers", "following")
            },
        }


def once_a_day(*by_day: "dict[str, array[int]]") -> int:
    """How many ids there are, those of one day counted once."""
    days = {day for each in by_day for day in each}
    return sum(len({one for each in by_day for one in each.get(day, ())}) for day in days)


def times(ids: Sequence[int]) -> dict[str, int]:
    return {str(post_id): count for post_id, count in Counter(ids).items()}
