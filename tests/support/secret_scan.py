"""Finds secrets where none may be: in every version of all that a bucket ever held, and in a folder."""

import base64
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, quote_plus

import emulator
from tests.support.servers import Bucket

# Tests write this into keys that they make up, so that any of them is found everywhere.
MARK = "s3cret"
_NAMED = re.compile(r"KEY|SECRET|TOKEN|PASSW")
_LONG_ENOUGH = 8
# What a bucket of 2019 holds of keys it was given with: itself, and its own history.
_GIVEN = re.compile(r"collections/[^/]+/(collection\.json|changesets/[^/]+)")


def secrets() -> frozenset[str]:
    """All that tests use: the emulator's keys, made-up ones, and those that the environment has now."""
    named = {value for name, value in os.environ.items() if _NAMED.search(name)}
    # A line of a token that was cut in two is as secret as the whole.
    named |= {part for value in named for part in value.split()}
    return frozenset(
        {MARK, *emulator.CREDENTIALS.values(), *(value for value in named if len(value) >= _LONG_ENOUGH)}
    )


@lru_cache(maxsize=256)
def forms(secret: str) -> frozenset[bytes]:
    """The secret as it may stand in a file: plain, escaped, quoted, in base64 at any offset, in UTF-16."""
    plain = secret.encode(errors="surrogateescape")
    texts = {repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}
    found = {plain, secret.encode("utf-16-le", "surrogatepass"), quote_plus(secret).encode()}
    found |= {text.encode(errors="surrogateescape") for text in texts}
    for before in range(3):
        # Only what hangs on no neighbour: the first and the last group mix with what stands beside.
        shifted = base64.b64encode(b"\0" * before + plain)[4 if before else 0 : -4]
        if len(shifted) >= _LONG_ENOUGH:
            found |= {shifted, shifted.translate(bytes.maketrans(b"+/", b"-_"))}
    return frozenset(found)


def found_in(data: bytes, known: Iterable[str]) -> list[str]:
    """The secrets in these bytes, in any of their forms, also where the bytes are compressed."""
    plain = [data]
    if data.startswith(b"\x1f\x8b"):
        try:
            plain.append(gzip.decompress(data))
        except (OSError, EOFError, zlib.error):
            # One that is not finished, or random bytes that begin like one.
            with suppress(zlib.error):
                plain.append(zlib.decompressobj(31).decompress(data))
    return sorted(secret for secret in known if any(form in each for each in plain for form in forms(secret)))


@dataclass(frozen=True)
class Version:
    """One writing of an object, or of its removal."""

    key: str
    id: str
    size: int
    modified: str


def versions(bucket: Bucket) -> list[Version]:
    """All that was ever written, in order."""
    found = []
    for page in bucket.server.client().get_paginator("list_object_versions").paginate(Bucket=bucket.name):
        for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            modified = each["LastModified"].isoformat()
            found.append(Version(each["Key"], each["VersionId"], each.get("Size", 0), modified))
    return sorted(found, key=lambda version: version.modified)


def in_bucket(bucket: Bucket) -> list[str]:
    """Each version that this project wrote, not the test itself, and that holds a secret."""
    known = secrets()
    found: list[tuple[Version, str]] = []
    given: set[str] = set()
    for each in versions(bucket):
        # Nothing as short as this holds one, and some tests write a thousand of them.
        if each.size < len(MARK):
            continue
        if not (
            held := found_in(bucket.read(each.key, version=None if each.id == "null" else each.id), known)
        ):
            continue
        client = bucket.server.client()
        if "write" in client.head_object(Bucket=bucket.name, Key=each.key, VersionId=each.id)["Metadata"]:
            found.append((each, ", ".join(held)))
        elif _GIVEN.fullmatch(each.key):
            given.add(each.key)
    return [f"{each.key} of {each.modified}: {held}" for each, held in found if each.key not in given]


def in_folder(folder: Path) -> list[str]:
    """Each file below a folder that holds a secret."""
    known = secrets()
    return [
        f"{path.relative_to(folder)}: {', '.join(held)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (held := found_in(path.read_bytes(), known))
    ]
