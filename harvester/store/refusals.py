"""What S3 refuses, and answers that are none, in the words of a store and with what to do."""

from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from harvester.aws.errors import NO_KEYS, UNREACHABLE, Advice, Explained, explained
from harvester.errors import Exit, HarvesterError, StoreAway

_CONDITIONS = (
    "This server does not know conditional writes, without which two harvests harm each other: "
    "use another one (docs/stores.md)."
)
_NAME = "Give the name of the bucket alone: 3 to 63 lower-case letters, digits, '-' and '.'."
_TOO_LARGE = ("The server does not take objects of this size: set `bytes_per_file` lower.", Exit.ERROR)
_MAY_NOT = "The AWS keys or the role may not do this: check the bucket's and the role's policy."
_ADVICE: Mapping[str, Advice] = {
    "NoSuchBucket": ("Check the bucket's name, and that `terraform apply` made it.", Exit.ERROR),
    **dict.fromkeys(("AccessDenied", "401", "403"), (_MAY_NOT, Exit.ERROR)),
    "InvalidAccessKeyId": ("The AWS access key is not known: check the keys in use.", Exit.ERROR),
    "InvalidBucketName": (_NAME, Exit.USAGE),
    **dict.fromkeys(("EntityTooLarge", "MaxMessageLengthExceeded", "413"), _TOO_LARGE),
    **dict.fromkeys(("NotImplemented", "501", "MethodNotAllowed", "405"), (_CONDITIONS, Exit.ERROR)),
}
_LATER = "Try again later; what was collected is kept."
_NETWORK = "Check the network, the region and the AWS keys; what was collected is kept."


class Garbled(StoreAway):
    """An answer that broke off, or is not one of S3; asking again may help at once."""


class NoBucket(StoreAway):
    """There is no such bucket, or there is none any more."""

    lasting = True


def garbled(name: str, key: str, why: str) -> Garbled:
    words = " ".join(why.split())[:200].rstrip(".")
    return Garbled(
        f"{name} gave an answer for {key} that cannot be used: {words}.",
        hint="Check the network (is there a login page, or a proxy?) and the endpoint of the store.",
    )


def in_words(
    name: str, key: str, error: ClientError | BotoCoreError, *, ask: Callable[[], ClientError | None]
) -> HarvesterError:
    """StoreAway where the same request may succeed later, else another HarvesterError.

    `ask` asks the store for the reason where the answer to a HEAD has told none.
    """
    found = explained(error, own=_ADVICE)
    if found.code in ("400", "401", "403") and (reason := ask()):
        found = explained(reason, own=_ADVICE)
    message, hint = _told(name, key, found)
    if found.code == "NoSuchBucket":
        return NoBucket(message, hint=hint)
    if found.passing:
        away = StoreAway(message, hint=hint)
        # A person has to act: a harvest in progress waits for that, one that starts does not.
        away.lasting = bool(found.hint) and found.exit_code != Exit.RETRY_LATER
        return away
    return HarvesterError(message, hint=hint, exit_code=found.exit_code)


def _told(name: str, key: str, found: Explained) -> tuple[str, str]:
    said = found.said.rstrip(".") or "no reason given"
    if not found.message:
        code = "AccessDenied" if found.code in ("401", "403") else found.code
        otherwise = _LATER if found.passing else "Check the settings of the store (docs/stores.md)."
        return f"{name} refuses {key}: {code} ({said}).", found.hint or otherwise
    if found.message == NO_KEYS:
        return f"There are no AWS keys to use {name} with.", found.hint
    if found.message == UNREACHABLE:
        return f"{name} cannot be reached for {key}: {said}.", _NETWORK
    return f"{found.message}, to use {name} with: {said}.", found.hint
