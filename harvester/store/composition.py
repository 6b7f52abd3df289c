"""A large object is put together on the server from objects that hold its bytes already, and sent no further.

That is a multipart upload whose parts are copied there. Who knows its name may give it up for another: what
was given up before it was complete never becomes an object, however late its writer's requests arrive.
"""

import base64
import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from harvester.aws.errors import Refusal, code_of
from harvester.errors import HarvesterError
from harvester.store import Piece
from harvester.store.objects import BucketObjects

log = logging.getLogger("twarc-cloud")

# The least bytes of each part but the last, and the most parts:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_LEAST, _MOST = 5 << 20, 10_000
_SENT_AT_ONCE = 8 << 20
_GONE, _DENIED = {"NoSuchUpload", "404"}, {"AccessDenied", "403"}


class Impossible(Exception):
    """The object cannot be put together; it can be sent whole."""


@dataclass(frozen=True)
class Part:
    """Bytes of the object: copied from a piece, or sent if there is none."""

    offset: int
    size: int
    source: Piece | None = None


def is_worth_it(pieces: Sequence[Piece], size: int) -> bool:
    """Whether less than half of the object would have to be sent again."""
    parts = parts_of(pieces, size)
    return 2 * sum(part.size for part in parts if part.source) > size and len(parts) <= _MOST


def parts_of(pieces: Sequence[Piece], size: int) -> list[Part]:
    """What the object is made of, in order, each of a size that S3 takes."""
    found: list[Part] = []
    sent_from = offset = 0
    for piece in pieces:
        if piece.size >= _LEAST and (offset == sent_from or offset - sent_from >= _LEAST):
            found += [*_sent(sent_from, offset), Part(offset, piece.size, piece)]
            sent_from = offset + piece.size
        offset += piece.size
    return found + _sent(sent_from, size)


def _sent(start: int, end: int) -> list[Part]:
    number = max(1, (end - start) // _SENT_AT_ONCE)
    bounds = [start + (end - start) * index // number for index in range(number + 1)]
    return [Part(a, b - a) for a, b in zip(bounds, bounds[1:], strict=False) if b > a]


@dataclass(frozen=True)
class Composition:
    """Puts together the object of one key."""

    objects: BucketObjects
    key: str

    def begin(self, *, sha256: str, write: str) -> str:
        """The name of an upload; both values become metadata of the object."""
        answer = self._ask("create_multipart_upload", Metadata={"sha256": sha256, "write": write})
        return str(answer.get("UploadId") or "")

    def complete(self, upload: str, pieces: Sequence[Piece], path: Path) -> str:
        """The version of the object, which must not be there yet; raises Impossible."""
        try:
            with path.open("rb") as file:
                parts = enumerate(parts_of(pieces, path.stat().st_size), 1)
                done = [self.part(upload, number, part, file) for number, part in parts]
            return self.completed(upload, done)
        except (Refusal, KeyError) as error:
            # It was given up, exists already, does not fit, or is not allowed.
            raise Impossible(f"{self.key} cannot be put together: {error}") from error

    def abandon(self, upload: str) -> None:
        """When this returns, the upload is an object, or never becomes one."""
        with self.objects.translated(self.key):
            try:
                self._ask("abort_multipart_upload", UploadId=upload)
            except Refusal as error:
                if code_of(error) in _DENIED:
                    # Of a role that may not: its writer could complete it only if it sleeps and wakes again.
                    log.warning("The unfinished upload of %s may not be removed: %s", self.key, error)
                elif code_of(error) not in _GONE:
                    raise

    def completed(self, upload: str, parts: Sequence[str]) -> str:
        """The version of the object of these parts. Raises Refusal, also where there is an object."""
        done = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(parts, 1)]
        answer = self._ask(
            "complete_multipart_upload", UploadId=upload, MultipartUpload={"Parts": done}, IfNoneMatch="*"
        )
        return str(answer["ETag"])

    def part(self, upload: str, number: int, part: Part, file: BinaryIO | None = None) -> str:
        """The version of a part, which is copied, or sent from the file. Raises Refusal."""
        how: dict[str, Any] = {"UploadId": upload, "PartNumber": number}
        if part.source:
            how["CopySource"] = {"Bucket": self.objects.bucket, "Key": part.source.key}
            answer = self._ask("upload_part_copy", CopySourceIfMatch=part.source.version, **how)
            return str(answer["CopyPartResult"]["ETag"])
        if file is None:
            raise AssertionError("a part without a source is sent from a file")
        file.seek(part.offset)
        body = file.read(part.size)
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        return str(
            self._ask("upload_part", Body=body, ContentMD5=base64.b64encode(digest).decode(), **how)["ETag"]
        )

    def _ask(self, operation: str, **parameters: Any) -> Any:
        with self.objects.arriving(self.key):
            return self.objects.client(operation, Key=self.key, **parameters)


def is_possible(objects: BucketObjects, source: Piece, stale: str, target: str) -> bool:
    """Whether this server puts objects together as it must; `stale` is an earlier version of the source."""
    trial = _Trial(Composition(objects, target), source)
    try:
        with suppress(HarvesterError, KeyError):
            return (
                not trial.copies(replace(source, version=stale))
                and trial.keeps_what_was_given_up_from_being()
                and trial.completes()
                and objects.read(target)[1] == objects.read(source.key)[1]
                and not trial.completes()
            )
        return False
    finally:
        trial.clear()


class _Trial:
    """Uploads of one part, of which nothing is left but the object, if they make one."""

    def __init__(self, made: Composition, source: Piece) -> None:
        self._made, self._source = made, source
        self._begun: list[str] = []

    def copies(self, piece: Piece) -> bool:
        return bool(self._part(piece)[1])

    def completes(self) -> bool:
        return self._is_completed(*self._part(self._source))

    def keeps_what_was_given_up_from_being(self) -> bool:
        name, etag = self._part(self._source)
        self._made.abandon(name)
        return not self._is_completed(name, etag) and self._made.objects.head(self._made.key) is None

    def clear(self) -> None:
        for name in self._begun:
            with suppress(HarvesterError, Refusal):
                self._made.abandon(name)

    def _part(self, piece: Piece) -> tuple[str, str]:
        """The name of an upload, and the version of its part; "" where the part was refused."""
        try:
            name = self._made.begin(sha256="", write="")
            self._begun.append(name)
            return name, self._made.part(name, 1, Part(0, piece.size, piece))
        except Refusal:
            return "", ""

    def _is_completed(self, name: str, etag: str) -> bool:
        try:
            return bool(etag and self._made.completed(name, [etag]))
        except Refusal:
            return False
