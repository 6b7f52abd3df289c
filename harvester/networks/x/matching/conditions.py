"""What must be true of a post for a rule to match it, as keys that are looked up and phrases that are not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harvester.networks.x.matching.words import folded, joined, pairs_of, tags_of, words_of
from harvester.networks.x.rules.collection_rules import CollectionRule
from harvester.networks.x.rules.values import GEO, HASHTAG, KEYWORD, USERID, USERNAME, Box, corners, words


@dataclass(frozen=True, slots=True)
class Condition:
    """A post has all of the keys, and all of the phrases; or it is of the account, or in the box."""

    keys: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    account: str = ""
    box: Box | None = None


def condition_of(rule: CollectionRule) -> Condition | None:
    """None for a rule that only the network can judge."""
    read = _READ.get(rule.type)
    return read(rule.value) if read else None


def _of_tags(value: str) -> Condition:
    return Condition(frozenset(folded(value).split()))


def _of_user_id(value: str) -> Condition:
    return Condition(account=value)


def _of_user_name(value: str) -> Condition:
    return Condition(account=f"@{value}")


def _of_box(value: str) -> Condition:
    return Condition(box=corners(value))


def _of_words(value: str) -> Condition | None:
    keys: set[str] = set()
    phrases: list[str] = []
    for part in words(value):
        text = folded(part.strip('"'))
        if not part.startswith('"') and (tag := _tag(text)):
            keys.add(tag)
            continue
        found = words_of(text)
        keys.update(found, pairs_of(text))
        if len(found) > 1:
            phrases.append(joined(found))
    return Condition(frozenset(keys), tuple(phrases)) if keys else None


def _tag(text: str) -> str:
    """The word if it is a hashtag, a name or a cashtag as a whole; else empty."""
    return text if next(tags_of(text), "") == text else ""


_READ: Mapping[str, Callable[[str], Condition | None]] = {
    KEYWORD: _of_words,
    HASHTAG: _of_tags,
    USERNAME: _of_user_name,
    USERID: _of_user_id,
    GEO: _of_box,
}
