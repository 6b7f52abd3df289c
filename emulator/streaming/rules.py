"""Stream rules: added, deleted, counted and capped as X does; a bad one is refused with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.api.errors import Problems, Refusal, bad_parameter
from emulator.clock import iso
from emulator.language import Bounds, Matcher, Node, QueryError, Subject, parsed
from emulator.streaming.in_force import InForce
from emulator.world.world import World

RULE_SOURCE = 3


@dataclass(frozen=True)
class Rule:
    id: int
    value: str
    tag: str
    tree: Node
    matches: Matcher

    def shown(self) -> dict[str, str]:
        tag = {"tag": self.tag} if self.tag else {}
        return {"value": self.value, **tag, "id": str(self.id)}

    def matched(self) -> dict[str, str]:
        return {"id": str(self.id), "tag": self.tag}


class Rules:
    """The rules as they are listed; `in_force` has those that posts are matched with."""

    def __init__(
        self,
        world: World,
        problems: Problems,
        bounds: Bounds,
        *,
        cap: int,
        longest: int,
        delay: float = 0.0,
        vary: int | None = None,
    ) -> None:
        self.world = world
        self.problems = problems
        self.bounds = bounds
        self.cap = cap
        self.longest = longest
        self.in_force: InForce[Rule] = InForce(world.clock, delay=delay, vary=vary)
        self._rules: dict[int, Rule] = {}

    def __len__(self) -> int:
        return len(self._rules)

    def all(self) -> list[Rule]:
        return list(self._rules.values())

    def matching(self, post: Subject) -> list[Rule]:
        return [rule for rule in self.in_force.all() if rule.matches(post)]

    def add(self, wanted: Sequence[Mapping[str, Any]], *, dry_run: bool) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer; rules are added one by one, so some may fail beside others."""
        made: list[Rule] = []
        errors: list[dict[str, Any]] = []
        values = {rule.value: rule.id for rule in self._rules.values()}
        for item in wanted:
            value = str(item.get("value", ""))
            rule, error = self._checked(
                value, str(item.get("tag") or ""), values, room=self.cap - len(values)
            )
            if rule is not None:
                values[value] = rule.id
                made.append(rule)
            else:
                errors.append(error)
        if not dry_run and made:
            self._rules |= {rule.id: rule for rule in made}
            for rule in made:
                self.in_force.add(rule)
        return (201 if made or not errors else 200), self._added(made, errors)

    def _checked(
        self, value: str, tag: str, values: Mapping[str, int], *, room: int
    ) -> tuple[Rule | None, dict[str, Any]]:
        if value in values:
            return None, {
                "value": value,
                "id": str(values[value]),
                "title": "DuplicateRule",
                "type": self.problems.type("duplicate-rules"),
            }
        if room <= 0:
            return None, {
                "value": value,
                "title": "RulesCapExceeded",
                "type": self.problems.type("rule-cap"),
                "detail": f"You may not have more than {self.cap} rules.",
            }
        try:
            if len(value) > self.longest:
                raise QueryError(
                    f"Rule length exceeds the maximum of {self.longest} characters (at position 1)"
                )
            tree = parsed(value, self.bounds)
        except QueryError as error:
            return None, {
                "value": value,
                "details": list(error.details),
                "title": "UnprocessableEntity",
                "type": self.problems.type("invalid-rules"),
            }
        return Rule(
            self.world.next_id(RULE_SOURCE),
            value,
            tag,
            tree,
            Matcher(tree, deep=True, named=self.world.named),
        ), {}

    def _added(self, made: Sequence[Rule], errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        summary = {
            "created": len(made),
            "not_created": len(errors),
            "valid": len(made),
            "invalid": len(errors),
        }
        body: dict[str, Any] = {"meta": {"sent": self._sent(), "summary": summary}}
        if made:
            body = {"data": [rule.shown() for rule in made], **body}
        if errors:
            body["errors"] = list(errors)
        return body

    def delete(self, wanted: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
        ids = {int(text) for text in wanted.get("ids") or () if str(text).isdigit()}
        values = set(wanted.get("values") or ())
        asked = len(wanted.get("ids") or ()) + len(values)
        gone = [rule for rule in self.all() if rule.id in ids or rule.value in values]
        if asked == 0:
            raise bad_parameter(self.problems, "delete", "", "must contain at least one id or value")
        return self._deleted(gone, missed=asked - len(gone), dry_run=dry_run)

    def delete_all(self, *, dry_run: bool) -> dict[str, Any]:
        return self._deleted(self.all(), missed=0, dry_run=dry_run)

    def _deleted(self, gone: Sequence[Rule], *, missed: int, dry_run: bool) -> dict[str, Any]:
        if not dry_run:
            for rule in gone:
                del self._rules[rule.id]
                self.in_force.delete(rule)
        body: dict[str, Any] = {
            "meta": {"sent": self._sent(), "summary": {"deleted": len(gone), "not_deleted": missed}}
        }
        if missed:
            body["errors"] = [
                {
                    "title": "Invalid Request",
                    "type": self.problems.type("invalid-request"),
                    "detail": "One or more rules to delete were not found.",
                }
            ]
        return body

    def page(self, *, ids: Sequence[str], size: int, token: str | None) -> dict[str, Any]:
        """Rules in the order of their making; tokens are 16 characters, as X says they are."""
        kept = [rule for rule in self.all() if not ids or str(rule.id) in ids]
        at = 0
        if token is not None:
            if not token.startswith("rules") or not token[5:].isdigit() or len(token) != 16:
                raise self._bad_token(token)
            at = int(token[5:])
        shown = kept[at : at + size]
        meta: dict[str, Any] = {"sent": self._sent(), "result_count": len(shown)}
        if at + size < len(kept):
            meta["next_token"] = f"rules{at + size:011d}"
        return {**({"data": [rule.shown() for rule in shown]} if shown else {}), "meta": meta}

    def _bad_token(self, token: str) -> Refusal:
        message = f"The `pagination_token` query parameter value [{token}] is not valid"
        return bad_parameter(self.problems, "pagination_token", token, message)

    def counts(self) -> dict[str, Any]:
        count = {"client_app_id": "1", "rule_count": len(self)}
        # Caps come as strings, which is how the real endpoint sends them.
        return {
            "data": {
                "cap_per_client_app": str(self.cap),
                "cap_per_project": str(self.cap),
                "client_app_rules_count": count,
                "project_rules_count": str(len(self)),
                "all_project_client_apps": [count],
            },
            "meta": {"sent": self._sent()},
        }

    def _sent(self) -> str:
        return iso(self.world.clock.now())
