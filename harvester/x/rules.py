"""What a collection's filter asks for becomes the fewest rules that the network's caps allow."""

import bisect
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harvester.errors import HarvesterError
from harvester.x.problems import Problem

RULE_LENGTH = 1024
# X refuses a side above 25 miles (40.2 km); a little less, as the earth is no sphere.
SIDE_KM = 40.0
KM_A_DEGREE = 111.32


@dataclass(frozen=True)
class Rule:
    value: str
    tag: str = ""

    @property
    def body(self) -> dict[str, str]:
        return {"value": self.value, "tag": self.tag} if self.tag else {"value": self.value}


@dataclass(frozen=True)
class RuleCaps:
    """How many rules the app may have, how many there are, and how long one may be."""

    rules: int = 1000
    length: int = RULE_LENGTH
    in_use: int = 0

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "RuleCaps":
        """From the answer of `rules/counts`, whose numbers are texts; a project's cap is for all its apps."""
        app, project = _int(told.get("cap_per_client_app")), _int(told.get("cap_per_project"))
        used, of_project = _int(told.get("client_app_rules_count")), _int(told.get("project_rules_count"))
        others = max(0, of_project - used)
        caps = [cap for cap in (app, project - others if project else 0) if cap > 0]
        return cls(rules=min(caps) if caps else cls.rules, in_use=used)


@dataclass(frozen=True)
class RulePlan:
    """What makes the live rules those wanted. `foreign` rules are not ours, stay, and send posts too."""

    add: tuple[Rule, ...] = ()
    delete: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    foreign: tuple[Mapping[str, Any], ...] = ()
    add_first: bool = True
    problems: tuple[Problem, ...] = ()

    def told(self, problems: tuple[Problem, ...]) -> "RulePlan":
        return replace(self, problems=self.problems + problems)


def compile_rules(asked: Mapping[str, Any], caps: RuleCaps | None = None, *, prefix: str = "") -> list[Rule]:
    """The rules of a collection's `filter`; one HarvesterError with all its problems where it has any.

    `track`, `follow` and `locations` widen each other, as they did in v1.1; `rules` are kept as they are.
    """
    caps = caps or RuleCaps()
    problems: list[str] = []
    groups = {
        "track": _tracked(asked.get("track"), problems),
        "follow": _followed(asked.get("follow"), problems),
        "locations": _boxes(asked.get("locations"), problems, caps),
    }
    native = _native(asked.get("rules"), problems, caps, prefix)
    for terms in groups.values():
        problems.extend(
            f"The term {term[:60]!r}... has {len(term)} characters, and a rule at most {caps.length}."
            for term in terms
            if len(term) > caps.length
        )
    if problems:
        raise HarvesterError(
            "The filter cannot be made into rules.", problems, "Correct these in the collection."
        )
    return _fitted(groups, native, caps, prefix)


def _fitted(groups: Mapping[str, list[str]], native: list[Rule], caps: RuleCaps, prefix: str) -> list[Rule]:
    apart = [
        Rule(value, f"{prefix}{name}-{number}")
        for name, terms in groups.items()
        for number, value in enumerate(packed(terms, length=caps.length), start=1)
    ]
    if len(apart) + len(native) <= caps.rules:
        return apart + native
    # Rules that tell what matched are the better ones, but fitting at all goes before that.
    name = "+".join(name for name, terms in groups.items() if terms)
    every = [term for terms in groups.values() for term in terms]
    mixed = [
        Rule(value, f"{prefix}{name}-{number}")
        for number, value in enumerate(packed(every, length=caps.length), start=1)
    ]
    if len(mixed) + len(native) <= caps.rules:
        return mixed + native
    raise HarvesterError(
        f"The filter needs {len(mixed) + len(native)} rules of {caps.length} characters, and the keys allow "
        f"{caps.rules}.",
        [f"{name}: {len(terms)} terms" for name, terms in groups.items() if terms]
        + ([f"rules: {len(native)}"] if native else []),
        "Take terms away, or divide them among collections with keys of their own.",
    )


def packed(terms: Iterable[str], *, length: int) -> list[str]:
    """Each term in exactly one value, joined by OR: the longest first, into the fullest that has room."""
    joint = " OR "
    room: list[tuple[int, int]] = []
    values: list[list[str]] = []
    for term in sorted(dict.fromkeys(terms), key=lambda term: (-len(term), term)):
        needed = len(term) + len(joint)
        at = bisect.bisect_left(room, (needed, -1))
        if at < len(room):
            left, number = room.pop(at)
        else:
            # The first term of a value has no joint before it.
            left, number = length + len(joint), len(values)
            values.append([])
        values[number].append(term)
        bisect.insort(room, (left - needed, number))
    return [joint.join(sorted(value)) for value in values]


def _tracked(track: Any, problems: list[str]) -> list[str]:
    """Terms of v1.1's track: a comma is OR, a blank AND; quotes make a phrase."""
    found = []
    for phrase in _listed(track, "track", problems):
        words = [_word(word) for word in re.findall(r'"[^"]*"|[^\s"]+', phrase)]
        words = [word for word in words if word]
        if words:
            found.append(words[0] if len(words) == 1 else f"({' '.join(words)})")
    return found


def _word(word: str) -> str:
    """One word as the query language takes it: as it is, or quoted where it would read as something else."""
    if word.startswith('"'):
        phrase = " ".join(word.strip('"').split())
        return f'"{phrase}"' if phrase else ""
    if re.fullmatch(r"[#@$]?\w+", word) and word not in ("OR", "AND", "NOT"):
        return word
    # Punctuation alone is no token, so that nothing would ever match it.
    bare = word.replace("\\", "")
    return f'"{bare}"' if re.search(r"\w|[^\x00-\x7f]", bare) else ""


