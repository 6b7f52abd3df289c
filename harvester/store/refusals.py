"""Errors and invalid responses of S3, as messages with what to do."""

from collections.abc import Callable

from harvester.aws.advice import BUCKET
from harvester.aws.errors import Refusal, Unanswered, explained
from harvester.errors import Exit, HarvesterError, StoreAway

# By operations that are named otherwise.
_ACTIONS = {
    **dict.fromkeys(("ListObjectsV2", "HeadBucket"), "ListBucket"),
    **dict.fromkeys(("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"), "PutObject"),
    **dict.fromkeys(("HeadObject", "UploadPartCopy"), "GetObject"),
    "DeleteObjects": "DeleteObject",
    "ListParts": "ListMultipartUploadParts",
}
_LATER = "Try again later; collected posts are kept."


class Garbled(StoreAway):
    """An answer that was cut, or is not from S3; asking again may help at once."""


class NoBucket(StoreAway):
    """The bucket does not exist, or no longer."""

    lasting = True


def garbled(name: str, key: str, why: str) -> Garbled:
    words = " ".join(why.split())[:200].rstrip(".")
    return Garbled(
        f"{name} gave an invalid response for {key}: {words}.",
        hint="Check the network (a login page or proxy?) and the endpoint of the store.",
    )


def _permission(error: Refusal | Unanswered) -> str:
    """The action that IAM must allow for what was refused."""
    if isinstance(error, Unanswered):
        return ""
    operation = error.operation_name.title().replace("_", "") if "_" in error.operation_name else ""
    operation = operation or error.operation_name
    return f"s3:{_ACTIONS.get(operation, operation)}"


def in_words(
    name: str, key: str, error: Refusal | Unanswered, *, ask: Callable[[], Refusal | None]
) -> HarvesterError:
    """StoreAway if the same request may succeed later, else another HarvesterError.

    `ask` asks the store for the reason where the answer to a HEAD has told none.
    """
    names = {"name": name, "key": key, "permission": _permission(error)}
    found = explained(error, BUCKET, **names)
    if found.code in ("400", "401", "403") and (reason := ask()):
        found = explained(reason, BUCKET, **names)
    hint = found.hint or (_LATER if found.passing else "Check the settings of the store (docs/stores.md).")
    if found.code == "NoSuchBucket":
        return NoBucket(found.message, hint=hint)
    if found.passing:
        away = StoreAway(found.message, hint=hint)
        # A person has to act: a harvest in progress waits for that, one that starts does not.
        away.lasting = bool(found.hint) and found.exit_code != Exit.RETRY_LATER
        return away
    return HarvesterError(found.message, hint=hint, exit_code=found.exit_code)
