"""Errors and invalid responses of S3, as messages with what to do."""

from collections.abc import Callable

from harvester.aws.advice import BUCKET
from harvester.aws.errors import Refusal, Unanswered, explained
from harvester.errors import Exit, HarvesterError, StoreAway

_LATER = "Try again later; collected posts are kept."


class Garbled(StoreAway):
    """An answer that broke off, or is not one of S3; asking again may help at once."""


class NoBucket(StoreAway):
    """There is no such bucket, or there is none any more."""

    lasting = True


def garbled(name: str, key: str, why: str) -> Garbled:
    words = " ".join(why.split())[:200].rstrip(".")
    return Garbled(
        f"{name} gave an invalid response for {key}: {words}.",
        hint="Check the network (a login page or proxy?) and the endpoint of the store.",
    )


def in_words(
    name: str, key: str, error: Refusal | Unanswered, *, ask: Callable[[], Refusal | None]
) -> HarvesterError:
    """StoreAway where the same request may succeed later, else another HarvesterError.

    `ask` asks the store for the reason where the answer to a HEAD has told none.
    """
    found = explained(error, BUCKET, name=name, key=key)
    if found.code in ("400", "401", "403") and (reason := ask()):
        found = explained(reason, BUCKET, name=name, key=key)
    hint = found.hint or (_LATER if found.passing else "Check the settings of the store (docs/stores.md).")
    if found.code == "NoSuchBucket":
        return NoBucket(found.message, hint=hint)
    if found.passing:
        away = StoreAway(found.message, hint=hint)
        # A person has to act: a harvest in progress waits for that, one that starts does not.
        away.lasting = bool(found.hint) and found.exit_code != Exit.RETRY_LATER
        return away
    return HarvesterError(found.message, hint=hint, exit_code=found.exit_code)
