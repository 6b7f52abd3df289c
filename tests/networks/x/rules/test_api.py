"""Whatever X answers about rules, a stream has its rules or does not start, and its pages have an end."""

import json
from random import Random
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.networks.x import ApiCode, Keys, Rule, XClient, XError
from tests.support.mutations import mutated
from tests.support.scripted_x import HandClock, Reply, Request, Scripted, scripted

_NOT_ADDED: dict[str, Any] = {
    "nothing at all": {},
    "no rule": {"data": [], "meta": {}},
    "none created": {"meta": {"summary": {"created": 0, "not_created": 2, "valid": 0, "invalid": 2}}},
    "one of two": {"data": [{"id": "1", "value": "a"}], "meta": {"summary": {"created": 1}}},
}
_RULES = [Rule("a", "t"), Rule("b", "t")]


def _client(server: Scripted) -> XClient:
    return XClient(Keys(bearer_token="t"), base_url=server.url, clock=HandClock(), stop=Stop(), patience=20.0)


class _Rules:
    """X's rules; what `spoil` gives in place of an answer is answered, and then nothing is added."""

    def __init__(self, *live: str) -> None:
        self.live = {value: str(number) for number, value in enumerate(live, 1)}
        self.spoil: list[Any] = []

    def __call__(self, request: Request) -> Reply:
        if request.method == "GET":
            data = [{"id": number, "value": value, "tag": "t"} for value, number in self.live.items()]
            return Reply(body={"data": data, "meta": {"result_count": len(data)}})
        if self.spoil:
            return Reply(body=self.spoil.pop())
        return Reply(body=self._changed(json.loads(request.body)))

    def _changed(self, asked: Any) -> Any:
        errors, added = [], []
        for rule in asked.get("add", ()):
            if rule["value"] in self.live:
                errors.append({"value": rule["value"], "title": "DuplicateRule"})
            else:
                self.live[rule["value"]] = str(len(self.live) + 1)
                added.append({**rule, "id": self.live[rule["value"]]})
        gone = set(asked.get("delete", {}).get("ids", ()))
        if lacking := gone - set(self.live.values()):
            errors.append({"title": "Invalid Request", "detail": f"{len(lacking)} rules do not exist"})
        self.live = {value: number for value, number in self.live.items() if number not in gone}
        return {"data": added, "errors": errors, "meta": {"summary": {"created": len(added)}}}


@pytest.mark.parametrize("answer", _NOT_ADDED.values(), ids=_NOT_ADDED)
def test_an_answer_that_does_not_say_that_rules_were_added_is_asked_for_again(answer: Any) -> None:
    rules = _Rules("b")
    rules.spoil = [answer]
    with scripted(rules) as server:
        assert _client(server).add_rules(_RULES).problems == ()
        assert rules.live.keys() == {"a", "b"} and len(server.requests) == 2

        rules.spoil = [answer] * 100
        with pytest.raises(XError) as refused:
            _client(server).add_rules(_RULES)
    assert refused.value.outcome is ApiCode.UNAVAILABLE and len(server.requests) < 20


def test_whatever_comes_of_an_answer_the_rules_are_live_or_there_is_an_error() -> None:
    for seed in range(40):
        rules, random = _Rules(), Random(seed)

        def spoilt(request: Request, rules: _Rules = rules, random: Random = random) -> Reply:
            right = rules(request)
            return mutated(right, random) if random.random() < 0.5 else right

        with scripted(spoilt) as server:
            try:
                problems = _client(server).add_rules(_RULES).problems
            except XError:
                continue
        assert problems or rules.live.keys() == {"a", "b"}, seed


def test_a_rule_that_is_gone_already_is_deleted_and_one_that_stays_is_a_problem() -> None:
    rules = _Rules("a", "b")
    with scripted(rules) as server:
        assert _client(server).delete_rules(["1", "9"]).problems == ()
        assert rules.live.keys() == {"b"}
        rules.spoil = [{"errors": [{"title": "Invalid Request", "detail": "it stays"}]}]
        assert [each.detail for each in _client(server).delete_rules(["2"]).problems] == ["it stays"]


def test_pages_of_rules_that_bring_no_new_rule_are_the_last() -> None:
    asked: list[Request] = []

    def script(request: Request) -> Reply:
        asked.append(request)
        data = [{"id": str(min(len(asked), 3)), "value": "x"}]
        return Reply(body={"data": data, "meta": {"next_token": f"t{len(asked)}"}})

    with scripted(script) as server:
        assert [rule["id"] for rule in _client(server).rules()] == ["1", "2", "3"]
    assert len(asked) == 4

    def endless(request: Request) -> Reply:
        asked.append(request)
        rule = {"id": str(len(asked)), "value": f"v{len(asked)}"}
        return Reply(body={"data": [rule], "meta": {"next_token": f"t{len(asked) % 2}"}})

    with scripted(endless) as server:
        assert len(_client(server).rules()) == 100
