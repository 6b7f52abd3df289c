"""What a server of S3 answered, in the form in which boto3 has it."""

import http.client
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from harvester.aws.errors import Refusal
from harvester.store.answers import BrokenAnswer, date_of
from harvester.text import whole_number

_META = "x-amz-meta-"


def reply(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """What the headers of an answer tell, which were made lower case."""
    found = {
        "ETag": headers.get("etag"),
        "LastModified": _date(headers.get("last-modified")),
        "ContentLength": whole_number(headers.get("content-length", "")),
        "BucketRegion": headers.get("x-amz-bucket-region"),
        "Metadata": {
            name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
        },
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return {name: value for name, value in found.items() if value is not None}


def refusal(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """A refusal; one of a HEAD has no body, only a status."""
    error: dict[str, str] = {}
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        error = {"Code": str(status), "Message": http.client.responses.get(status, "")}
    else:
        if _name(root) == "Error":
            error = {_name(member): member.text or "" for member in root}
    return Refusal(
        {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}, operation
    )


def listing(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A page of a listing; raises BrokenAnswer if it is none, and Refusal for an error with a good status."""
    try:
        root = ElementTree.fromstring(body)
        if _name(root) == "Error":
            raise refusal(operation, 500, headers, body)
        found = _page(root)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BrokenAnswer(f"a list with a missing or invalid member ({error})") from error
    return found | reply(status, headers)


def _page(root: ElementTree.Element) -> dict[str, Any]:
    plain = {_name(member): member.text or "" for member in root}
    text = unquote_plus if plain.get("EncodingType") == "url" else str
    found = {
        "IsTruncated": plain["IsTruncated"] == "true" if "IsTruncated" in plain else None,
        "NextContinuationToken": plain.get("NextContinuationToken"),
        "KeyCount": int(plain["KeyCount"]) if "KeyCount" in plain else None,
        "Contents": [_entry(member, text) for member in _all(root, "Contents")],
        "CommonPrefixes": [
            {"Prefix": text(prefix.text or "")}
            for member in _all(root, "CommonPrefixes")
            for prefix in _all(member, "Prefix")
        ],
    }
    return _without_none(found)


def document(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """What an answer tells in its document, which may be an error in spite of a good status."""
    try:
        root = ElementTree.fromstring(body.strip())
    except ElementTree.ParseError as error:
        raise BrokenAnswer(f"{type(error).__name__}: {error}") from error
    if _name(root) == "Error":
        raise refusal(operation, 500, headers, body)
    plain = {_name(member): member.text or "" for member in root}
    found = {"CopyPartResult": plain} if operation == "upload_part_copy" else plain
    return {**reply(status, headers), **found}


def parts_document(parts: Iterable[Mapping[str, Any]]) -> bytes:
    """The parts of an upload to complete, as S3 reads them."""
    root = ElementTree.Element("CompleteMultipartUpload")
    for part in parts:
        element = ElementTree.SubElement(root, "Part")
        for name in ("PartNumber", "ETag"):
            ElementTree.SubElement(element, name).text = str(part[name])
    return ElementTree.tostring(root)


def _entry(member: ElementTree.Element, text: Any) -> dict[str, Any]:
    plain = {_name(each): each.text or "" for each in member}
    found = {
        "Key": text(plain["Key"]) if "Key" in plain else None,
        "Size": int(plain["Size"]) if "Size" in plain else None,
        "ETag": plain.get("ETag"),
        "LastModified": _date(plain.get("LastModified")),
    }
    return _without_none(found)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _all(element: ElementTree.Element, name: str) -> Iterable[ElementTree.Element]:
    return (member for member in element if _name(member) == name)


def _name(element: ElementTree.Element) -> str:
    """Without its namespace, which some servers leave out."""
    return element.tag.rpartition("}")[2]


def _date(text: str | None) -> datetime | None:
    """Of a header or a listing, which write dates in two ways; some servers mix them up."""
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return date_of(text)
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return date if 2000 < date.year < 9000 else None
