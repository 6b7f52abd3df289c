"""Reads, adds and deletes the live rules of the filtered stream, and reads their caps."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harvester.documents import text_in
from harvester.errors import HarvesterError
from harvester.networks import Stopped
from harvester.networks.x.decoding import member, number, objects
from harvester.networks.x.endpoints import CHANGE_RULES, CONNECTIONS, RULE_COUNTS, RULES
from harvester.networks.x.errors import Problem
from harvester.networks.x.http.answer import Answer
from harvester.networks.x.page import NotAPage
from harvester.networks.x.problems import problems_in

# The arrangement of rules is imported when needed: every client has these methods, and few call them.
if TYPE_CHECKING:
    from harvester.networks.x.rules.collection_rules import CollectionRule
    from harvester.networks.x.rules.live_rules import Rule, RuleCaps, RulePlan

log = logging.getLogger("twarc-cloud")

A_PAGE = 1000
# Of apps with 25,000 rules and more: docs.x.com, "Filtered stream".
_PAGES = 100
AT_ONCE = 100
_COUNTED = ("created", "not_created", "deleted", "not_deleted", "valid", "invalid")
# Clearing is a courtesy to the next attempt, which comes anyway.
CLEAR_SECONDS = 5.0
_DUPLICATE = "DuplicateRule"


@dataclass(frozen=True)
class RulesResult:
    """The result of adding or deleting; a rule that exists already is not a problem."""

    rules: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()
    summary: dict[str, int] = field(default_factory=dict)


class RulesApi:
    """The part of the client that keeps rules; it asks through `_object` of the client."""

    _object: Any

    def rules(self, *, patience: float | None = None) -> list[dict[str, Any]]:
        """All live rules of the app: id, value and tag."""
        found: dict[str, dict[str, Any]] = {}
        params: dict[str, Any] = {"max_results": A_PAGE}
        for _ in range(_PAGES):
            body = self._object(RULES, params, read=_listed, patience=patience)
            page = {rule["id"]: rule for rule in map(_known, objects(body.get("data")))}
            token, brings_new = member(body, "meta", "next_token"), page.keys() - found.keys()
            found |= page
            if not isinstance(token, str) or not brings_new:
                break
            params = {"max_results": A_PAGE, "pagination_token": token}
        return list(found.values())

    def add_rules(self, rules: Sequence["Rule"], *, dry_run: bool = False) -> RulesResult:
        """With `dry_run` they are checked only. Adding a rule twice leaves one."""
        total = RulesResult()
        for start in range(0, len(rules), AT_ONCE):
            asked = [rule.body for rule in rules[start : start + AT_ONCE]]
            total = _sum(total, self._change({"add": asked}, dry_run=dry_run))
        return total

    def delete_rules(self, ids: Sequence[str], *, patience: float | None = None) -> RulesResult:
        total = RulesResult()
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            result = self._change({"delete": {"ids": list(some)}}, patience=patience)
            if result.problems and not {rule["id"] for rule in self.rules(patience=patience)} & set(some):
                # They were deleted by others, or by a request whose answer was lost.
                result = replace(result, problems=())
            total = _sum(total, result)
        return total

    def sync_rules(self, rules: Sequence["CollectionRule"], *, prefix: str, caps: "RuleCaps") -> "RulePlan":
        """Make the live rules those of a collection, touching only those whose tag begins with `prefix`.

        Where X refuses one of them, none is added: those left live would send posts to the app's next stream.
        """
        from harvester.networks.x.rules.arrangement import plan as planned

        plan = planned(rules, self.rules(), prefix=prefix, caps=caps)
        before = plan.replaced if plan.add_first else plan.replaced + plan.delete
        plan = plan.with_problems(self.delete_rules(before).problems)
        try:
            added = self.add_rules(plan.add)
        except BaseException:
            self.take_back(plan.add)
            raise
        if added.problems:
            self.take_back(plan.add)
            return plan.with_problems(added.problems)
        return plan.with_problems(self.delete_rules(plan.delete).problems) if plan.add_first else plan

    def take_back(self, added: Sequence["Rule"]) -> None:
        """Delete these rules, if X can be reached; what cannot be deleted is logged."""
        if not added:
            return
        try:
            tags = {rule.value: rule.tag for rule in added}
            live = self.rules(patience=CLEAR_SECONDS)
            ours = [rule for rule in live if tags.get(str(rule.get("value"))) == text_in(rule, "tag")]
            self.delete_rules([str(rule.get("id")) for rule in ours], patience=CLEAR_SECONDS)
        except (HarvesterError, Stopped) as error:
            log.warning(
                "Rules that were just added stay in the app, and may cost its next stream: %s "
                "`collection rules` lists and removes them.",
                error,
            )

    def rule_caps(self) -> "RuleCaps":
        """The caps of this very app; the documented ones are not those of older apps."""
        from harvester.networks.x.rules.live_rules import RuleCaps

        body = self._object(RULE_COUNTS)
        return RuleCaps.of(member(body, "data") if isinstance(member(body, "data"), dict) else body)

    def clear_connections(self) -> None:
        """End all streams of the app, also those that X only believes to be open."""
        self._object(CONNECTIONS, patience=CLEAR_SECONDS)

    def _change(
        self, body: dict[str, Any], *, dry_run: bool = False, patience: float | None = None
    ) -> RulesResult:
        params = {"dry_run": "true"} if dry_run else None
        added = 0 if dry_run else len(body.get("add", ()))
        read = partial(_told_of_each, added=added)
        found = self._object(CHANGE_RULES, params, body=body, patience=patience, read=read)
        return RulesResult(
            rules=tuple(map(_known, objects(found.get("data")))),
            problems=tuple(problem for problem in problems_in(found) if problem.title != _DUPLICATE),
            summary={
                name: number(member(found, "meta", "summary", name))
                for name in _COUNTED
                if member(found, "meta", "summary", name) is not None
            },
        )


def _listed(answer: Answer) -> dict[str, Any]:
    """The answer, if it is a list of rules or says that there are none."""
    body: dict[str, Any] = answer.json()
    data, meta = body.get("data") or [], body.get("meta")
    named = [rule for rule in map(_known, objects(data)) if {"id", "value"} <= rule.keys()]
    empty = data == [] and isinstance(meta, dict) and not number(meta.get("result_count"))
    if not (empty or (named and len(named) == len(data))):
        raise NotAPage("the answer is not a list of rules")
    return body


def _told_of_each(answer: Answer, *, added: int) -> dict[str, Any]:
    """The answer, if it has a result for each rule that was to be `added`.

    Asked again, X calls a rule that it has a duplicate.
    """
    body: dict[str, Any] = answer.json()
    problems = problems_in(body)
    created = max(len(objects(body.get("data"))), number(member(body, "meta", "summary", "created")))
    are_duplicates = all(problem.title == _DUPLICATE for problem in problems)
    if are_duplicates and created + len(problems) < added:
        raise NotAPage(
            f"the answer tells of {created + len(problems)} of {added} rules that were to be added"
        )
    return body


def _known(rule: dict[str, Any]) -> dict[str, Any]:
    """The texts of a rule, and its id also where it came as a number."""
    texts = {name: value for name, value in rule.items() if isinstance(value, str)}
    return {**texts, "id": str(rule["id"])} if type(rule.get("id")) is int else texts


def _sum(one: RulesResult, other: RulesResult) -> RulesResult:
    names = one.summary.keys() | other.summary.keys()
    return RulesResult(
        one.rules + other.rules,
        one.problems + other.problems,
        {name: one.summary.get(name, 0) + other.summary.get(name, 0) for name in names},
    )
