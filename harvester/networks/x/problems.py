"""Maps every answer of the X API to exactly one ApiCode, by tables of statuses and bodies."""

from collections.abc import Mapping
from typing import Any

from harvester.networks.x.decoding import printable
from harvester.networks.x.errors import ApiCode, Problem

# Problem types by the tail of their path, since api.twitter.com and api.x.com both occur.
_BY_TYPE: dict[str, ApiCode] = {
    "resource-not-found": ApiCode.NOT_FOUND,
    "not-authorized-for-resource": ApiCode.PROTECTED,
    "client-forbidden": ApiCode.FORBIDDEN,
    "disallowed-resource": ApiCode.FORBIDDEN,
    "usage-capped": ApiCode.MONTHLY_CAP,
    "rate-limit-exceeded": ApiCode.RATE_LIMITED,
    "credits-depleted": ApiCode.CREDITS_DEPLETED,
    "rule-cap": ApiCode.RULES_PROBLEM,
    "invalid-rules": ApiCode.RULES_PROBLEM,
    "duplicate-rules": ApiCode.RULES_PROBLEM,
    "internal-error": ApiCode.UNAVAILABLE,
    "resource-unavailable": ApiCode.UNAVAILABLE,
    "operational-disconnect": ApiCode.UNAVAILABLE,
    "invalid-request": ApiCode.BAD_REQUEST,
}

_BY_CONNECTION_ISSUE: dict[str, ApiCode] = {
    "TooManyConnections": ApiCode.TOO_MANY_CONNECTIONS,
    "ProvisioningSubscription": ApiCode.UNAVAILABLE,
    "RuleConfigurationIssue": ApiCode.RULES_PROBLEM,
    "RulesInvalidIssue": ApiCode.RULES_PROBLEM,
}

_BY_TITLE: dict[str, ApiCode] = {
    "UsageCapExceeded": ApiCode.MONTHLY_CAP,
    "CreditsDepleted": ApiCode.CREDITS_DEPLETED,
    "RulesCapExceeded": ApiCode.RULES_PROBLEM,
}

# Codes of v1.1, which still come from its end points and, for 88 and 453, from others.
_BY_CODE: dict[int, ApiCode] = {
    17: ApiCode.NOT_FOUND,
    32: ApiCode.UNAUTHORIZED,
    34: ApiCode.NOT_FOUND,
    50: ApiCode.NOT_FOUND,
    63: ApiCode.SUSPENDED,
    88: ApiCode.RATE_LIMITED,
    89: ApiCode.UNAUTHORIZED,
    99: ApiCode.UNAUTHORIZED,
    130: ApiCode.UNAVAILABLE,
    135: ApiCode.UNAUTHORIZED,
    326: ApiCode.FORBIDDEN,
    453: ApiCode.FORBIDDEN,
}

_BY_STATUS: dict[int, ApiCode] = {
    200: ApiCode.OK,
    201: ApiCode.OK,
    401: ApiCode.UNAUTHORIZED,
    402: ApiCode.CREDITS_DEPLETED,
    403: ApiCode.FORBIDDEN,
    # Whole end points answered 404 in outages (2025-09), so it is never a word about one account.
    404: ApiCode.UNAVAILABLE,
    408: ApiCode.UNAVAILABLE,
    409: ApiCode.RULES_PROBLEM,
    425: ApiCode.UNAVAILABLE,
    429: ApiCode.RATE_LIMITED,
}

# Where the status alone is sure: a body cannot turn these into something milder.
_SURE_STATUS = {401, 402, 404}

_BY_HUNDRED = {
    1: ApiCode.UNAVAILABLE,
    2: ApiCode.OK,
    3: ApiCode.UNAVAILABLE,
    4: ApiCode.BAD_REQUEST,
}


def problem_of(status: int, body: Any) -> Problem:
    """What an answer that is not a 2xx means. `body` is its JSON, or None if it is not one."""
    body = body if isinstance(body, dict) else {}
    listed = _listed(body)
    outcome = _of_answer(status, body, listed)
    first = listed[0] if listed else {}
    return Problem(
        outcome=outcome,
        title=_text(body, "title") or _text(first, "title"),
        detail=_detail(body, listed) or f"HTTP status {status}",
        status=status,
        type=_text(body, "type") or _text(first, "type"),
        resource_id=_text(first, "resource_id"),
        parameter=_parameter(first),
        raw=body,
    )


