"""From an authenticated request to its answer: faults of the script, rate window, parameters, endpoint."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from emulator.api.answers import Answer, Call, json_answer
from emulator.api.auth import APP
from emulator.api.errors import Refusal, bad_parameter
from emulator.api.parameters import ACCEPTS, DIGITS, USERNAME, Checker
from emulator.faults import script
from emulator.faults.account_faults import change, disguised
from emulator.faults.response_faults import scripted, with_errors
from emulator.faults.script import Fault
from emulator.http.routes import Route
from emulator.service import Service
from emulator.views.fields import view_of

REFUSALS = frozenset(["refuse-connection"])
RECENT = frozenset(["search/recent", "counts/recent"])
TOO_MANY = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}


@dataclass
class Served:
    """An answer, and how its sending is spoiled: `spoiling` for any, `course` for a stream."""

    answer: Answer
    endpoint: str = ""
    spoiling: list[Fault] = field(default_factory=list)
    course: list[Fault] = field(default_factory=list)


class Desk:
    def __init__(self, service: Service) -> None:
        self.service = service

    async def served(self, asking: "Asking") -> Served:
        route, is_stream = asking.route, asking.route.endpoint == "stream"
        asked = script.Asked(
            f"{asking.method} {asking.path}",
            asking.params,
            subjects(asking.subject, asking.params),
            is_stream,
        )
        fired = self.service.faults.firing(asked)
        for fault in chosen(fired, script.WORLD):
            change(self.service, fault, asked)
        with self.service.truth.answering(route.endpoint):
            await self._wait(fired, is_stream=is_stream)
        if route.app_only and asking.kind != APP:
            raise unsupported(self.service)
        rate, over = self.service.limits.spend(route.endpoint, asking.kind)
        if over:
            return Served(Answer(429, orjson.dumps(TOO_MANY), rate, "rate-limit"), route.endpoint)
        with disguised(self.service, chosen(fired, script.ACCOUNTS), asked):
            answer = self._answered(asking, fired)
        if answer.rate_headers:
            answer.headers = {**rate, **answer.headers}
        return Served(
            answer,
            route.endpoint,
            chosen(fired, REFUSALS if is_stream and answer.status == 200 else script.SENDING - {"delay"}),
            chosen(fired, script.STREAM) if is_stream else [],
        )

    async def _wait(self, fired: list[Fault], *, is_stream: bool) -> None:
        latency = 0.0 if is_stream else self.service.options.latency / 1000
        latency += sum(float(fault.more.get("seconds", 1)) for fault in fired if fault.do == "delay")
        if latency:
            await asyncio.sleep(latency)

    def _answered(self, asking: "Asking", fired: list[Fault]) -> Answer:
        """The endpoint's answer or the scripted one; what is refused here still counts in the rate window."""
        instead = next(iter(chosen(fired, script.ANSWERS)), None)
        if instead is not None:
            return scripted(self.service, instead, asking.route.endpoint, asking.kind)
        try:
            self._check(asking.route, asking.subject, asking.params)
            answer = asking.route.handler(self.service, asking.call(fired))
        except Refusal as refusal:
            return refused(refusal)
        for fault in chosen(fired, frozenset(["partial-errors"])):
            answer = with_errors(self.service.problems, answer, fault)
        surprises = self.service.surprises
        return surprises.answered(asking.route.endpoint, answer) if surprises else answer

    def _check(self, route: Route, subject: str, params: Mapping[str, str]) -> None:
        problems = self.service.problems
        if self.service.options.refuse_tweet_fields and "tweet.fields" in params:
            message = "The query parameter [tweet.fields] is not one of [post.fields]"
            raise bad_parameter(problems, "tweet.fields", params["tweet.fields"], message)
        if subject and route.endpoint != "connections":
            name, pattern = ("id", DIGITS) if route.numeric else ("username", USERNAME)
            if not pattern.match(subject):
                message = f"The `{name}` query parameter value [{subject}] is not valid"
                raise bad_parameter(problems, name, subject, message)
        checker = Checker(ACCEPTS[route.endpoint], params, problems, self.service.clock)
        checker.check(recent=route.endpoint in RECENT)


@dataclass(frozen=True)
class Asking:
    """A request for an endpoint, which the credentials in it may ask; `kind` is that of these."""

    method: str
    path: str
    params: Mapping[str, str]
    body: bytes
    route: Route
    subject: str
    kind: str

    def call(self, fired: list[Fault]) -> Call:
        caps = {"short-page": 3, "empty-page": 0}
        cap = next((int(f.more.get("size", caps[f.do])) for f in fired if f.do in caps), None)
        return Call(
            endpoint=self.route.endpoint,
            method=self.method,
            path=self.path,
            subject=self.subject,
            params=self.params,
            kind=self.kind,
            view=view_of(self.params),
            body=self.body,
            page_cap=cap,
            is_stuck=any(fault.do == "stuck-token" for fault in fired),
            is_lost=any(fault.do == "lost-token" for fault in fired),
            is_long=any(fault.do == "long-token" for fault in fired),
            is_again=any(fault.do == "same-page" for fault in fired),
            lacking=sum(int(fault.more.get("count", 1)) for fault in fired if fault.do == "miscount"),
        )


def chosen(fired: list[Fault], names: frozenset[str]) -> list[Fault]:
    return [fault for fault in fired if fault.do in names]


def subjects(subject: str, params: Mapping[str, str]) -> frozenset[str]:
    """Ids and names a request is about: in its path or in its lists."""
    listed = [text for name in ("ids", "usernames") for text in params.get(name, "").split(",")]
    return frozenset(text for text in (subject, *listed) if text)


def refused(refusal: Refusal) -> Answer:
    answer = json_answer(refusal.body, status=refusal.status, outcome=refusal.outcome)
    answer.headers = dict(refusal.headers)
    answer.rate_headers = refusal.rate_headers
    return answer


def unsupported(service: Service) -> Refusal:
    body = {
        "title": "Unsupported Authentication",
        "detail": "Authenticating with OAuth 1.0a User Context is forbidden for this endpoint.  "
        "Supported authentication types are [OAuth 2.0 Application-Only].",
        "type": service.problems.type("unsupported-authentication"),
        "status": 403,
    }
    return Refusal(403, body, outcome="unsupported-authentication")
