"""What X does not promise and the emulator otherwise always does in one way, by chance from a seed.

`Variety` changes the form of an answer; this changes what is in it. Nothing that exists is lost to a client
that follows every token and reads all that it is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import orjson

from emulator.api.answers import Answer

T = TypeVar("T")

RATE_HEADERS = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
# How a list of followers is sorted; X says nothing of it.
NEWEST, OLDEST, MIXED = "newest", "oldest", "mixed"
LISTS = frozenset(["followers", "following"])
LOOK_UPS = frozenset(["users", "users/by", "tweets"])
# Problems of something that a page refers to, which say nothing about the page.
ASIDE: tuple[dict[str, Any], ...] = (
    {
        "resource_type": "user",
        "parameter": "entities.mentions.username",
        "resource_id": "nobody_here",
        "value": "nobody_here",
        "detail": "User has been suspended: [nobody_here].",
        "title": "Forbidden",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    },
    {
        "resource_type": "tweet",
        "parameter": "pinned_tweet_id",
        "resource_id": "1",
        "value": "1",
        "section": "includes",
        "detail": "Could not find tweet with pinned_tweet_id: [1].",
        "title": "Not Found Error",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    },
    {
        "resource_type": "tweet",
        "field": "non_public_metrics",
        "parameter": "non_public_metrics",
        "section": "data",
        "resource_id": "1",
        "detail": "Sorry, you are not authorized to access 'non_public_metrics' on the Tweet: [1].",
        "title": "Field Authorization Error",
        "type": "https://api.twitter.com/2/problems/not-authorized-for-field",
    },
)
RETRY_AFTER = ("0", "1", "120", "Thu, 01 Jan 2026 00:00:00 GMT", "soon")
LATER: tuple[Any, ...] = (None, True, 7, "later", [], {"a": [1.5, None]})


@dataclass(frozen=True)
class PagePlan:
    """How one page is cut: its size, what it repeats, whether one post waits, whether more is promised."""

    size: int
    repeats: int = 0
    holds: bool = False
    trailing: bool = False
    # Makes two tokens for one place different ones.
    salt: int = 0


class Surprises:
    """One emulator's; each answer draws from the same stream of chance."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.list_order = self._random.choice((NEWEST, OLDEST, MIXED))
        # A token that counts skips accounts, and repeats some, when the list changes meanwhile.
        self.lists_by_offset = self._often(0.3)

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    # Pages

    def plan(self, size: int) -> PagePlan:
        return PagePlan(
            size=self._random.randrange(size + 1) if self._often(0.3) else size,
            repeats=self._random.randrange(1, 4) if self._often(0.3) else 0,
            holds=self._often(0.2),
            trailing=self._often(0.3),
            salt=self._random.randrange(128),
        )

    def held(self, fresh: Sequence[T], plan: PagePlan) -> T | None:
        """One of the page that comes with the next one.

        Never the last, from which that goes on, nor the newest, which X says to be on the first page.
        """
        return self._random.choice(fresh[1:-1]) if plan.holds and len(fresh) > 2 else None

    def in_some_order(self, things: list[T], *, near: bool = True) -> list[T]:
        """Now and then some have changed places with their neighbours, or all with any."""
        if not near:
            return self._random.sample(things, len(things))
        for at in range(len(things) - 1) if self._often(0.5) else ():
            if self._often(0.2):
                things[at], things[at + 1] = things[at + 1], things[at]
        return things

    def place_in_list(self, position: int) -> int:
        """What a list is sorted by, least first."""
        if self.list_order == NEWEST:
            return (1 << 62) - position
        return position if self.list_order == OLDEST else position * 0x9E3779B97F4A7C15 % (1 << 62)

    # Answers

    def answered(self, endpoint: str, answer: Answer) -> Answer:
        """The same answer with what may be in it beside, in another order, or not at all."""
        if answer.status not in (200, 201) or not answer.body.startswith(b"{"):
            return answer
        document = orjson.loads(answer.body)
        change = {"rules:get": self._rules, "rules:post": self._changed, "rules/counts": self._counts}
        change.get(endpoint, self._page)(endpoint, document)
        if self._often(0.2):
            document["later"] = self._random.choice(LATER)
        if endpoint == "rules:post":
            answer.status = self._random.choice((200, 201))
        answer.body = orjson.dumps(document)
        return answer

    def _page(self, endpoint: str, document: dict[str, Any]) -> None:
        data = document.get("data")
        if isinstance(data, list) and endpoint in LOOK_UPS:
            self._random.shuffle(data)
            if len(data) > 1 and self._often(0.1):
                # Of some X says nothing at all.
                data.pop()
        for thing in data if isinstance(data, list) else [data]:
            if isinstance(thing, dict):
                self._thing(thing)
        self._includes(document.get("includes"))
        if data and endpoint != "usage" and self._often(0.2):
            document.setdefault("errors", []).append(dict(self._random.choice(ASIDE)))
        if isinstance(meta := document.get("meta"), dict):
            self._meta(meta, is_list=endpoint in LISTS)

    def _thing(self, thing: dict[str, Any]) -> None:
        if self._often(0.1):
            thing["later"] = self._random.choice(LATER)
        if self._often(0.05):
            thing["withheld"] = {"copyright": False, "country_codes": ["DE", "XY"]}
        history = thing.get("edit_history_tweet_ids")
        if isinstance(history, list) and history and self._often(0.1):
            history.insert(0, str(int(history[0]) - 7))

    def _includes(self, includes: dict[str, Any] | None) -> None:
        if not includes:
            return
        for things in includes.values():
            if self._often(0.5):
                self._random.shuffle(things)
            if self._often(0.1):
                things.append(dict(things[0]))
            if self._often(0.1):
                things.pop()
        if self._often(0.1):
            includes["topics"] = [{"id": "1", "name": "later"}]

    def _meta(self, meta: dict[str, Any], *, is_list: bool) -> None:
        if self._often(0.3):
            meta.pop("previous_token", None)
        if "result_count" in meta and meta["result_count"] and self._often(0.2):
            # Counted before what was deleted was taken out, or not at all. Accounts are never too many,
            # as a client could not know whether such a list is whole.
            meta["result_count"] += -1 if is_list else self._random.choice((1, 1, 2, -1))
            if self._often(0.3):
                del meta["result_count"]

    # Rules

    def _rules(self, _endpoint: str, document: dict[str, Any]) -> None:
        if rules := document.get("data"):
            self._random.shuffle(rules)
        elif self._often(0.5):
            document["data"] = []
        if rules and self._often(0.3):
            document["meta"].pop("result_count", None)

    def rules_page(self, size: int) -> int:
        return self._random.randrange(1, size + 1) if self._often(0.3) else size

    def _changed(self, _endpoint: str, document: dict[str, Any]) -> None:
        """What became of rules is told by `data`, by `errors`, by the summary, or by fewer of them."""
        for name in ("data", "errors"):
            self._random.shuffle(document.get(name, []))
        for rule in document.get("data", ()):
            if self._often(0.1):
                rule.pop("tag", None)
        for error in document.get("errors", ()):
            if self._often(0.3):
                error.pop("id", None)
        if "data" in document and self._often(0.3):
            del document["data"][self._random.randrange(len(document["data"])) :]
            if not document["data"]:
                del document["data"]
        elif self._often(0.2):
            document["meta"].pop("summary", None)
        if self._often(0.2):
            document["meta"].pop("sent", None)

    def _counts(self, _endpoint: str, document: dict[str, Any]) -> None:
        data = document["data"]
        for name in ("cap_per_client_app", "cap_per_project", "project_rules_count"):
            if self._often(0.3):
                data[name] = int(data[name])
        if self._often(0.3):
            del data["all_project_client_apps"]

    def matching(self, rules: list[dict[str, str]]) -> list[dict[str, str]]:
        """The rules of a record in any order, one twice, one that was deleted, or all without their tags."""
        self._random.shuffle(rules)
        if self._often(0.1):
            rules.append(dict(rules[0]))
        if self._often(0.1):
            rules.insert(0, {"id": "1", "tag": "of a rule that is gone"})
        return [{"id": rule["id"]} for rule in rules] if self._often(0.1) else rules

    # Streams

    def sent(self, records: list[T], is_post: Callable[[T], bool]) -> list[T]:
        """What goes out now: out of order, and some posts for a second time."""
        found: list[T] = []
        for record in self.in_some_order(records):
            found += [record, record] if is_post(record) and self._often(0.1) else [record]
        return found

    def repeats_at_start(self) -> int:
        """How many posts of the connection before come again on this one."""
        return self._random.randrange(6) if self._often(0.5) else 0

    def keepalive(self, seconds: float) -> float:
        """The pause before a blank line, which X says to be at most so long."""
        return seconds * self._random.uniform(0.05, 1.0)

    def cuts_blank_line(self) -> bool:
        return self._often(0.5)

    # Connections

    def headers(self, status: int, headers: Mapping[str, str]) -> dict[str, str]:
        """Not all of the rate window; `Retry-After` where something refuses for now."""
        kept = {name: text for name, text in headers.items() if name not in RATE_HEADERS or self._often(0.9)}
        if status in (429, 503) and self._often(0.5):
            kept["Retry-After"] = self._random.choice(RETRY_AFTER)
        return kept

    def skew(self) -> float:
        """Seconds by which this machine of X's differs from the others."""
        return self._random.choice((-1.0, 0.0, 0.0, 0.0, 1.0))

    def squeezes(self) -> bool:
        return self._often(0.5)

    def closing(self) -> str:
        """Whether the connection ends after an answer, and whether the answer says so."""
        return self._random.choice(("", "", "", "", "told", "untold"))
