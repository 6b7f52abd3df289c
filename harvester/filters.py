"""The words of v1.1's filter, which collections are written in, are taken apart in one way.

Those that read append what cannot be meant to `problems`, so that a person is told everything at once.
"""

import re
from collections.abc import Mapping
from typing import Any

Box = tuple[float, float, float, float]


def unreadable(asked: Mapping[str, Any]) -> list[str]:
    """All that stands against a collection's `filter`, as far as that is known without the network."""
    problems: list[str] = []
    phrases(asked.get("track"), problems)
    accounts(asked.get("follow"), problems)
    boxes(asked.get("locations"), problems)
    return problems


def phrases(track: Any, problems: list[str]) -> list[str]:
    """What stands between commas, in text or in a list of texts."""
    return _listed(track, "track", problems, str)


def accounts(follow: Any, problems: list[str]) -> list[str]:
    """User ids, and names without their @."""
    found: list[str] = []
    for account in _listed(follow, "follow", problems, str | int):
        name = account.removeprefix("@")
        if re.fullmatch(r"[0-9]{1,19}" if name == account else r"[A-Za-z0-9_]{1,15}", name):
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
