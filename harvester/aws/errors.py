"""Errors of AWS and of the way to it, explained: what failed, what to do, and whether to ask again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from harvester.aws.advice import HERE, LASTING, LATER, NO_KEYS, REGION, SHARED, UNREACHABLE, Advice, Words
from harvester.errors import Exit


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


def explained(error: ClientError | BotoCoreError, words: Words, **names: str) -> Explained:
    """What botocore raised, in the words of a service; `names` are what its sentences name."""
    if isinstance(error, ClientError):
        return _refused(error, words, names)
    said = _line(str(error))
    failed, hint, exit_code, passing = _made_here(error)
    sentence = {NO_KEYS: words.no_keys, UNREACHABLE: words.unreachable}.get(failed) or words.failed
    if failed == UNREACHABLE:
        hint = words.network or hint
    message = sentence.format(failed=failed, said=said.rstrip("."), kind=type(error).__name__, **names)
    return Explained("", said, message, hint, exit_code, passing)


def _made_here(error: BotoCoreError) -> tuple[str, str, Exit, bool]:
    for kind, failed, hint, exit_code, passing in HERE:
        if isinstance(error, kind):
            return failed, hint, exit_code, passing
    return "AWS cannot be asked", "Check the AWS settings.", Exit.ERROR, True


def code_of(error: ClientError) -> str:
    """AWS's name for the error; the status where the answer had none."""
    return str(_part(error, "Error").get("Code") or _status(error) or "")


def _status(error: ClientError) -> int:
    status = _part(error, "ResponseMetadata").get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


def _refused(error: ClientError, words: Words, names: Mapping[str, str]) -> Explained:
    code, status = code_of(error), _status(error)
    said = _line(str(_part(error, "Error").get("Message") or ""))
    hint, exit_code = _advice(code, status, said, words.advice)
    if hint == REGION and (region := _region(error)):
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


def _region(error: ClientError) -> str:
    """The region that AWS names in such an answer; empty where it names none."""
    headers = _part(error, "ResponseMetadata").get("HTTPHeaders")
    named = (
        (headers.get("x-amz-bucket-region") if isinstance(headers, dict) else "")
        or _part(error, "Error").get("Region")
        or ""
    )
    return str(named) if re.fullmatch(r"[a-z0-9-]{1,40}", str(named)) else ""


def _part(error: ClientError, name: str) -> Mapping[str, object]:
    part = error.response.get(name)
    return part if isinstance(part, dict) else {}


def _line(words: str) -> str:
    return " ".join(words.split())[:300]
