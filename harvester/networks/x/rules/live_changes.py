"""A changed filter reaches the live rules of its running stream, beside the thread that reads the stream.

New rules are added first, and those that they replace deleted once the new ones are in force, so that
nothing that is still asked for is without a rule meanwhile. Changes are made in rounds, with a pause after
each that keeps to the 100 such requests that X allows in 15 minutes.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from harvester.clock import Backoff, in_background, timestamp
from harvester.collection.kinds.kind import count
from harvester.documents import Collection, Tree, text_in
from harvester.errors import HarvesterError
from harvester.networks import Stopped
from harvester.networks.edits import Edit
from harvester.networks.gap import Gap
from harvester.networks.x.errors import Problem
from harvester.networks.x.job import Job
from harvester.networks.x.rules.api import AT_ONCE
from harvester.networks.x.rules.arrangement import plan as planned
from harvester.networks.x.rules.live_rules import Rule, RuleCaps, RulePlan, refusal, tag_prefix
from harvester.networks.x.rules.wanted import active_rules
from harvester.text import counted, unexpected

log = logging.getLogger("twarc-cloud")

# A change of rules is in force this many seconds after X confirmed it.
IN_FORCE_AFTER = timedelta(seconds=20)
ROUND_SECONDS = 20.0
# For each request that changes rules: X allows 100 in 15 minutes, and the start of a stream needs some.
_REQUEST_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 900.0
# A command may die after it stored a change and before it told the stream.
_LOOK_SECONDS = 3600.0
_CAP = "RulesCapExceeded"
_NO_ROOM = "rules were replaced, and the app has no room for the old ones beside the new ones"


@dataclass(frozen=True)
class _Round:
    """The result of one look at the collection."""

    edit: Edit | None = None
    rules: tuple[Rule, ...] = ()
    # Live rules to delete once the new ones are in force.
    gone: tuple[str, ...] = ()
    events: tuple[Tree, ...] = ()
    refused: str = ""
    requests: int = 0


class LiveChanges:
    """Of one stream, whose live `rules` are set; `collection` is the version that they are of.

    The thread that reads the stream calls `poll`, and all else happens beside it.
    """

    def __init__(self, job: Job, rules: Sequence[Rule], *, caps: RuleCaps) -> None:
        self.collection: Collection = job.collection
        self._job, self._caps, self._rules = job, caps, tuple(rules)
        self._client = job.client.aside()
        self._prefix = tag_prefix(job.collection["id"])
        self._asked = active_rules(job.collection["filter"])
        self._gone: tuple[str, ...] = ()
        self._call: Future[_Round] | None = None
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        # By the clock that counts seconds: before when nothing begins, and when what failed is tried again.
        self._round_at, self._again_at = 0.0, float("inf")
        self._look_at = job.clock.elapsed() + _LOOK_SECONDS
        self._reported = ""
        # Since when rules are missing that are asked for.
        self._missing_since: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no rule is active, so that there is nothing to connect for."""
        return not self._rules

    @property
    def max_records(self) -> int | None:
        return count(self.collection["filter"], "max_records") or None

    def poll(self) -> list[Tree]:
        """The events since the last call; begins what is due, and returns at once."""
        if self._call is None and self._is_due():
            self._call = in_background(self._round, name="rules")
            return []
        return self._came()

    def left(self) -> list[Tree]:
        """The last events when the stream ends, with the gap of rules that are missing still."""
        events = self._came()
        if self._missing_since:
            events.append(Gap(self._missing_since, self._client.time.latest(), _NO_ROOM).event())
        return events

    def _came(self) -> list[Tree]:
        """The events of the round that is through."""
        if self._call is None or not self._call.done():
            return []
        call, self._call = self._call, None
        return self._ended(call)

    def _is_due(self) -> bool:
        now = self._job.clock.elapsed()
        wanted = self._job.edits.pending or self._gone or now >= min(self._again_at, self._look_at)
        return bool(wanted) and now >= self._round_at

    def _ended(self, call: Future[_Round]) -> list[Tree]:
        self._round_at = self._job.clock.elapsed() + ROUND_SECONDS
        try:
            done = call.result()
        except Stopped:
            return []
        except HarvesterError as error:
            return self._failed(" ".join([error.message, *error.problems]), again=not error.needs_change)
        except Exception as error:
            # A stream does not end for a change that it could not take over.
            log.exception("A change of the rules failed unexpectedly; please report it.")
            return self._failed(unexpected(error), again=True)
        self._round_at += max(0.0, done.requests * _REQUEST_SECONDS - ROUND_SECONDS)
        if done.edit:
            self._gone, self._again_at = done.gone, float("inf")
        if done.edit and done.refused:
            return self._waits(done, done.edit)
        if done.edit:
            self._take_over(done.edit, done.rules)
        return list(done.events)

    def _waits(self, done: _Round, edit: Edit) -> list[Tree]:
        """What X refuses waits for the next edit; where room was made for it, it is tried again."""
        self._job.edits.not_yet(done.refused)
        stays = "The stream continues with its current rules"
        if self._missing_since:
            # X accepted it when it was asked before, and the old rules are gone.
            self._again_at = self._job.clock.elapsed() + self._backoff.pause()
            stays = "The stream lacks rules, and tries again"
        refused = f"{edit.version}: {done.refused}"
        if refused == self._reported:
            return []
        self._reported = refused
        log.warning("%s: %s", stays, done.refused)
        return list(done.events)

    def _take_over(self, edit: Edit, rules: tuple[Rule, ...]) -> None:
        self.collection, self._rules = edit.collection, rules
        self._asked = active_rules(edit.collection["filter"])
        self._reported = ""
        self._backoff.reset()
        self._job.edits.taken_over(edit)

    def _failed(self, reason: str, *, again: bool) -> list[Tree]:
        """The rules stay as they are; with `again` it is tried again, else after the next edit."""
        pause = self._backoff.pause()
        self._again_at = self._job.clock.elapsed() + pause if again else float("inf")
        self._job.edits.not_yet(reason)
        if reason == self._reported:
            return []
        self._reported = reason
        log.warning("The stream continues with its current rules: %s", reason)
        return [self._event("rules pending", reason=reason)]

    def _event(self, name: str, **more: Any) -> Tree:
        return {"event": name, "at": timestamp(self._job.clock.now()), **more}

    # Beside the thread that reads the stream

    def _round(self) -> _Round:
        requests = self._delete(self._gone)
        # What fails after this does not delete them again.
        self._gone = ()
        if self._job.clock.elapsed() >= self._look_at:
            self._look_at = self._job.clock.elapsed() + _LOOK_SECONDS
            self._job.edits.look()
        if not self._job.edits.pending and self._job.clock.elapsed() < self._again_at:
            return _Round(requests=requests)
        edit = self._job.edits.read()
        asked = active_rules(edit.collection["filter"])
        if asked == self._asked and self._missing_since is None:
            return _Round(edit, self._rules, requests=requests)
        live = self._client.rules()
        plan = planned(asked, live, prefix=self._prefix, caps=self._caps)
        found = self._changed(edit, _in_place(plan, live), live)
        return replace(found, requests=found.requests + requests)

    def _delete(self, ids: Sequence[str]) -> int:
        """Delete these live rules; how many requests that took."""
        self._client.delete_rules(ids)
        return ceil(len(ids) / AT_ONCE)

    def _changed(self, edit: Edit, plan: RulePlan, live: Sequence[Mapping[str, Any]]) -> _Round:
        """Carry out a plan; if X refuses one of its rules, nothing changes but for the room that was made."""
        has_room = len(live) + len(plan.add) <= self._caps.rules
        requests = ceil(len(plan.add) / AT_ONCE) * (1 if has_room else 2) + ceil(len(plan.delete) / AT_ONCE)
        later = plan.delete
        if not has_room:
            found = self._client.add_rules(plan.add, dry_run=True).problems
            # The lack of room beside the old ones is known.
            if problems := tuple(each for each in found if each.title != _CAP):
                return self._refused(edit, plan, problems, requests)
            later = self._made_room(plan, live)
        if problems := self._add(plan.add):
            return self._refused(edit, plan, problems, requests)
        # Without rules, there is nothing to wait for.
        changes = bool(plan.rules) and bool(plan.add or plan.delete)
        since = self._client.time.latest() + (IN_FORCE_AFTER if changes else timedelta())
        if not plan.add:
            self._delete(later)
            later = ()
        return _Round(edit, plan.rules, later, self._rules_event(edit, plan, since), requests=requests)

    def _add(self, rules: Sequence[Rule]) -> tuple[Problem, ...]:
        """Add live rules; if X refuses one, all of them are removed."""
        try:
            problems = self._client.add_rules(rules).problems
        except BaseException:
            self._client.take_back(rules)
            raise
        if problems:
            self._client.take_back(rules)
        return problems

    def _made_room(self, plan: RulePlan, live: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Delete what is no longer asked for and, if it must be, also what the new rules replace.

        Those that may wait for the new ones are returned.
        """
        ids = {rule.value: rule.ids for rule in self._rules}
        asked = {name for rule in plan.rules for name in rule.ids}
        going = {str(rule["id"]): ids.get(str(rule.get("value")), ()) for rule in live}
        replaced = tuple(each for each in plan.delete if asked.intersection(going[each]))
        self._delete([each for each in plan.delete if each not in replaced])
        if len(live) - len(plan.delete) + len(replaced) + len(plan.add) <= self._caps.rules:
            return replaced
        self._missing_since = self._missing_since or self._client.time.earliest()
        self._delete(replaced)
        return ()

    def _rules_event(self, edit: Edit, plan: RulePlan, since: datetime) -> tuple[Tree, ...]:
        before, after = set(self._rules), set(plan.rules)
        event = self._event(
            "rules",
            old=[rule.to_tree() for rule in self._rules if rule not in after],
            new=[rule.to_tree() for rule in plan.rules if rule not in before],
            in_force_from=timestamp(since),
            **_named(edit),
        )
        if self._missing_since is None:
            return (event,)
        gap, self._missing_since = Gap(self._missing_since, since, _NO_ROOM), None
        return event, gap.event()

    def _refused(self, edit: Edit, plan: RulePlan, problems: Sequence[Problem], requests: int) -> _Round:
        ids = {rule.value: list(rule.ids) for rule in plan.add}
        said = [refusal(problem, plan.add) for problem in problems]
        events = []
        for problem, reason in zip(problems, said, strict=True):
            value = str(problem.raw.get("value") or "")
            event = self._event("rule refused", value=value, ids=ids.get(value, []), reason=reason)
            events.append({**event, **_named(edit)})
        why = f"X rejects {counted(len(said), 'rule')}: {'; '.join(said[:3])}"
        return _Round(edit, events=tuple(events), refused=why, requests=requests)


def _in_place(plan: RulePlan, live: Sequence[Mapping[str, Any]]) -> RulePlan:
    """The plan without live rules that only get another tag: they stay, and events tell whose they are."""
    tags = {str(rule.get("value")): text_in(rule, "tag") for rule in live if rule["id"] in plan.replaced}
    return replace(
        plan,
        add=tuple(rule for rule in plan.add if rule.value not in tags),
        rules=tuple(replace(rule, tag=tags.get(rule.value, rule.tag)) for rule in plan.rules),
        replaced=(),
    )


def _named(edit: Edit) -> Tree:
    return {"version": edit.version, "changeset": edit.changeset}
