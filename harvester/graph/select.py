"""Judges accounts by the conditions of a crawl, and names the condition that an account does not fulfil."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.collection import selection
from harvester.collection.patterns import Pattern
from harvester.networks.profiles import Profile

SELECTED, REJECTED, UNKNOWN = "selected", "rejected", "unknown"

# Whether an account fulfils a condition; None if its profile does not say.
_Test = Callable[[Profile], bool | None]
# Whose name ends like this is what accounts without a picture have.
_DEFAULT_IMAGE = "default_profile"
# What conditions ask for that are not named for a value of the account, or for a count of it.
_ASKED: Mapping[str, tuple[str, ...]] = {
    selection.RATIO: ("followers", "following"),
    # Each verdict has the account's id.
    selection.IDS: (),
    selection.AFTER: ("created_at",),
    selection.BEFORE: ("created_at",),
    "has_url": ("url",),
    "default_image": ("picture",),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Selected; or rejected by a condition, or unknown since the profile lacks what a condition asks for."""

    outcome: str
    condition: str = ""


_SELECTED = Verdict(SELECTED)


class Selection:
    """The conditions of a valid `select`, in their order."""

    def __init__(self, select: Mapping[str, Any]) -> None:
        self._tests = [(name, _test(name, value)) for name, value in select.items()]
        # Made once: there may be millions of accounts.
        self._rejected = {name: Verdict(REJECTED, name) for name in select}
        self._unknown = {name: Verdict(UNKNOWN, name) for name in select}
        self._values = tuple(
            dict.fromkeys(name for key, value in select.items() for name in _asked(key, value))
        )

    def judge(self, profile: Profile) -> Verdict:
        """The first condition that rejects decides; if none does, the first that cannot be known."""
        unknown = ""
        for name, test in self._tests:
            fulfilled = test(profile)
            if fulfilled is False:
                return self._rejected[name]
            if fulfilled is None and not unknown:
                unknown = name
        return self._unknown[unknown] if unknown else _SELECTED

    def values(self, profile: Profile) -> dict[str, Any]:
        """What of the account the conditions ask for."""
        return {name: getattr(profile, name) for name in self._values}


def _test(name: str, value: Any) -> _Test:
    if name == selection.ANY:
        return _any([_all(each) for each in value])
    if name == selection.NOT:
        return _not(_all(value))
    if name == selection.IDS:
        return _among(frozenset(value))
    if name in selection.TEXTS:
        return _found(name, Pattern(value))
    if name in (selection.AFTER, selection.BEFORE):
        return _created(selection.moment_of(value), after=name == selection.AFTER)
    return _compared(name, value)


def _compared(name: str, value: Any) -> _Test:
    if name == selection.RATIO:
        return _ratio(value)
    if name == "has_url":
        return lambda profile: bool(profile.url) is value
    if name == "default_image":
        return lambda profile: (
            None if profile.picture is None else (_DEFAULT_IMAGE in profile.picture) is value
        )
    bound, _, count = name.partition("_")
    if count in selection.COUNTS:
        return _counted(selection.COUNTS[count], value, least=f"{bound}_" == selection.LEAST)
    return lambda profile: None if (found := getattr(profile, name)) is None else found == value


def _counted(name: str, value: int, *, least: bool) -> _Test:
    def test(profile: Profile) -> bool | None:
        found = getattr(profile, name)
        if found is None:
            return None
        return bool(found >= value if least else found <= value)

    return test


def _ratio(value: float) -> _Test:
    def test(profile: Profile) -> bool | None:
        if profile.followers is None or profile.following is None:
            return None
        return profile.followers >= value * profile.following

    return test


def _created(moment: datetime, *, after: bool) -> _Test:
    def test(profile: Profile) -> bool | None:
        try:
            created = selection.moment_of(profile.created_at)
        except ValueError:
            return None
        return created >= moment if after else created < moment

    return test


def _among(ids: frozenset[str]) -> _Test:
    return lambda profile: profile.id in ids


def _found(name: str, pattern: Pattern) -> _Test:
    return lambda profile: pattern.found_in(getattr(profile, name))


def _all(select: Mapping[str, Any]) -> _Test:
    tests = [_test(name, value) for name, value in select.items()]
    return lambda profile: _each(test(profile) for test in tests)


def _each(found: Iterable[bool | None]) -> bool | None:
    """All of them; None if that depends on what is unknown."""
    result: bool | None = True
    for each in found:
        if each is False:
            return False
        if each is None:
            result = None
    return result


def _any(tests: list[_Test]) -> _Test:
    return lambda profile: _opposite(_each(_opposite(test(profile)) for test in tests))


def _not(test: _Test) -> _Test:
    return lambda profile: _opposite(test(profile))


def _opposite(found: bool | None) -> bool | None:
    return None if found is None else not found


def _asked(name: str, value: Any) -> Iterable[str]:
    """The values of an account that a condition asks for."""
    if name == selection.ANY:
        return [each for inner in value for key, of in inner.items() for each in _asked(key, of)]
    if name == selection.NOT:
        return [each for key, of in value.items() for each in _asked(key, of)]
    count = selection.COUNTS.get(name.partition("_")[2], name)
    return _ASKED.get(name, (count,))
