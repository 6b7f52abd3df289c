"""Imports rules into a filter: each row is a new rule, changes or repeats one, or is unusable.

A row changes the rule of the collection whose id it has; what it does not say stays as it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harvester.collection.kinds.kind import PLACEHOLDER
from harvester.documents import Tree
from harvester.networks.x.imports.asked import Asked, asked_of
from harvester.networks.x.imports.rows import CHANGED, NEW, REPEATED, UNUSABLE, Table
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules, made_id
from harvester.networks.x.rules.values import as_matched
from harvester.text import together

USUAL_TYPE = "native"
# The words of v1.1, whose terms are rules, too.
_WORDS = ("track", "follow", "locations")
# What else tells rules of one value apart, where they have no ids.
_LABELS = ("tag", "status")
_MEMBERS = ("type", "value", *_LABELS, "metadata")
# In an entry: the source that is followed, so that the rule goes when it is no longer there.
FOLLOWED = "x_followed"
_Key = tuple[str, str]


@dataclass(frozen=True)
class Outcome:
    """What became of one row; `reason` says why where it is no new rule, and `value` is as it was read.

    `of_collection` where the collection had the rule before, and `lost` names what of a repeated row is lost.
    """

    source: str
    place: str
    became: str
    value: str
    corrected: str = ""
    type: str = ""
    reason: str = ""
    of_collection: bool = False
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """The filter after the import, what became of each row, and the rules that are not in it any more."""

    section: Tree
    outcomes: Sequence[Outcome]
    removed: Sequence[CollectionRule] = ()

    def count(self, became: str) -> int:
        return sum(outcome.became == became for outcome in self.outcomes)

    @property
    def corrected(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.corrected]


@dataclass(frozen=True)
class _Known:
    """A rule that is there already, and where."""

    place: str
    rule: CollectionRule


class _Rules:
    """Rules by id, and by type and value."""

    def __init__(self) -> None:
        self.by_id: dict[str, _Known] = {}
        self.by_key: dict[_Key, list[_Known]] = {}

    def add(self, rule: CollectionRule, place: str) -> None:
        known = _Known(place, rule)
        self.by_id.setdefault(rule.id, known)
        self.by_key.setdefault(_key(rule), []).append(known)

    def move(self, known: _Known, rule: CollectionRule) -> None:
        """Replace the known rule with this one."""
        self.by_key[_key(known.rule)].remove(known)
        del self.by_id[known.rule.id]
        self.add(rule, known.place)

    def same(self, asked: Asked) -> _Known | None:
        """The rule that a row would repeat: of its id; without one, of its value and what else it says."""
        if asked.rule is None:
            return None
        found = self.by_id.get(asked.rule.id)
        if asked.has_id or (found and _key(found.rule) != _key(asked.rule)):
            return found
        alike = self.by_key.get(_key(asked.rule), ())
        return next((known for known in alike if not _differences(asked.entry, known.rule, _LABELS)), None)


def _key(rule: CollectionRule) -> _Key:
    return rule.type, as_matched(rule.type, rule.value)


def _differences(entry: Tree, rule: CollectionRule, names: Sequence[str]) -> list[str]:
    """What a row says otherwise than a rule; what it does not say is no difference."""
    return [name for name in names if entry.get(name) and entry[name] != getattr(rule, name)]


class _Import:
    """Takes rows one after the other; `there` are the rules of the collection, `read` those of the rows."""

    def __init__(self, section: Tree, *, replacing: bool, following: str) -> None:
        self.replacing = replacing
        self.mark = {FOLLOWED: following} if following else {}
        self.there, self.read = _Rules(), _Rules()
        self.before = collection_rules(section, [])
        self.rules: list[Tree] = list(section.get("rules") or ())
        self.entries: list[Tree] = []
        self._places = dict(_places(self.rules))
        for rule in self.before:
            self.there.add(rule, "a rule of the collection")

    def take(self, source: str, asked: Asked, place: str) -> Outcome:
        found = Outcome(source, asked.place, NEW, asked.given)
        if (rule := asked.rule) is None:
            return replace(found, became=UNUSABLE, reason=asked.problem)
        first, known = self.read.same(asked), self._there(asked, rule)
        same = first or known
        changed = self._changed(asked, rule, known) if known and not first else ()
        if same and not changed and _key(same.rule) != _key(rule):
            return _has_its_id(found, rule, same)
        if not first:
            self.read.add(self._entered(asked, rule, known, changes=bool(changed)), place)
        found = replace(found, type=rule.type, corrected=asked.entry["value"] if asked.corrected else "")
        if known and changed:
            reason = f"{known.rule.id} has another {together(changed)}"
            return replace(found, became=CHANGED, reason=reason, of_collection=True)
        return self._repeated(found, asked, same, of_collection=first is None) if same else found

    def _changed(self, asked: Asked, rule: CollectionRule, known: _Known) -> Sequence[str]:
        """The differences between a row and its rule in the collection, if the row may change the rule."""
        if self.replacing:
            return [name for name in _MEMBERS if getattr(rule, name) != getattr(known.rule, name)]
        if not asked.has_id or known.rule.id not in self._places:
            return ()
        said = {name: getattr(rule, name) for name in _MEMBERS if asked.entry.get(name)}
        return _differences(said, known.rule, _MEMBERS)

    def _there(self, asked: Asked, rule: CollectionRule) -> _Known | None:
        """The rule of the collection that a row repeats, or whose id it has."""
        found = self.there.same(asked)
        if not self.replacing:
            return found
        # A rule takes the place of one of its value, which may have had another tag, and none of another's.
        alike = [found, *(() if asked.has_id else self.there.by_key.get(_key(rule), ()))]
        free = (known for known in alike if known and known.rule.id not in self.read.by_id)
        return next((known for known in free if asked.has_id or _key(known.rule) == _key(rule)), None)

    def _entered(
        self, asked: Asked, rule: CollectionRule, known: _Known | None, *, changes: bool
    ) -> CollectionRule:
        """The rule as it stands in the collection after the import."""
        if known and not self.replacing:
            return self._with_changes(asked, known) if changes else self._marked(asked, known)
        taken = self.read.by_id if self.replacing else {**self.there.by_id, **self.read.by_id}
        entry, own = asked.entry | self.mark, rule.id
        if known:
            own = known.rule.id
        elif own in taken:
            own = made_id(rule.type, rule.value, rule.tag, rule.status)
        self.entries.append(entry if own == rule.id else {"id": own, **entry})
        return replace(rule, id=own)

    def _with_changes(self, asked: Asked, known: _Known) -> CollectionRule:
        """The rule of the collection with all that the row says."""
        at = self._places[known.rule.id]
        self.rules[at] = {**self.rules[at], **asked.entry, **self.mark}
        (rule,) = collection_rules({"rules": [self.rules[at]]}, [])
        self.there.move(known, rule)
        return rule

    def _marked(self, asked: Asked, known: _Known) -> CollectionRule:
        """The rule of the collection, which is the source's from now on if it has the id of the row."""
        if asked.has_id and known.rule.id in self._places:
            at = self._places[known.rule.id]
            self.rules[at] = {**self.rules[at], **self.mark}
        return known.rule

    def left(self) -> list[CollectionRule]:
        """Take out the rules that the followed source had, and no longer has; these."""
        ids = {at: rule_id for rule_id, at in self._places.items()}
        gone = {
            at
            for at, rule in enumerate(self.rules)
            if self._is_followed(rule) and ids.get(at) not in self.read.by_id
        }
        found = {rule.id: rule for rule in self.before}
        removed = [found[ids[at]] for at in sorted(gone) if ids.get(at) in found]
        self.rules = [rule for at, rule in enumerate(self.rules) if at not in gone]
        return removed

    def _is_followed(self, rule: Any) -> bool:
        return bool(self.mark) and isinstance(rule, dict) and rule.get(FOLLOWED) == self.mark[FOLLOWED]

    def _repeated(self, found: Outcome, asked: Asked, same: _Known, *, of_collection: bool) -> Outcome:
        lost = tuple(_differences(asked.entry, same.rule, (*_LABELS, "metadata")))
        reason = f"same as {same.place}" + (f"; its {' and '.join(lost)} left out" if lost else "")
        return replace(found, became=REPEATED, reason=reason, of_collection=of_collection, lost=lost)


