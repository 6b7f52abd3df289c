"""What every S3 response contains; one without it is from a proxy, or was cut."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.clock import http_date


class BrokenAnswer(Exception):  # noqa: N818 - as a refusal is one
    """What arrived is not an answer of S3, or not the whole of it."""


@dataclass(frozen=True)
class Head:
    """An object without its bytes."""

    version: str
    modified: datetime
    metadata: Mapping[str, str]


def head_of(answer: Mapping[str, Any]) -> Head | None:
    """From the answer to a GET or HEAD; None if it tells no version or no date."""
    version, modified = answer.get("ETag"), answer.get("LastModified")
    if not version or not isinstance(modified, datetime):
        return None
    return Head(str(version), modified, answer.get("Metadata") or {})


def is_removal(answer: Mapping[str, Any]) -> bool:
    """Whether an answer to DELETE is plainly S3's: it says 204 and nothing else, and who or when it was."""
    metadata = answer.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    return bool(
        metadata.get("HTTPStatusCode") == 204
        and headers.get("content-length", "0") == "0"
        and {"date", "x-amz-request-id"} & set(headers)
    )


def is_whole(page: Mapping[str, Any], prefix: str) -> bool:
    """Whether an answer to a listing tells all that belongs to it."""
    found, below = page.get("Contents", []), page.get("CommonPrefixes", [])
    goes_on = page.get("IsTruncated")
    return (
        isinstance(goes_on, bool)
        and goes_on == bool(page.get("NextContinuationToken"))
        and page.get("KeyCount") in (None, len(found) + len(below))
        and all(_is_entry(entry, prefix) for entry in found)
        and all(str(entry.get("Prefix", "")).startswith(prefix) for entry in below)
    )


def _is_entry(entry: Mapping[str, Any], prefix: str) -> bool:
    return (
        str(entry.get("Key", "")).startswith(prefix)
        and isinstance(entry.get("Size"), int)
        and entry["Size"] >= 0
        and bool(entry.get("ETag"))
        and isinstance(entry.get("LastModified"), datetime)
    )


def date_of(header: Any) -> datetime | None:
    """The date of an answer; None if it is not a date, or is impossible."""
    date = http_date(str(header))
    return date if date and 2000 < date.year < 9000 else None
