"""The words of v1.1's filter, which collections are written in, are taken apart in one way.

Those that read append what cannot be meant to `problems`, so that a person is told everything at once.
"""

import re
from collections.abc import Mapping
from typing import Any

from harvester.networks.x.post_ids import is_id

_OF_RULES = {"value", "tag"}

Box = tuple[float, float, float, float]


def unreadable(asked: Mapping[str, Any]) -> list[str]:
    """All that stands against a collection's `filter`, as far as that is known without the network."""
    problems: list[str] = []
    phrases(asked.get("track"), problems)
    accounts(asked.get("follow"), problems)
    boxes(asked.get("locations"), problems)
    rules(asked.get("rules"), problems)
    return problems or nothing_left(asked)


def nothing_left(asked: Mapping[str, Any]) -> list[str]:
    """The problem of a filter that would match no post, because all of it is punctuation."""
    if any(asked.get(name) for name in ("follow", "locations", "rules")):
        return []
    track = asked.get("track")
    if not track or any(words(phrase) for phrase in phrases(track, [])):
        return []
    return [f"filter.track holds no word ({_shown(track)}), and punctuation alone matches no post."]


def _shown(track: Any) -> str:
    text = ", ".join(map(str, track)) if isinstance(track, list) else str(track)
    return text if len(text) <= 60 else f"{text[:60]} ..."


def words(phrase: str) -> list[str]:
    """The words and quoted phrases of one phrase of `track`, without those of punctuation alone."""
    found = re.findall(r'"[^"]*"|[^\s"]+', phrase)
    # Symbols beyond ASCII are letters or emoji.
    return [word for word in found if re.search(r"\w|[^\x00-\x7f]", word)]


def rules(given: Any, problems: list[str]) -> list[Mapping[str, Any]]:
    """Rules in X's own language, each an object with a `value` and perhaps a `tag`."""
    if given is not None and not isinstance(given, list):
        problems.append("filter.rules is not a list.")
        return []
    found: list[Mapping[str, Any]] = []
    for number, rule in enumerate(given or (), start=1):
        value = rule.get("value") if isinstance(rule, Mapping) else None
        if not isinstance(rule, Mapping) or not isinstance(value, str) or not value.strip():
            problems.append(f"Rule {rule!r} has no value.")
            continue
        unknown = [name for name in rule if name not in _OF_RULES]
        problems += [f"Rule {number} has {name!r}, and can have value and tag." for name in unknown]
        found.append(rule)
    return found


def same_values(given: Any) -> list[str]:
    """Which rules have the value of an earlier one: X keeps the first of them, and so its tag."""
    numbers: dict[str, int] = {}
    found: list[str] = []
    for number, rule in enumerate(rules(given, []), start=1):
        value = rule["value"].strip()
        if (earlier := numbers.setdefault(value, number)) != number:
            found.append(f"Rule {number} has the value of rule {earlier} ({value}); X keeps that one's tag.")
    return found


def phrases(track: Any, problems: list[str]) -> list[str]:
    """What stands between commas, in text or in a list of texts."""
    return _listed(track, "track", problems, str)


def accounts(follow: Any, problems: list[str]) -> list[str]:
    """User ids, and names without their @."""
    found: list[str] = []
    for account in _listed(follow, "follow", problems, str | int):
        name = account.removeprefix("@")
        if is_id(name) if name == account else re.fullmatch(r"[A-Za-z0-9_]{1,15}", name):
            found.append(name)
        else:
            problems.append(f"{account!r} in filter.follow is neither a user id nor an @name.")
    return found


def boxes(locations: Any, problems: list[str]) -> list[Box]:
    """Boxes of west, south, east and north; in 2019 these could be a list, too."""
    numbers = _numbers(locations, problems)
    if len(numbers) % 4:
        problems.append(
            f"filter.locations holds {len(numbers)} numbers; a box has four: west, south, east, north."
        )
        return []
    found: list[Box] = []
    for west, south, east, north in zip(*[iter(numbers)] * 4, strict=True):
        if -180 <= west < east <= 180 and -90 <= south < north <= 90:
            found.append((west, south, east, north))
        else:
            problems.append(
                f"{west},{south},{east},{north} in filter.locations is not west,south,east,north in degrees."
            )
    return found


def _listed(value: Any, name: str, problems: list[str], kind: Any) -> list[str]:
    """A list, or text with commas, as parts without blanks around them."""
    if value is None:
        return []
    found: list[str] = []
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, bool) or not isinstance(part, kind):
            problems.append(f"filter.{name} holds {part!r}, which is no text.")
        else:
            # A comma within quotes belongs to the phrase.
            found.extend(re.findall(r'(?:"[^"]*"|[^,])+', str(part)))
    return [stripped for stripped in (part.strip() for part in found) if stripped]


def _numbers(locations: Any, problems: list[str]) -> list[float]:
    flat: list[Any] = []
    for part in locations if isinstance(locations, list) else [locations]:
        # As empty text left what was not wanted in 2019.
        if part is not None and part != "":
            flat.extend(part if isinstance(part, list) else str(part).split(","))
    numbers = []
    for part in flat:
        try:
            numbers.append(float(part))
        except (TypeError, ValueError):
            problems.append(f"{part!r} in filter.locations is no number.")
    return numbers