def _has_its_id(found: Outcome, rule: CollectionRule, same: _Known) -> Outcome:
    """Of a row that has the id of a rule with another value."""
    reason = f"{rule.id} is the id of {same.place}, whose value is {same.rule.value}"
    return replace(found, became=UNUSABLE, reason=reason)


def _places(rules: Sequence[Any]) -> Iterator[tuple[str, int]]:
    """Where each rule is that a row may change: those that have an id, or whose id is that of their value."""
    known: set[str] = set()
    for at, entry in enumerate(rules):
        for rule in collection_rules({"rules": [entry]}, []):
            if rule.id not in known:
                known.add(rule.id)
                yield rule.id, at


def imported(
    section: Tree,
    tables: Sequence[Table],
    *,
    usual_type: str = USUAL_TYPE,
    strict: bool = False,
    replacing: bool = False,
    following: str = "",
) -> Imported:
    """The rules of `tables` added to those of a `filter`, or in their place.

    With the name of a source that is `following`, those that it had before and no longer has are removed.

    Where they replace others, a rule of the same value that has an id keeps it, unless its row gives one.
    """
    section = {key: value for key, value in section.items() if not str(value).startswith(PLACEHOLDER)}
    made = _Import(section, replacing=replacing, following=following)
    outcomes: list[Outcome] = []
    for table in tables:
        for row in table.rows:
            asked = asked_of(row, usual_type=usual_type, strict=strict)
            place = row.place if len(tables) == 1 else f"{row.place} of {table.name}"
            outcomes.append(made.take(table.name, asked, place))
    if not replacing:
        left = made.left()
        return Imported({**section, "rules": [*made.rules, *made.entries]}, outcomes, left)
    rest = {key: value for key, value in section.items() if key not in _WORDS}
    gone = [rule for rule in made.before if rule.id not in made.read.by_id]
    return Imported({**rest, "rules": made.entries}, outcomes, gone)
