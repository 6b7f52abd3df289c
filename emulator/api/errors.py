"""Error bodies as the X API words them; a Refusal raised anywhere becomes that answer."""

from collections.abc import Mapping
from typing import Any


class Problems:
    """Writes problem bodies for one host name, since both occur in the wild."""

    def __init__(self, host: str = "api.twitter.com") -> None:
        self.host = host

    def type(self, tail: str) -> str:
        return f"https://{self.host}/2/problems/{tail}"


class Refusal(Exception):
    """An answer that is not the one asked for: status, body, and whether rate headers go with it."""

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any],
        *,
        outcome: str,
        headers: Mapping[str, str] | None = None,
        rate_headers: bool = True,
    ) -> None:
        super().__init__(outcome)
        self.status = status
        self.body = body
        self.outcome = outcome
        self.headers = dict(headers or {})
        self.rate_headers = rate_headers


def plain(status: int, title: str, *, detail: str = "", outcome: str) -> Refusal:
    body = {"title": title, "detail": detail or title, "type": "about:blank", "status": status}
    return Refusal(status, body, outcome=outcome)


def unauthorized() -> Refusal:
    body = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
    return Refusal(401, body, outcome="unauthorized", rate_headers=False)


def invalid_request(problems: Problems, *errors: Mapping[str, Any]) -> Refusal:
    """400; each error is {"parameters": {name: [values]}, "message": text}."""
    body = {
        "errors": list(errors),
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": problems.type("invalid-request"),
    }
    return Refusal(400, body, outcome="bad-param")


def bad_parameter(problems: Problems, name: str, value: object, message: str) -> Refusal:
    return invalid_request(problems, {"parameters": {name: [str(value)]}, "message": message})


def missing(problems: Problems, *, kind: str, parameter: str, value: str) -> dict[str, Any]:
    """One entry of `errors` for a user or post that is not there."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": problems.type("resource-not-found"),
    }


def suspended(problems: Problems, *, parameter: str, value: str) -> dict[str, Any]:
    return {
        "value": value,
        "detail": f"User has been suspended: [{value}].",
        "title": "Forbidden",
        "resource_type": "user",
        "parameter": parameter,
        "resource_id": value,
        "type": problems.type("resource-not-found"),
    }


def not_authorized(problems: Problems, *, value: str, section: str = "data") -> dict[str, Any]:
    """One entry of `errors` for the posts of a protected account."""
    return {
        "value": value,
        "detail": f"Sorry, you are not authorized to see the user with id: [{value}].",
        "title": "Authorization Error",
        "section": section,
        "resource_type": "user",
        "parameter": "id",
        "resource_id": value,
        "type": problems.type("not-authorized-for-resource"),
    }


def connection_exception(problems: Problems, *, status: int, issue: str, detail: str) -> Refusal:
    body = {
        "title": "ConnectionException",
        "detail": detail,
        "connection_issue": issue,
        "type": problems.type("streaming-connection"),
    }
    return Refusal(status, body, outcome=issue)


def too_many_connections(problems: Problems) -> Refusal:
    detail = "This stream is currently at the maximum allowed connection limit."
    return connection_exception(problems, status=429, issue="TooManyConnections", detail=detail)


def no_rules(problems: Problems) -> Refusal:
    detail = "You must define rules before connecting to this stream."
    return connection_exception(problems, status=409, issue="RuleConfigurationIssue", detail=detail)


def old_version() -> Refusal:
    message = (
        "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints "
        "(e.g. media post, oauth) only. If you need access to this endpoint, you may need a different "
        "access level. You can learn more here: https://developer.x.com/en/portal/product"
    )
    return Refusal(403, {"errors": [{"message": message, "code": 453}]}, outcome="v1.1")
