"""Errors of AWS and of the way to it, explained: what failed, what to do, and whether to ask again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from harvester.aws.advice import HERE, LASTING, LATER, NO_KEYS, REGION, SHARED, UNREACHABLE, Advice, Words
from harvester.errors import Exit


@runtime_checkable
class Said(Protocol):
    """An answer that says no, in the form in which boto3 has it: its ClientError is one."""

    response: Any
    operation_name: str


class Refusal(Exception):  # noqa: N818 - an answer, and some of them are expected
    """AWS says no; as boto3's ClientError, which takes long to import."""

    def __init__(self, response: Any, operation_name: str) -> None:
        super().__init__(f"{operation_name}: {response}")
        self.response, self.operation_name = response, operation_name


class Unanswered(Exception):  # noqa: N818 - as Refusal
    """There is no answer. `kinds` are the names of botocore's errors that it is one of.

    `again` tells whether the same request may be answered a moment later.
    """

    def __init__(self, words: str, *kinds: str, again: bool) -> None:
        super().__init__(words)
        self.kinds, self.again = kinds, again


@dataclass(frozen=True)
class Explained:
    """An error: `code` is AWS's name for it and `said` its words, on one line of at most 300 characters.

    `message` says what failed, in the words of the service. `passing` tells whether the same request may
    succeed later. An empty `hint` means that the code is in no table.
    """

    code: str
    said: str
    message: str
    hint: str
    exit_code: Exit
    passing: bool


def explained(error: Exception, words: Words, **names: str) -> Explained:
    """A refusal or what botocore raised, in the words of a service; `names` are what its sentences name."""
    if isinstance(error, Said):
        return _refused(error, words, names)
    said = _line(str(error))
    kinds = kinds_of(error)
    failed, hint, exit_code, passing = _made_here(kinds)
    sentence = {NO_KEYS: words.no_keys, UNREACHABLE: words.unreachable}.get(failed) or words.failed
    if failed == UNREACHABLE:
        hint = words.network or hint
    message = sentence.format(failed=failed, said=said.rstrip("."), kind=kinds[0], **names)
    return Explained("", said, message, hint, exit_code, passing)


def kinds_of(error: Exception) -> tuple[str, ...]:
    """The names of botocore's errors that it is one of, the special ones first."""
    if isinstance(error, Unanswered):
        return error.kinds
    return tuple(kind.__name__ for kind in type(error).__mro__)


def _made_here(kinds: tuple[str, ...]) -> tuple[str, str, Exit, bool]:
    for kind, failed, hint, exit_code, passing in HERE:
        if kind in kinds:
            return failed, hint, exit_code, passing
    return "AWS cannot be asked", "Check the AWS settings.", Exit.ERROR, True


def code_of(error: Said) -> str:
    """AWS's name for the error; the status where the answer had none."""
    return str(_part(error, "Error").get("Code") or status_of(error) or "")


def status_of(error: Said) -> int:
    status = _part(error, "ResponseMetadata").get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


def _refused(error: Said, words: Words, names: Mapping[str, str]) -> Explained:
    code, status = code_of(error), status_of(error)
    said = _line(str(_part(error, "Error").get("Message") or ""))
    hint, exit_code = _advice(code, status, said, words.advice)
    if hint == REGION and (region := region_of(error)):
        hint = f"It is in the region {region}: set `region`, or AWS_REGION, to that."
    # A HEAD has no body, so no name for the reason either.
    name = "AccessDenied" if code in ("401", "403") else code
    refusal = f"{name} ({said.rstrip('.')})" if said.rstrip(".") else name
    return Explained(
        code,
        said,
        words.refused.format(code=name, refusal=refusal, **names),
        hint.format(operation=error.operation_name, **names),
        exit_code,
        code not in LASTING and status != 501,
    )


def _advice(code: str, status: int, said: str, own: Mapping[str, Advice]) -> Advice:
    if re.search(r"[Ss]ignature (expired|not yet current)", said):
        return SHARED["RequestTimeTooSkewed"]
    if advice := own.get(code) or SHARED.get(code):
        return advice
    failing = status >= 500 and status != 501
    if failing or re.fullmatch(r"50[0234]", code):
        return LATER, Exit.RETRY_LATER
    return "", Exit.ERROR


def region_of(error: Said) -> str:
    """The region that AWS names in such an answer; empty if it names none."""
    headers = _part(error, "ResponseMetadata").get("HTTPHeaders")
    named = (
        (headers.get("x-amz-bucket-region") if isinstance(headers, dict) else "")
        or _part(error, "Error").get("Region")
        or ""
    )
    return str(named) if re.fullmatch(r"[a-z0-9-]{1,40}", str(named)) else ""


def _part(error: Said, name: str) -> Mapping[str, object]:
    part = error.response.get(name)
    return part if isinstance(part, dict) else {}


def _line(words: str) -> str:
    return " ".join(words.split())[:300]
