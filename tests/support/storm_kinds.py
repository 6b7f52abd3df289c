"""The kinds of collection under a storm: what the world does meanwhile, and what there was in the end."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import emulator
from tests.support.invariants import Found

Tree = dict[str, Any]

_PAGE = 100


@dataclass
class Timelines:
    """Accounts that get new posts, new names and other states between two harvests."""

    api: emulator.Emulated
    random: random.Random
    options = ("--users", "24", "--posts-per-user", "160", "--latency", "25")

    def __post_init__(self) -> None:
        self.ids = [user["id"] for user in self.api.control.users(count=24)]

    def description(self) -> Tree:
        return {"type": "user_timeline", "users": {user: {} for user in self.ids}}

    def changes(self) -> None:
        for user in self.random.sample(self.ids, 6):
            self.api.control.publish(user, count=self.random.choice([1, 5, 30]))
        state = self.random.choice(["ok", "protected", "suspended", "deleted"])
        self.api.control.user(self.random.choice(self.ids), state=state)
        self.api.control.user(self.random.choice(self.ids), username=f"name{self.random.randrange(10**6)}")

    def settle(self) -> None:
        for user in self.ids:
            self.api.control.user(user, state="ok")

    def existed(self) -> list[str]:
        return [post for user in self.ids for post in self.api.control.timeline(user)]

    def broken(self, found: Found) -> Iterator[str]:
        if "sweep" in found.collection:
            yield "a sweep was not ended"
        for user in self.ids:
            newest = self.api.control.timeline(user)[0]
            if found.collection["users"][user].get("since_id") != newest:
                yield f"user {user} has not the since_id {newest}"
            if "resume" in found.collection["users"][user]:
                yield f"user {user} has a chain that was not ended"

    def paid_twice(self, kills: int) -> tuple[int, int]:
        """Posts that were served more than once, and how many may have been."""
        served = self.api.truth(detail=True)["served"]["timelines"]
        again = [sum(times - 1 for times in posts.values()) for posts in served.values()]
        return sum(again), kills * _PAGE * 8


@dataclass
class Search:
    """A search that is cut by max_records again and again, while new posts match it."""

    api: emulator.Emulated
    random: random.Random
    options = ("--users", "8", "--posts-per-user", "1", "--search-posts", "3000", "--latency", "40")

    def __post_init__(self) -> None:
        self.ids = [user["id"] for user in self.api.control.users(count=8)]

    def description(self) -> Tree:
        return {"type": "search", "search": {"query": "flood", "max_records": 700}}

    def changes(self) -> None:
        for user in self.random.sample(self.ids, 3):
            self.api.control.publish(user, count=self.random.choice([1, 10, 60]), text="the flood rises")

    def settle(self) -> None:
        pass

    def existed(self) -> list[str]:
        return self.api.control.search("flood")

    def broken(self, found: Found) -> Iterator[str]:
        newest = self.api.control.search("flood")[0]
        if found.collection["search"].get("since_id") != newest:
            yield f"the search has not the since_id {newest}"
        if "resume" in found.collection["search"]:
            yield "a chain was not ended"

    def paid_twice(self, kills: int) -> tuple[int, int]:
        again = sum(times - 1 for times in self.api.truth(detail=True)["served"]["search"].values())
        return again, kills * _PAGE * 2


@dataclass
class Stream:
    """A stream of a few hundred posts a second, published as long as the storm lasts."""

    api: emulator.Emulated
    random: random.Random
    options = ("--users", "8", "--posts-per-user", "1", "--keepalive", "1")

    def __post_init__(self) -> None:
        self.ids = [user["id"] for user in self.api.control.users(count=8)]
        self._over = threading.Event()
        self._publisher = threading.Thread(target=self._publish, daemon=True)
        self._publisher.start()

    def description(self) -> Tree:
        return {"type": "filter", "filter": {"track": "flood"}}

    def changes(self) -> None:
        if self.random.random() < 0.2:
            self.api.control.disconnect(self.random.choice(["close", "drop", "reset"]))

    def settle(self) -> None:
        self._over.set()
        self._publisher.join()

    def existed(self) -> list[str]:
        """What was published since somebody first listened; the rules are set a moment before."""
        truth = self.api.control.stream()
        ids: list[str] = truth["ids"][truth["connections"][0]["published_before"] :]
        return ids

    def broken(self, found: Found) -> Iterator[str]:
        if not found.gaps:
            yield "no gap was told"

    def paid_twice(self, _: int) -> tuple[int, int]:
        return 0, 0

    def _publish(self) -> None:
        while not self._over.wait(0.1):
            self.api.control.publish(self.random.choice(self.ids), count=20, text="the flood rises")


KINDS: dict[str, Any] = {"user_timeline": Timelines, "search": Search, "filter": Stream}
