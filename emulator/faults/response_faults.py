"""Every error answer that a client of the X API can meet, by its name in fault scripts."""

from collections.abc import Callable
from typing import Any

import orjson

from emulator.api.answers import Answer, json_answer
from emulator.api.errors import (
    Problems,
    bad_parameter,
    connection_exception,
    missing,
    no_rules,
    not_authorized,
    old_version,
    plain,
    too_many_connections,
    unauthorized,
)
from emulator.api.parameters import RECENT_SECONDS, stale_complaint
from emulator.api.rate_limit import headers
from emulator.faults.script import Fault
from emulator.service import Service

HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Technically wrong</h1></body></html>"


def scripted(service: Service, fault: Fault, endpoint: str, kind: str) -> Answer:
    """The answer a fault gives instead of the right one."""
    problems = Problems(str(fault.more.get("host", service.problems.host)))
    answer = TABLE[fault.do](Scene(service, fault, problems, endpoint, kind))
    answer.outcome = fault.do
    return answer


class Scene:
    def __init__(self, service: Service, fault: Fault, problems: Problems, endpoint: str, kind: str) -> None:
        self.service = service
        self.more = fault.more
        self.problems = problems
        self.endpoint = endpoint
        self.kind = kind


def refused(refusal: Any, *, keep_rate: bool = True) -> Answer:
    answer = json_answer(refusal.body, status=refusal.status)
    answer.headers = dict(refusal.headers)
    answer.rate_headers = keep_rate and refusal.rate_headers
    return answer


def rate_limit(scene: Scene) -> Answer:
    """429 with a spent window; `seconds` says when it resets, and it stays spent until then."""
    spent = scene.service.limits.exhausted(scene.endpoint, scene.kind, seconds=scene.more.get("seconds"))
    answer = rate_limit_without_headers(scene)
    answer.headers = spent
    return answer


def rate_limit_88(scene: Scene) -> Answer:
    answer = json_answer({"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, status=429)
    answer.headers = scene.service.limits.exhausted(
        scene.endpoint, scene.kind, seconds=scene.more.get("seconds")
    )
    answer.rate_headers = False
    return answer


def rate_limit_without_headers(_scene: Scene) -> Answer:
    body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    answer = json_answer(body, status=429)
    answer.rate_headers = False
    return answer


def usage_cap(scene: Scene) -> Answer:
    body = {
        "account_id": 1,
        "product_name": "standard-basic",
        "title": "UsageCapExceeded",
        "period": scene.more.get("period", "Monthly"),
        "scope": scene.more.get("scope", "Product"),
        "detail": "Usage cap exceeded: Monthly product cap",
        "type": scene.problems.type("usage-capped"),
    }
    answer = json_answer(body, status=429)
    # The window of requests is not what is spent: something remains in it.
    answer.headers = headers(450, 440, scene.service.clock.now() + 600)
    return answer


def credits_depleted(scene: Scene) -> Answer:
    title = scene.more.get("title", "Payment Required")
    body = {
        "detail": "credits depleted",
        "status": 402,
        "title": title,
        "type": f"https://{scene.more.get('host', 'api.x.com')}/2/problems/credits-depleted",
    }
    return json_answer(body, status=402)


def not_enrolled(scene: Scene) -> Answer:
    body = {
        "client_id": "1",
        "detail": "When authenticating requests to the Twitter API v2 endpoints, you must use keys "
        "and tokens "
        "from a Twitter developer App that is attached to a Project.",
        "reason": "client-not-enrolled",
        "registration_url": "https://developer.twitter.com/en/docs/projects/overview",
        "required_enrollment": "Appropriate Level of API Access",
        "title": "Client Forbidden",
        "type": scene.problems.type("client-forbidden"),
    }
    return json_answer(body, status=403)


def nothing(_scene: Scene) -> Answer:
    """A last page without posts, also where there are some."""
    return json_answer({"meta": {"result_count": 0}})


def errors_only(scene: Scene) -> Answer:
    """A success that holds an error of X's own, which is of no account and no parameter."""
    error = {
        "title": "Internal Server Error",
        "detail": "Something went wrong.",
        "status": 500,
        "type": scene.problems.type("internal-error"),
    }
    return json_answer({"errors": [error]})


def stale_since_id(scene: Scene) -> Answer:
    oldest = scene.service.clock.now() - RECENT_SECONDS
    message = stale_complaint("since_id", oldest)
    return refused(bad_parameter(scene.problems, "since_id", str(scene.more.get("value", "1")), message))


def bad_param(scene: Scene) -> Answer:
    name = str(scene.more.get("parameter", "max_results"))
    value = str(scene.more.get("value", "4"))
    message = scene.more.get("message", f"The `{name}` query parameter value [{value}] is not valid")
    return refused(bad_parameter(scene.problems, name, value, message))


def unavailable(scene: Scene) -> Answer:
    answer = refused(plain(503, "Service Unavailable", outcome="unavailable"))
    if "retry_after" in scene.more:
        answer.headers["retry-after"] = str(scene.more["retry_after"])
    return answer


def html(scene: Scene) -> Answer:
    answer = Answer(
        status=int(scene.more.get("status", 502)), body=HTML, content_type="text/html; charset=utf-8"
    )
    answer.rate_headers = False
    return answer


def connection_issue(status: int, issue: str, detail: str) -> Callable[[Scene], Answer]:
    return lambda scene: refused(
        connection_exception(scene.problems, status=status, issue=issue, detail=detail)
    )


TABLE: dict[str, Callable[[Scene], Answer]] = {
    "bad-param": bad_param,
    "stale-since-id": stale_since_id,
    "unauthorized": lambda _: refused(unauthorized()),
    "credits-depleted": credits_depleted,
    "not-enrolled": not_enrolled,
    "rate-limit": rate_limit,
    "rate-limit-88": rate_limit_88,
    "rate-limit-no-headers": rate_limit_without_headers,
    "usage-cap": usage_cap,
    "too-many-connections": lambda scene: refused(too_many_connections(scene.problems)),
    "rule-configuration": lambda scene: refused(no_rules(scene.problems)),
    "provisioning": connection_issue(
        409,
        "ProvisioningSubscription",
        "Your subscription change is currently being provisioned, please try again.",
    ),
    "rules-invalid": connection_issue(409, "RulesInvalidIssue", "One or more rules are invalid."),
    "unavailable": unavailable,
    "internal-error": lambda _: refused(plain(500, "Internal Server Error", outcome="internal-error")),
    "not-found-404": lambda _: refused(plain(404, "Not Found", outcome="not-found-404")),
    "html": html,
    "v1.1": lambda _: refused(old_version()),
    "empty-body": lambda scene: Answer(status=int(scene.more.get("status", 200))),
    "nothing": nothing,
    "errors-only": errors_only,
    "truncated-json": lambda _: Answer(body=b'{"data":[{"id":"1","text":"cut'),
}


def with_errors(problems: Problems, answer: Answer, fault: Fault) -> Answer:
    """The right page, with entries in `errors` for things it refers to that cannot be seen."""
    document = orjson.loads(answer.body)
    if not document.get("data"):
        # Without posts there is nothing that could refer to something else.
        return answer
    value = str(fault.more.get("value", "1"))
    document.setdefault("errors", []).extend(
        [
            missing(problems, kind="tweet", parameter="referenced_tweets.id", value=value),
            {
                **not_authorized(problems, value=value, section="includes"),
                "resource_type": "tweet",
                "parameter": "referenced_tweets.id",
            },
        ]
    )
    answer.body = orjson.dumps(document)
    answer.outcome = fault.do
    return answer
