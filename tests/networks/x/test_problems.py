"""Every documented answer of the X API, and each seen in the wild, has the outcome a person would give it."""

from typing import Any

import pytest

from harvester.errors import Exit
from harvester.networks.x.errors import ApiCode, Problem, XError
from harvester.networks.x.problems import problem_of, problems_in

_OLD, _NEW = "https://api.twitter.com/2/problems/", "https://api.x.com/2/problems/"
_STALE = {
    "errors": [
        {
            "parameters": {"since_id": ["1"]},
            "message": "'since_id' must be a tweet id created after 2026-06-22T16:35Z. Use a larger one.",
        }
    ],
    "title": "Invalid Request",
    "detail": "One or more parameters to your request was invalid.",
    "type": f"{_OLD}invalid-request",
}

REFUSALS: dict[str, tuple[int, Any, ApiCode]] = {
    "a bad token": (
        401,
        {"type": "about:blank", "title": "Unauthorized", "status": 401},
        ApiCode.UNAUTHORIZED,
    ),
    "a token of v1.1": (401, {"errors": [{"code": 89, "message": "Invalid token"}]}, ApiCode.UNAUTHORIZED),
    "bad app keys": (403, {"errors": [{"code": 99, "message": "Unable to verify"}]}, ApiCode.UNAUTHORIZED),
    "credits gone": (
        402,
        {"title": "Payment Required", "type": f"{_NEW}credits-depleted"},
        ApiCode.CREDITS_DEPLETED,
    ),
    "credits gone, older": (402, {"title": "CreditsDepleted"}, ApiCode.CREDITS_DEPLETED),
    "credits gone, no body": (402, None, ApiCode.CREDITS_DEPLETED),
    "not enrolled": (
        403,
        {"reason": "client-not-enrolled", "title": "Client Forbidden", "type": f"{_NEW}client-forbidden"},
        ApiCode.FORBIDDEN,
    ),
    "v1.1 endpoint": (403, {"errors": [{"code": 453, "message": "a subset of"}]}, ApiCode.FORBIDDEN),
    "a block page": (403, None, ApiCode.FORBIDDEN),
    "not authorized for it": (403, {"type": f"{_OLD}not-authorized-for-resource"}, ApiCode.FORBIDDEN),
    "rate limit": (
        429,
        {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429},
        ApiCode.RATE_LIMITED,
    ),
    "rate limit, code 88": (
        429,
        {"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
        ApiCode.RATE_LIMITED,
    ),
    "rate limit, named": (429, {"type": f"{_NEW}rate-limit-exceeded"}, ApiCode.RATE_LIMITED),
    "rate limit without a body": (429, None, ApiCode.RATE_LIMITED),
    "monthly cap": (
        429,
        {"title": "UsageCapExceeded", "period": "Monthly", "type": f"{_OLD}usage-capped"},
        ApiCode.MONTHLY_CAP,
    ),
    "monthly cap, new host": (429, {"type": f"{_NEW}usage-capped"}, ApiCode.MONTHLY_CAP),
    "monthly cap by title": (
        429,
        {"title": "UsageCapExceeded", "type": "about:blank"},
        ApiCode.MONTHLY_CAP,
    ),
    "second stream": (
        429,
        {
            "title": "ConnectionException",
            "connection_issue": "TooManyConnections",
            "type": f"{_OLD}streaming-connection",
        },
        ApiCode.TOO_MANY_CONNECTIONS,
    ),
    "no rules": (
        409,
        {"title": "ConnectionException", "connection_issue": "RuleConfigurationIssue"},
        ApiCode.RULES_PROBLEM,
    ),
    "invalid rules": (409, {"connection_issue": "RulesInvalidIssue"}, ApiCode.RULES_PROBLEM),
    "rule syntax": (
        400,
        {"errors": [{"type": f"{_NEW}invalid-rules", "detail": "no"}]},
        ApiCode.RULES_PROBLEM,
    ),
    "rule cap": (422, {"title": "RulesCapExceeded", "type": f"{_OLD}rule-cap"}, ApiCode.RULES_PROBLEM),
    "subscription being made": (
        503,
        {"connection_issue": "ProvisioningSubscription"},
        ApiCode.UNAVAILABLE,
    ),
    "stale since_id": (400, _STALE, ApiCode.STALE_SINCE_ID),
    "bad parameter": (
        400,
        {
            "errors": [{"parameters": {"max_results": ["4"]}, "message": "[4] is not between 5 and 100"}],
            "type": f"{_NEW}invalid-request",
        },
        ApiCode.BAD_REQUEST,
    ),
    "bad since_id": (
        400,
        {"errors": [{"parameters": {"since_id": ["x"]}, "message": "is not a number"}]},
        ApiCode.BAD_REQUEST,
    ),
    "outage": (
        503,
        {"title": "Service Unavailable", "type": "about:blank", "status": 503},
        ApiCode.UNAVAILABLE,
    ),
    "a gateway's page": (502, None, ApiCode.UNAVAILABLE),
    "internal error": (500, {"type": f"{_NEW}internal-error"}, ApiCode.UNAVAILABLE),
    "an endpoint gone for a while": (404, {"title": "Not Found Error"}, ApiCode.UNAVAILABLE),
    "404 naming a user": (404, {"errors": [{"type": f"{_OLD}resource-not-found"}]}, ApiCode.UNAVAILABLE),
    "a redirect to a login page": (302, None, ApiCode.UNAVAILABLE),
    "an unknown refusal": (418, {"title": "Teapot"}, ApiCode.BAD_REQUEST),
}


@pytest.mark.parametrize(("status", "body", "outcome"), REFUSALS.values(), ids=REFUSALS)
def test_each_refusal_has_its_outcome(status: int, body: Any, outcome: ApiCode) -> None:
    assert problem_of(status, body).outcome == outcome


LISTED: dict[str, tuple[dict[str, Any], ApiCode, str]] = {
    "a missing user": (
        {
            "value": "5",
            "detail": "Could not find user with ids: [5].",
            "title": "Not Found Error",
            "resource_type": "user",
            "parameter": "ids",
            "resource_id": "5",
            "type": f"{_OLD}resource-not-found",
        },
        ApiCode.NOT_FOUND,
        "5",
    ),
    "a suspended user": (
        {
            "value": "6",
            "detail": "User has been suspended: [6].",
            "title": "Forbidden",
            "resource_type": "user",
            "parameter": "ids",
            "type": f"{_NEW}resource-not-found",
        },
        ApiCode.SUSPENDED,
        "6",
    ),
    "a protected timeline": (
        {
            "resource_id": "7",
            "parameter": "id",
            "section": "data",
            "title": "Authorization Error",
            "detail": "Sorry, you are not authorized to see the user with id: [7].",
            "type": f"{_OLD}not-authorized-for-resource",
        },
        ApiCode.PROTECTED,
        "7",
    ),
}


@pytest.mark.parametrize(("error", "outcome", "resource_id"), LISTED.values(), ids=LISTED)
def test_each_error_of_a_200_has_its_outcome(
    error: dict[str, Any], outcome: ApiCode, resource_id: str
) -> None:
    (problem,) = problems_in({"errors": [error]})

    assert (problem.outcome, problem.resource_id, problem.raw) == (outcome, resource_id, error)


def test_a_bad_request_tells_the_exact_words_and_the_parameter() -> None:
    problem = problem_of(400, _STALE)

    assert problem.parameter == "since_id"
    assert problem.detail.startswith("'since_id' must be a tweet id created after")


EXITS = {
    ApiCode.UNAUTHORIZED: Exit.UNAUTHORIZED,
    ApiCode.FORBIDDEN: Exit.UNAUTHORIZED,
    ApiCode.MONTHLY_CAP: Exit.RETRY_LATER,
    ApiCode.CREDITS_DEPLETED: Exit.RETRY_LATER,
    ApiCode.UNAVAILABLE: Exit.RETRY_LATER,
}


@pytest.mark.parametrize("outcome", ApiCode)
def test_each_outcome_is_told_in_words_with_its_exit_code(outcome: ApiCode) -> None:
    error = XError(Problem(outcome, detail="It said so."), asked="GET users/:id/tweets")

    assert error.message.startswith("X ") and error.message.endswith("It said so.")
    assert "users/:id/tweets" in error.message
    assert error.exit_code == EXITS.get(outcome, Exit.ERROR)
    assert error.hint or outcome == ApiCode.OK
