"""The rules of a collection by what they look for, so that a post is compared with few of them only."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property

from harvester.networks.x.matching.boxes import Boxes
from harvester.networks.x.matching.conditions import Condition
from harvester.networks.x.matching.facts import Facts, Looks
from harvester.networks.x.matching.words import folded, joined, pairs_of, spaced_words_of, tags_of, words_of
from harvester.networks.x.rules.values import Box

# Ends a text, so that no phrase begins in one and ends in another; part of no word.
_END = "\x1f"
_TAGS = ("#", "$", "@")


class Seen:
    """A post as indexes look at it that need these facts."""

    def __init__(self, facts: Facts, looks: Looks) -> None:
        self._facts = facts
        body = folded(_END.join(facts.bodies))
        self._text = body + _END + folded(_END.join(facts.others))
        self._is_ascii = self._text.isascii()
        self._spaced = spaced_words_of(self._text) if looks.words else []
        self._tags = [*tags_of(body), *map(folded, facts.tags)] if looks.tags else []

    def keys_among(self, wanted: frozenset[str], *, has_pairs: bool, has_signs: bool) -> set[str]:
        """Which of these keys it has, and perhaps signs that are within its words.

        Few are wanted, so that all of its own are not gathered for that. `has_pairs` and `has_signs` say
        whether some of them are of a script without blanks.
        """
        found = {*wanted.intersection(self._spaced)}
        if self._tags:
            found |= wanted.intersection(self._tags)
        if has_pairs and not self._is_ascii:
            found |= wanted.intersection(pairs_of(self._text))
        if has_signs and not self._is_ascii:
            found |= wanted.intersection(self._text)
        return found

    @cached_property
    def keys(self) -> set[str]:
        if self._is_ascii:
            return {*self._spaced, *self._tags}
        return {*words_of(self._text), *pairs_of(self._text), *self._tags}

    def accounts(self, *, wide: bool) -> set[str]:
        return self._facts.named if wide else self._facts.accounts

    @property
    def place(self) -> Box | None:
        return self._facts.place

    @cached_property
    def words(self) -> str:
        """The words of all texts in a row."""
        return joined(word for text in self._text.split(_END) for word in (*words_of(text), _END))


class RuleIndex:
    """Of rules by their numbers; `looks` is what a post is to be `Seen` with."""

    def __init__(self, conditions: Mapping[int, Condition]) -> None:
        shared = Counter(key for condition in conditions.values() for key in condition.keys)
        by_account: defaultdict[str, list[int]] = defaultdict(list)
        worded: dict[int, Condition] = {}
        self._boxes = Boxes()
        self._conditions = conditions
        for number, condition in conditions.items():
            if condition.box:
                self._boxes.add(number, condition.box)
            elif condition.account:
                by_account[condition.account].append(number)
            else:
                worded[number] = condition
        self._add_worded(worded, shared)
        self._by_account = dict(by_account)
        tags = sum(key.startswith(_TAGS) for key in shared)
        self.looks = Looks(len(shared) > tags, tags > 0, bool(by_account), len(self._boxes) > 0)

    def _add_worded(self, conditions: Mapping[int, Condition], shared: Mapping[str, int]) -> None:
        """Index conditions by one of their keys; `shared` is how many rules have a key."""
        by_key: defaultdict[str, list[int]] = defaultdict(list)
        # Those that match where their key was found.
        self._sure: set[int] = set()
        for number, condition in conditions.items():
            # The key that fewest rules share, as most posts have the frequent ones.
            key = min(condition.keys, key=lambda key: (shared[key], -len(key), key))
            by_key[key].append(number)
            if len(key) > 1 and len(condition.keys) == 1 and not condition.phrases:
                self._sure.add(number)
        self._by_key = {key: tuple(numbers) for key, numbers in by_key.items()}
        self._wanted = frozenset(by_key)
        self._has_pairs = any(key in pairs_of(key) for key in by_key)
        self._has_signs = any(len(key) == 1 and not key.isascii() for key in by_key)

    def matching(self, seen: Seen, *, wide: bool) -> set[int]:
        """The rules that match it, as far as that can be judged here.

        With `wide` accounts that are only named in it count, and places that a box holds in part.
        """
        found: set[int] = set()
        for key in seen.keys_among(self._wanted, has_pairs=self._has_pairs, has_signs=self._has_signs):
            found.update(n for n in self._by_key[key] if n in self._sure or self._holds(n, seen))
        if self._by_account:
            for account in seen.accounts(wide=wide):
                found.update(self._by_account.get(account, ()))
        if len(self._boxes) and (place := seen.place):
            found |= self._boxes.meeting(place) if wide else self._boxes.around(place)
        return found

    def _holds(self, number: int, seen: Seen) -> bool:
        condition = self._conditions[number]
        return condition.keys <= seen.keys and all(phrase in seen.words for phrase in condition.phrases)
