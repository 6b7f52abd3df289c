"""The rules of a collection by what they look for, so that a post is compared with few of them only."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

from harvester.networks.x.matching.boxes import Boxes
from harvester.networks.x.matching.conditions import Condition, condition_of
from harvester.networks.x.matching.facts import Facts
from harvester.networks.x.matching.words import folded, joined, pairs_of, spaced_words_of, tags_of, words_of
from harvester.networks.x.rules.collection_rules import CollectionRule
from harvester.networks.x.rules.values import Box

# Ends a text, so that no phrase begins in one and ends in another; part of no word.
_END = "\x1f"


class Seen:
    """A post as the index looks at it."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        body = folded(_END.join(facts.bodies))
        self._text = body + _END + folded(_END.join(facts.others))
        self._tags = [*tags_of(body), *map(folded, facts.tags)]

    def keys_among(self, wanted: frozenset[str]) -> Iterator[str]:
        """Which of these keys it has, and perhaps signs that are within its words.

        Few are wanted, so that all of its own are not gathered for that.
        """
        text = self._text
        parts = (spaced_words_of(text), pairs_of(text), self._tags, "" if text.isascii() else text)
        return chain.from_iterable(map(wanted.intersection, parts))

    @cached_property
    def keys(self) -> set[str]:
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
    """Of rules by their number in order."""

    def __init__(self, rules: Sequence[CollectionRule]) -> None:
        conditions = [condition_of(rule) for rule in rules]
        shared = Counter(key for condition in conditions if condition for key in condition.keys)
        by_key: defaultdict[str, list[int]] = defaultdict(list)
        by_account: defaultdict[str, list[int]] = defaultdict(list)
        self._boxes = Boxes()
        self._conditions = conditions
        for number, condition in enumerate(conditions):
            if condition and condition.box:
                self._boxes.add(number, condition.box)
            elif condition and condition.account:
                by_account[condition.account].append(number)
            elif condition:
                # The key that fewest rules share, as most posts have the frequent ones.
                by_key[min(condition.keys, key=lambda key: (shared[key], -len(key), key))].append(number)
        self._by_key = {key: tuple(numbers) for key, numbers in by_key.items()}
        self._wanted = frozenset(by_key)
        self._by_account = dict(by_account)

    def matching(self, seen: Seen, *, wide: bool) -> set[int]:
        """The rules that match it, as far as that can be judged here.

        With `wide` accounts that are only named in it count, and places that a box holds in part.
        """
        near = (number for key in seen.keys_among(self._wanted) for number in self._by_key[key])
        found = {number for number in near if self._holds(number, seen)}
        if self._by_account:
            for account in seen.accounts(wide=wide):
                found.update(self._by_account.get(account, ()))
        if seen.place and len(self._boxes):
            found |= self._boxes.meeting(seen.place) if wide else self._boxes.around(seen.place)
        return found

    def _holds(self, number: int, seen: Seen) -> bool:
        condition = self._conditions[number]
        return (
            isinstance(condition, Condition)
            and condition.keys <= seen.keys
            and all(phrase in seen.words for phrase in condition.phrases)
        )
