"""Validates query parameters as X does; all problems become one 400 answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.api.errors import Problems, Refusal, invalid_request
from emulator.clock import Clock, first_id_at, iso_of_ms, parsed_iso
from emulator.views.fields import (
    EXPANSIONS,
    MEDIA_FIELDS,
    PLACE_FIELDS,
    POLL_FIELDS,
    POST_FIELDS,
    POST_NAMES,
    TWEET_FIELDS,
    USER_EXPANSIONS,
    USER_FIELDS,
)

DIGITS = re.compile(r"^[0-9]{1,19}$")
USERNAME = re.compile(r"^[A-Za-z0-9_]{1,15}$")
MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$")
BEGINNING = parsed_iso("2006-03-21T00:00:00Z")
TIMELINE_BEGINNING = parsed_iso("2010-11-06T00:00:00Z")
RECENT_SECONDS = 7 * 86_400

LISTS = {
    "tweet.fields": TWEET_FIELDS | {POST_NAMES[name] for name in POST_NAMES if name in TWEET_FIELDS},
    "post.fields": POST_FIELDS | TWEET_FIELDS,
    "user.fields": USER_FIELDS,
    "media.fields": MEDIA_FIELDS,
    "poll.fields": POLL_FIELDS,
    "place.fields": PLACE_FIELDS,
    "exclude": frozenset(["replies", "retweets"]),
    "sort_order": frozenset(["recency", "relevancy"]),
    "granularity": frozenset(["minute", "hour", "day"]),
}
POST_OBJECTS = (
    "tweet.fields",
    "post.fields",
    "expansions",
    "user.fields",
    "media.fields",
    "poll.fields",
    "place.fields",
)
USER_OBJECTS = ("user.fields", "expansions", "tweet.fields", "post.fields")
SPAN = ("start_time", "end_time", "since_id", "until_id")


@dataclass(frozen=True, kw_only=True)
class Accepts:
    """What one endpoint takes: names, page sizes, and lists of ids or names that must be there."""

    names: tuple[str, ...] = ()
    page: tuple[int, int, int] | None = None
    required: str = ""
    query_length: int = 0
    expansions: frozenset[str] = EXPANSIONS
    earliest: float | None = None

    @property
    def all_names(self) -> tuple[str, ...]:
        return (
            *self.names,
            *(("max_results",) if self.page else ()),
            *((self.required,) if self.required else ()),
        )


ACCEPTS: dict[str, Accepts] = {
    "users/:id/tweets": Accepts(
        names=(*POST_OBJECTS, *SPAN, "pagination_token", "exclude"),
        page=(5, 100, 10),
        earliest=TIMELINE_BEGINNING,
    ),
    "users/:id/mentions": Accepts(
        names=(*POST_OBJECTS, *SPAN, "pagination_token"), page=(5, 100, 10), earliest=TIMELINE_BEGINNING
    ),
    "search/recent": Accepts(
        names=(*POST_OBJECTS, *SPAN, "next_token", "pagination_token", "sort_order"),
        page=(10, 100, 10),
        required="query",
        query_length=512,
    ),
    "search/all": Accepts(
        names=(*POST_OBJECTS, *SPAN, "next_token", "pagination_token", "sort_order"),
        page=(10, 500, 10),
        required="query",
        query_length=1024,
        earliest=BEGINNING,
    ),
    "counts/recent": Accepts(
        names=(*SPAN, "next_token", "pagination_token", "granularity", "search_count.fields"),
        required="query",
        query_length=512,
    ),
    "counts/all": Accepts(
        names=(*SPAN, "next_token", "pagination_token", "granularity", "search_count.fields"),
        required="query",
        query_length=1024,
        earliest=BEGINNING,
    ),
    "tweets": Accepts(names=POST_OBJECTS, required="ids"),
    "users": Accepts(names=USER_OBJECTS, required="ids", expansions=USER_EXPANSIONS),
    "users/by": Accepts(names=USER_OBJECTS, required="usernames", expansions=USER_EXPANSIONS),
    "users/:id": Accepts(names=USER_OBJECTS, expansions=USER_EXPANSIONS),
    "users/by/username": Accepts(names=USER_OBJECTS, expansions=USER_EXPANSIONS),
    "followers": Accepts(
        names=(*USER_OBJECTS, "pagination_token"), page=(1, 1000, 100), expansions=USER_EXPANSIONS
    ),
    "following": Accepts(
        names=(*USER_OBJECTS, "pagination_token"), page=(1, 1000, 100), expansions=USER_EXPANSIONS
    ),
    "usage": Accepts(names=("days", "usage.fields")),
    "stream": Accepts(names=(*POST_OBJECTS, "backfill_minutes", "start_time", "end_time")),
    "rules:get": Accepts(names=("ids", "pagination_token"), page=(1, 1000, 1000)),
    "rules:post": Accepts(names=("dry_run", "delete_all")),
    "rules/counts": Accepts(names=("rules_count.fields",)),
    "connections": Accepts(
        names=("status", "endpoints", "max_results", "pagination_token", "connection.fields")
    ),
}


class Checker:
    """Collects every complaint about one request, then refuses once."""

    def __init__(self, accepts: Accepts, params: Mapping[str, str], problems: Problems, clock: Clock) -> None:
        self.accepts = accepts
        self.params = params
        self.problems = problems
        self.clock = clock
        self.errors: list[dict[str, Any]] = []

    def complain(self, name: str, message: str, value: str | None = None) -> None:
        given = self.params.get(name, "") if value is None else value
        self.errors.append({"parameters": {name: [given]}, "message": message})

    def refuse_if_wrong(self) -> None:
        if self.errors:
            raise self.refusal()

    def refusal(self) -> Refusal:
        return invalid_request(self.problems, *self.errors)

    def check(self, *, recent: bool) -> None:
        self._names()
        self._lists()
        self._required()
        self._numbers()
        self._ids()
        self._times(recent=recent)
        self.refuse_if_wrong()

    def _names(self) -> None:
        known = self.accepts.all_names
        for name in self.params:
            if name not in known:
                self.complain(name, f"The query parameter [{name}] is not one of [{','.join(known)}]")

    def _lists(self) -> None:
        for name, value in self.params.items():
            allowed = self.accepts.expansions if name == "expansions" else LISTS.get(name)
            if allowed is None:
                continue
            for word in value.split(","):
                if word not in allowed:
                    listed = ",".join(sorted(allowed))
                    self.complain(
                        name, f"The `{name}` query parameter value [{word}] is not one of [{listed}]", word
                    )

    def _required(self) -> None:
        name = self.accepts.required
        if not name:
            return
        value = self.params.get(name, "")
        if not value:
            self.complain(name, f"The `{name}` query parameter can not be empty")
            return
        if name == "query":
            return
        values = value.split(",")
        if len(values) > 100:
            counted = f"The number of values in the `{name}` query parameter list [{len(values)}]"
            self.complain(name, f"{counted} is not between 1 and 100")
        pattern = DIGITS if name == "ids" else USERNAME
        for word in values:
            if not pattern.match(word):
                self.complain(
                    name,
                    f"The `{name}` query parameter value [{word}] does not match {pattern.pattern}",
                    word,
                )

    def _numbers(self) -> None:
        ranges = {"max_results": self.accepts.page, "days": (1, 90, 7), "backfill_minutes": (0, 5, 0)}
        for name, bounds in ranges.items():
            value = self.params.get(name)
            if value is None or bounds is None or name not in self.accepts.all_names:
                continue
            if not value.lstrip("-").isdigit() or not bounds[0] <= int(value) <= bounds[1]:
                wanted = f"is not between {bounds[0]} and {bounds[1]}"
                self.complain(name, f"The `{name}` query parameter value [{value}] {wanted}")

    def _ids(self) -> None:
        for name in ("since_id", "until_id"):
            value = self.params.get(name)
            if value is not None and not DIGITS.match(value):
                self.complain(name, f"The `{name}` query parameter value [{value}] is not valid")
        if self.params.keys() & {"since_id", "until_id"} and self.params.keys() & {"start_time", "end_time"}:
            self.complain(
                "since_id" if "since_id" in self.params else "until_id",
                "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or 'end_time'.",
            )

    def _times(self, *, recent: bool) -> None:
        earliest = self.clock.now() - RECENT_SECONDS if recent else self.accepts.earliest
        for name in ("start_time", "end_time"):
            value = self.params.get(name)
            if value is None:
                continue
            if not MOMENT.match(value):
                self.complain(
                    name, f"The `{name}` query parameter value [{value}] is not a valid RFC3339 moment"
                )
            elif earliest is not None and parsed_iso(value) < earliest - 60:
                floor = iso_of_ms(int(earliest * 1000))[:16] + "Z"
                self.complain(name, f"Invalid '{name}':'{value}'. '{name}' must be on or after {floor}.")
        end = self.params.get("end_time", "")
        if MOMENT.match(end) and parsed_iso(end) > self.clock.now() - 10 and "query" in self.params:
            self.complain(
                "end_time",
                f"Invalid 'end_time':'{end}'. 'end_time' must be a minimum of 10 seconds "
                "prior to the request time.",
            )
        if recent:
            self._stale(first_id_at(self.clock.now() - RECENT_SECONDS))

    def _stale(self, oldest: int) -> None:
        """An id from before the window of recent search is refused, not shortened."""
        for name in ("since_id", "until_id"):
            value = self.params.get(name, "")
            if DIGITS.match(value) and int(value) < oldest:
                self.complain(name, stale_complaint(name, self.clock.now() - RECENT_SECONDS))


def stale_complaint(name: str, oldest: float) -> str:
    floor = iso_of_ms(int(oldest * 1000))[:16] + "Z"
    return (
        f"'{name}' must be a tweet id created after {floor}. "
        f"Please use a '{name}' that is larger than {first_id_at(oldest)}"
    )
