"""The kinds of answers of the X API, and the error messages for them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harvester.errors import Exit, HarvesterError


class ApiCode(StrEnum):
    OK = "ok"
    RATE_LIMITED = "rate limited"
    MONTHLY_CAP = "monthly cap"
    CREDITS_DEPLETED = "credits depleted"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    SUSPENDED = "suspended"
    PROTECTED = "protected"
    STALE_SINCE_ID = "stale since_id"
    TOO_MANY_CONNECTIONS = "too many connections"
    RULES_PROBLEM = "rules problem"
    UNAVAILABLE = "unavailable"
    BAD_REQUEST = "bad request"


@dataclass(frozen=True)
class Problem:
    """One problem as the network told it; `raw` is the whole of it."""

    outcome: ApiCode
    title: str = ""
    detail: str = ""
    status: int = 0
    type: str = ""
    resource_id: str = ""
    parameter: str = ""
    # What to do, where that is known better than of the outcome.
    hint: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


class XError(HarvesterError):
    """What is left when asking again is pointless, or was tried for as long as was allowed."""

    def __init__(self, problem: Problem, *, asked: str, hint: str = "", retry_after: float = 0.0) -> None:
        text, advice, exit_code = _WORDS[problem.outcome]
        said = problem.detail or problem.title
        super().__init__(
            f"X {text} ({asked}){f': {said}' if said else ''}".rstrip(".") + ".",
            hint=hint or advice,
            exit_code=exit_code,
        )
        self.problem = problem
        self.outcome = problem.outcome
        self.retry_after = retry_after

    @property
    def holds_errors_only(self) -> bool:
        """Whether X answered with success, and with errors in place of what was asked for."""
        return self.problem.status == 200


_WORDS: dict[ApiCode, tuple[str, str, Exit]] = {
    ApiCode.OK: ("answered", "", Exit.ERROR),
    ApiCode.RATE_LIMITED: (
        "asks to wait: the rate limit is used up",
        "Try again in 15 minutes.",
        Exit.ERROR,
    ),
    ApiCode.MONTHLY_CAP: (
        "refuses more posts: the monthly cap of the project is reached",
        "Wait for its reset, or raise it in the developer console; the next harvest continues from here.",
        Exit.RETRY_LATER,
    ),
    ApiCode.CREDITS_DEPLETED: (
        "refuses more posts: the account's credits are used up",
        "Buy credits in the developer console and start again; the harvest continues where it was.",
        Exit.RETRY_LATER,
    ),
    ApiCode.UNAUTHORIZED: (
        "does not accept the keys",
        "Check the keys: they may be mistyped, revoked, or of another app.",
        Exit.UNAUTHORIZED,
    ),
    ApiCode.FORBIDDEN: (
        "does not allow this to the app of these keys",
        "Check in the developer console that the app is in a project with access to API v2.",
        Exit.UNAUTHORIZED,
    ),
    ApiCode.NOT_FOUND: ("found nothing", "Check the id or name.", Exit.ERROR),
    ApiCode.SUSPENDED: (
        "has suspended the account",
        "The account may return; nothing can be collected now.",
        Exit.ERROR,
    ),
    ApiCode.PROTECTED: (
        "shows this only to approved followers",
        "Nothing can be collected from it.",
        Exit.ERROR,
    ),
    ApiCode.STALE_SINCE_ID: (
        "no longer reaches back to this since_id",
        "Start without the since_id; posts between the two harvests are a gap.",
        Exit.ERROR,
    ),
    ApiCode.TOO_MANY_CONNECTIONS: (
        "has another stream of this app open",
        "Stop the other stream, or wait for X to notice that it is gone.",
        Exit.ERROR,
    ),
    ApiCode.RULES_PROBLEM: (
        "does not accept the rules of the stream",
        "Correct the filter of the collection.",
        Exit.ERROR,
    ),
    ApiCode.UNAVAILABLE: (
        "could not be reached or did not answer properly",
        "Check the network and X's status page, then start again; the harvest continues where it was.",
        Exit.RETRY_LATER,
    ),
    ApiCode.BAD_REQUEST: ("does not accept the request", "Correct the collection.", Exit.ERROR),
}
