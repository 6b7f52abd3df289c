"""Fault scripts: which requests fail, how, and how often they have."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson

from emulator.world.wording import names

# Instead of the answer: a body and a status (see faults/answers.py).
ANSWERS = names(
    "bad-param stale-since-id unauthorized credits-depleted not-enrolled rate-limit rate-limit-88 "
    "rate-limit-no-headers usage-cap too-many-connections rule-configuration provisioning rules-invalid "
    "unavailable internal-error not-found-404 html v1.1 empty-body truncated-json nothing errors-only"
)
# The accounts a request is about look different for this one request.
ACCOUNTS = names("not-found suspended protected")
# The world changes before the request is answered.
WORLD = names("set-state rename publish delete-post advance-clock revoke")
# The answer is right but shaped or sent differently.
SHAPES = names("short-page empty-page lost-token long-token stuck-token same-page miscount partial-errors")
SENDING = names("cut-mid-page stall slow-bytes delay reset drop refuse-connection")
# On the way of a stream, after so many posts of a connection.
STREAM = names(
    "cut-mid-line close drop reset stall silence slow-bytes duplicate reorder keepalive-only disconnect "
    "ghost-connection garbage-line error-line"
)
NAMES = ANSWERS | ACCOUNTS | WORLD | SHAPES | SENDING | STREAM
MEMBERS = frozenset(["on", "when", "do", "fired", "seen", "comment"])
WHEN = names("nth every from count user_id query chance param")


@dataclass(frozen=True)
class Asked:
    """What a rule looks at: `subjects` are the account or post ids and names a request is about."""

    name: str
    params: Mapping[str, str]
    subjects: frozenset[str]
    is_stream: bool = False


@dataclass
class Fault:
    on: str
    do: str
    when: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0

    def is_due(self, asked: Asked, draw: random.Random) -> bool:
        """Counts the request if the rule is about it; says whether it goes wrong."""
        if not fnmatchcase(asked.name, self.on) or not self._is_about(asked):
            return False
        self.seen += 1
        if not self._is_turn(draw) or self.fired >= self.when.get("count", float("inf")):
            return False
        self.fired += 1
        return True

    def _is_about(self, asked: Asked) -> bool:
        when = self.when
        if "user_id" in when and str(when["user_id"]) not in asked.subjects:
            return False
        if "param" in when and when["param"] not in asked.params:
            return False
        return "query" not in when or when["query"] in asked.params.get("query", "")

    def _is_turn(self, draw: random.Random) -> bool:
        when, seen = self.when, self.seen
        nth = when.get("nth", seen)
        turns = (
            seen in (nth if isinstance(nth, list) else [nth]),
            seen % when.get("every", 1) == 0,
            seen >= when.get("from", 0),
            "chance" not in when or draw.random() < when["chance"],
        )
        return all(turns)

    def shown(self) -> dict[str, Any]:
        return {
            "on": self.on,
            "when": self.when,
            "do": self.do,
            **self.more,
            "seen": self.seen,
            "fired": self.fired,
        }


class Faults:
    def __init__(self, *, seed: int = 1) -> None:
        self._draw = random.Random(seed)
        self.rules: list[Fault] = []

    @classmethod
    def from_file(cls, path: str | None, *, seed: int) -> "Faults":
        made = cls(seed=seed)
        if path:
            made.replace(orjson.loads(Path(path).read_bytes()))
        return made

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """A new script; counting starts at nothing. ValueError names what a rule has wrong."""
        self.rules = [fault_of(rule) for rule in rules]

    def shown(self) -> list[dict[str, Any]]:
        return [rule.shown() for rule in self.rules]

    def firing(self, asked: Asked) -> list[Fault]:
        """Rules that fire on this request, in the order of the script."""
        return [rule for rule in self.rules if rule.is_due(asked, self._draw)]


def fault_of(rule: Mapping[str, Any]) -> Fault:
    if not isinstance(rule, Mapping) or rule.get("do") not in NAMES:
        known = ", ".join(sorted(NAMES))
        raise ValueError(
            f"a fault does one of {known}; not {rule.get('do') if isinstance(rule, Mapping) else rule}"
        )
    when = rule.get("when") or {}
    if unknown := sorted(set(when) - WHEN):
        raise ValueError(f"a fault's `when` knows {', '.join(sorted(WHEN))}; not {', '.join(unknown)}")
    if not isinstance(rule.get("on"), str):
        raise ValueError('a fault needs `on`, as in "GET /2/users/*/tweets"')
    more = {name: value for name, value in rule.items() if name not in MEMBERS}
    return Fault(rule["on"], rule["do"], when, more)