def _of_answer(status: int, body: dict[str, Any], listed: list[Any]) -> ApiCode:
    if status >= 500:
        return ApiCode.UNAVAILABLE
    if status in _SURE_STATUS:
        return _BY_STATUS[status]
    if status == 400 and any(map(_is_stale_since_id, listed)):
        return ApiCode.STALE_SINCE_ID
    named = next(filter(None, map(_named, (body, *listed))), None)
    if status == 429:
        # X names a rate limit in many ways or not at all; only the other kinds of 429 are known by name.
        return named if named in _OTHER_429 else ApiCode.RATE_LIMITED
    if named and named not in (ApiCode.NOT_FOUND, ApiCode.PROTECTED):
        return named
    return _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, ApiCode.UNAVAILABLE)


_OTHER_429 = {
    ApiCode.MONTHLY_CAP,
    ApiCode.CREDITS_DEPLETED,
    ApiCode.TOO_MANY_CONNECTIONS,
    ApiCode.RULES_PROBLEM,
    ApiCode.UNAVAILABLE,
}


def problems_in(body: Mapping[str, Any], *, status: int = 200) -> tuple[Problem, ...]:
    """The `errors` of an answer that succeeded otherwise, e.g. of the users of a batch that are gone."""
    return tuple(_listed_problem(error, status) for error in _listed(body))


def _listed(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors of an answer; one that is not in a list counts like one in a list."""
    errors = body.get("errors")
    listed = errors if isinstance(errors, list) else [errors]
    return [error for error in listed if isinstance(error, dict)]


def _listed_problem(error: dict[str, Any], status: int) -> Problem:
    outcome = _named(error) or ApiCode.BAD_REQUEST
    if outcome == ApiCode.NOT_FOUND and _tells_of_suspension(error):
        outcome = ApiCode.SUSPENDED
    return Problem(
        outcome=outcome,
        title=_text(error, "title"),
        detail=_text(error, "detail") or _text(error, "message"),
        status=status,
        type=_text(error, "type"),
        resource_id=_id(error, "resource_id") or _id(error, "value"),
        parameter=_text(error, "parameter"),
        raw=error,
    )


def _tells_of_suspension(error: Mapping[str, Any]) -> bool:
    # Type and status are those of a missing user; only title and words differ.
    return error.get("title") == "Forbidden" or "suspended" in _text(error, "detail").lower()


def _named(part: Mapping[str, Any]) -> ApiCode | None:
    """The outcome by connection issue, type, title or code, in this order: the most exact first."""
    tail = _text(part, "type").rstrip("/").rpartition("/")[2]
    code = part.get("code")
    return (
        _BY_CONNECTION_ISSUE.get(_text(part, "connection_issue"))
        or _BY_TITLE.get(_text(part, "title"))
        or _BY_TYPE.get(tail)
        or (_BY_CODE.get(code) if isinstance(code, int) else None)
    )


def _is_stale_since_id(error: Mapping[str, Any]) -> bool:
    parameters = error.get("parameters")
    message = _text(error, "message") or _text(error, "detail")
    return isinstance(parameters, dict) and "since_id" in parameters and "created after" in message


def _detail(body: Mapping[str, Any], listed: list[Any]) -> str:
    # The general words stand in the body, the one that names the parameter in its errors.
    messages = [_text(error, "message") or _text(error, "detail") for error in listed]
    exact = " ".join(message for message in messages if message)
    return exact or _text(body, "detail") or _text(body, "error")


def _parameter(error: Mapping[str, Any]) -> str:
    parameters = error.get("parameters")
    if isinstance(parameters, dict) and parameters:
        return printable(str(next(iter(parameters))))
    return _text(error, "parameter")


def _id(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    return str(value) if type(value) is int else _text(part, key)


def _text(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    # What X says goes into records and onto terminals, which half of a surrogate pair must not stop.
    return printable(value) if isinstance(value, str) else ""