def _followed(follow: Any, problems: list[str]) -> list[str]:
    """v1.1's follow of an account: its posts, replies to it, and others' retweets of it."""
    found: list[str] = []
    for account in _listed(follow, "follow", problems):
        name = account.removeprefix("@")
        if not re.fullmatch(r"[0-9]{1,19}" if name == account else r"[A-Za-z0-9_]{1,15}", name):
            problems.append(f"{account!r} in follow is neither a user id nor an @name.")
            continue
        found.extend(f"{operator}:{name}" for operator in ("from", "to", "retweets_of"))
    return found


def _boxes(locations: Any, problems: list[str], caps: RuleCaps) -> list[str]:
    """v1.1's boxes, cut into boxes of at most 25 miles a side."""
    numbers = _corners(locations, problems)
    if len(numbers) % 4:
        problems.append(f"locations holds {len(numbers)} numbers; a box has four: west, south, east, north.")
        return []
    found: list[str] = []
    for west, south, east, north in zip(*[iter(numbers)] * 4, strict=True):
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            problems.append(f"{west},{south},{east},{north} is not west,south,east,north in degrees.")
            continue
        columns, rows = _tiles(west, south, east, north)
        # About twenty boxes fit into a rule; counted before they are made, as the earth has three million.
        if columns * rows > caps.rules * 30:
            problems.append(
                f"{west},{south},{east},{north} needs {columns * rows:,} boxes of 25 miles, too many for "
                f"{caps.rules} rules."
            )
            continue
        found.extend(_cut(west, south, east, north, columns=columns, rows=rows))
    return found


def _tiles(west: float, south: float, east: float, north: float) -> tuple[int, int]:
    # A degree of longitude is longest where the box is nearest to the equator.
    nearest = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
    width = (east - west) * KM_A_DEGREE * math.cos(math.radians(nearest))
    height = (north - south) * KM_A_DEGREE
    return max(1, math.ceil(width / SIDE_KM)), max(1, math.ceil(height / SIDE_KM))


def _cut(west: float, south: float, east: float, north: float, *, columns: int, rows: int) -> list[str]:
    longitudes = [_degrees(west + (east - west) * step / columns) for step in range(columns + 1)]
    latitudes = [_degrees(south + (north - south) * step / rows) for step in range(rows + 1)]
    return [
        f"bounding_box:[{longitudes[x]} {latitudes[y]} {longitudes[x + 1]} {latitudes[y + 1]}]"
        for y in range(rows)
        for x in range(columns)
    ]


def _degrees(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")


def _native(rules: Any, problems: list[str], caps: RuleCaps, prefix: str) -> list[Rule]:
    found = []
    for number, rule in enumerate(rules or (), start=1):
        value = rule.get("value") if isinstance(rule, Mapping) else rule
        if not isinstance(value, str) or not value.strip():
            problems.append(f"Rule {number} has no value.")
        elif len(value) > caps.length:
            problems.append(f"Rule {number} has {len(value)} characters, and may have {caps.length}.")
        else:
            tag = str(rule.get("tag") or "") if isinstance(rule, Mapping) else ""
            found.append(Rule(value, f"{prefix}rule:{tag}" if prefix else tag))
    return found


def _listed(value: Any, name: str, problems: list[str]) -> list[str]:
    """A list, or text with commas, as parts without blanks around them."""
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    found: list[str] = []
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int):
            problems.append(f"{name} holds {part!r}, which is no text.")
        else:
            # A comma within quotes belongs to the phrase.
            found.extend(re.findall(r'(?:"[^"]*"|[^,])+', str(part)))
    return [stripped for stripped in (part.strip() for part in found) if stripped]


def _corners(locations: Any, problems: list[str]) -> list[float]:
    flat: list[Any] = []
    for part in locations if isinstance(locations, list) else [locations]:
        flat.extend(part if isinstance(part, list) else str(part).split(",") if part is not None else [])
    numbers = []
    for part in flat:
        try:
            numbers.append(float(part))
        except (TypeError, ValueError):
            problems.append(f"{part!r} in locations is no number.")
    return numbers


def _int(value: Any) -> int:
    text = str(value if value is not None else "")
    return int(text) if text.isascii() and text.isdigit() else 0


def plan_rules(
    wanted: Sequence[Rule], live: Sequence[Mapping[str, Any]], *, prefix: str, caps: RuleCaps | None = None
) -> RulePlan:
    """Which rules to add and which of ours to delete; the same plan carried out twice changes nothing."""
    caps = caps or RuleCaps()
    missing = dict.fromkeys(wanted)
    delete: list[str] = []
    kept: list[str] = []
    foreign: list[Mapping[str, Any]] = []
    for rule in live:
        tag = str(rule.get("tag") or "")
        same = Rule(str(rule.get("value") or ""), tag)
        if same in missing:
            del missing[same]
            kept.append(str(rule.get("id")))
        elif tag.startswith(prefix):
            delete.append(str(rule.get("id")))
        else:
            foreign.append(rule)
    room = caps.rules - len(foreign) - len(kept)
    if len(missing) > room:
        raise HarvesterError(
            f"The filter needs {len(missing) + len(kept)} rules, and there is room for "
            f"{caps.rules - len(foreign)}: {caps.rules} are allowed, and {len(foreign)} of others are there.",
            hint="Delete rules that are no longer needed, or use keys of another app.",
        )
    # The old rules go on matching while the new ones are added, so that a changed filter loses nothing.
    return RulePlan(
        tuple(missing),
        tuple(delete),
        tuple(kept),
        tuple(foreign),
        add_first=len(missing) + len(delete) <= room,
    )
