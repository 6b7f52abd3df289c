"""A store in an S3 bucket, or on any server with S3's conditional writes."""

import hashlib
import logging
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from harvester.aws.errors import Unanswered
from harvester.aws.signature import Keys
from harvester.clock import Clock, SystemClock
from harvester.errors import Conflict, Exit, HarvesterError, NotFound, StoreAway
from harvester.store import Entry, Piece, Stored, require_key
from harvester.store.answers import Head
from harvester.store.client import Client, client
from harvester.store.composition import Composition, Impossible, is_worth_it
from harvester.store.conditions import FOLDER, Remembered
from harvester.store.connections import Limits
from harvester.store.disk import translated, whole
from harvester.store.objects import BucketObjects
from harvester.store.refusals import NoBucket, in_words

log = logging.getLogger("twarc-cloud")

_DATE_SECONDS = 60.0
_PIECE = 1 << 20
_CONNECT_SECONDS, _READ_SECONDS, _SHORTEST_SECONDS, _TRIES = 5.0, 30.0, 1.0, 3

# As botocore has it: servers other than AWS's take names that AWS's newer rules refuse.
_BUCKET = re.compile(
    r"[A-Za-z0-9.\-_]{1,255}|arn:aws[a-z-]*:s3[a-z-]*:[^:/]+:[0-9]+:(?:accesspoint|outpost)[A-Za-z0-9\-.:/]{1,200}"
)


class S3Store:
    """Keys of one bucket. Credentials, region and endpoint (AWS_ENDPOINT_URL) are those `session` finds.

    A request that is not answered is given up after about `patience` seconds, at most a hundred.
    """

    def __init__(
        self,
        bucket: str,
        *,
        region: str = "",
        patience: float = 900.0,
        client: Client | None = None,
        clock: Clock | None = None,
    ) -> None:
        _require_bucket(bucket)
        self.bucket = bucket
        clock = clock or SystemClock()
        self._objects = BucketObjects(bucket, client or _client(bucket, region, patience, clock), clock)
        self._conditions = Remembered(self._objects)

    @property
    def name(self) -> str:
        return self._objects.name

    @property
    def removes_conditionally(self) -> bool:
        return self._conditions.require().removal

    @property
    def is_billed(self) -> bool:
        return True

    def read(self, key: str) -> Stored:
        require_key(key)
        head, data = self._objects.read(key)
        return Stored(data, head.version, head.modified)

    def create(self, key: str, data: bytes) -> str:
        return self._write(key, data, IfNoneMatch="*")

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._write(key, data, IfMatch=version)

    @property
    def composes(self) -> bool:
        return self._conditions.require().composition

    def begin_upload(self, key: str, pieces: Sequence[Piece], *, size: int, sha256: str) -> str:
        require_key(key)
        if not (is_worth_it(pieces, size) and self.composes):
            return ""
        with self._objects.translated(key):
            return Composition(self._objects, key).begin(sha256=sha256, write=uuid.uuid4().hex)

    def abandon_upload(self, key: str, name: str) -> None:
        Composition(self._objects, key).abandon(name)

    def compose(self, key: str, path: Path, *, sha256: str, name: str, pieces: Sequence[Piece]) -> str:
        require_key(key)
        try:
            with translated(str(path)):
                return Composition(self._objects, key).complete(name, pieces, path)
        except Impossible as error:
            log.debug("%s", error)
        with suppress(HarvesterError):
            self.abandon_upload(key, name)
        # If an earlier try arrived without its answer, this finds the object.
        return self.upload(key, path, sha256=sha256)

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        require_key(key)
        self._conditions.require()
        with translated(str(path)), path.open("rb") as body:
            version, there = self._put(key, body, sha256, IfNoneMatch="*")
        if version:
            return version
        if there is not None and self._sha256(key, there) == sha256:
            return ""
        raise self._objects.conflict(key)

    def download(self, key: str, path: Path) -> None:
        require_key(key)
        with translated(str(path)):
            _, body = self._objects.get(key)
            with whole(path) as partial, partial.open("wb") as file:
                for piece in self._pieces(key, body):
                    file.write(piece)

    def remove(self, key: str, *, version: str | None = None) -> None:
        require_key(key)
        condition = {}
        if version is not None and self.removes_conditionally:
            condition = {"IfMatch": version}
        elif version is not None and not self._is_there(key, version):
            return
        try:
            if self._objects.delete(key, **condition):
                return
        except Conflict:
            # Some servers say that a missing object does not match.
            pass
        if self._is_there(key, version):
            raise StoreAway(f"{self.name} did not remove {key}.", hint="Check the server's log.")

    def entries(self, prefix: str) -> Iterator[Entry]:
        require_key(prefix)
        for page in self._objects.pages(prefix):
            for found in page.get("Contents", ()):
                # A key that ends so is a marker, by which other programs show an empty folder.
                if _is_ours(found["Key"]) and not found["Key"].endswith("/"):
                    yield Entry(found["Key"], found["Size"], found["ETag"], found["LastModified"])

    def folders(self, prefix: str) -> Iterator[str]:
        require_key(prefix)
        for page in self._objects.pages(prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                name = found["Prefix"][len(prefix) : -1]
                if _is_ours(found["Prefix"]) and name not in ("", ".", ".."):
                    yield name

    def now(self) -> datetime:
        # Every answer carries the store's date, that of a refusal too; one a minute old is asked for anew.
        if self._objects.silent_for > _DATE_SECONDS:
            self._objects.ask_for_date()
        return self._objects.now() or self._dated_by_an_object()

    def address(self) -> tuple[str, str]:
        """Where another client finds this bucket: endpoint, empty if it is AWS's own, and region."""
        endpoint = self._objects.client.endpoint
        return "" if endpoint.endswith(".amazonaws.com") else endpoint, self._objects.region()

    def keys(self) -> Keys | None:
        """For another client, as they are at the moment; None if there are none."""
        return self._objects.client.keys()

    def require(self) -> None:
        """Raise, with what to do, when the bucket is not there or not ours to use."""
        try:
            self._conditions.look_up()
        except NoBucket as error:
            raise HarvesterError(f"The bucket {self.bucket} does not exist.", hint=error.hint) from error

    def probe(self) -> bool:
        return self._conditions.probe().removal

    def _write(self, key: str, data: bytes, **condition: str) -> str:
        require_key(key)
        self._conditions.require()
        version, there = self._put(key, data, hashlib.sha256(data).hexdigest(), **condition)
        if version:
            return version
        if there is not None and "write" not in there.metadata:
            # A server that forgets whose write it was; what is written tells its writer.
            with suppress(NotFound):
                head, found = self._objects.read(key)
                if found == data:
                    return head.version
        raise self._objects.conflict(key)

    def _put(
        self, key: str, body: bytes | BinaryIO, sha256: str, **condition: str
    ) -> tuple[str, Head | None]:
        """The new version; or "" and what is there, where the condition did not hold."""
        write = uuid.uuid4().hex
        lost = False
        try:
            if version := self._objects.put(key, body, sha256=sha256, write=write, **condition):
                return version, None
        except Conflict:
            lost = True
        # Lost against ourselves, when the answer to a first try did not arrive? Then it is written.
        head = self._objects.head(key)
        if head is not None and head.metadata.get("write") == write:
            return head.version, head
        if not lost:
            raise self._objects.garbled(key, "it does not tell whether the object was written")
        return "", head

    def _sha256(self, key: str, head: Head) -> str:
        """Of an object; read where the server does not keep the metadata that was sent with it."""
        if sent_with_it := head.metadata.get("sha256"):
            return sent_with_it
        digest = hashlib.sha256()
        _, body = self._objects.get(key)
        for piece in self._pieces(key, body):
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self, key: str, body: Any) -> Iterator[bytes]:
        pieces = body.iter_chunks(_PIECE)
        while True:
            with self._objects.arriving(key):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def _is_there(self, key: str, version: str | None) -> bool:
        """Whether the object is there; Conflict if it is in another version than a given one."""
        head = self._objects.head(key)
        if head is not None and version is not None and head.version != version:
            raise Conflict(f"{key} was changed in {self.name}.")
        return head is not None

    def _dated_by_an_object(self) -> datetime:
        """The time of a server that sends none: the date of an object that is written now."""
        key = f"{FOLDER}clock-{uuid.uuid4().hex}"
        self._objects.write(key, b"")
        try:
            head = self._objects.head(key)
        finally:
            self._objects.delete(key)
        if head is None:
            raise self._objects.garbled(key, "the object that was written is not there")
        self._objects.date(head.modified)
        return head.modified


def _is_ours(key: str) -> bool:
    """Not the cached facts about the server."""
    return not key.startswith(FOLDER)


def _require_bucket(bucket: str) -> None:
    if _BUCKET.fullmatch(bucket):
        return
    found = re.fullmatch(r"(?:s3://|arn:aws[a-z-]*:s3:::)?([A-Za-z0-9.\-_]{3,255})/*", bucket)
    raise HarvesterError(
        f"{bucket!r} is not a bucket name.",
        hint=f"Did you mean {found[1]}?" if found else "Bucket names have only letters, digits, '-' and '.'.",
        exit_code=Exit.USAGE,
    )


def _client(bucket: str, region: str, patience: float, clock: Clock) -> Client:
    # A busy server is asked again however short the patience; a silent one is waited for no longer than that.
    a_try = max(_SHORTEST_SECONDS, patience / _TRIES)
    limits = Limits(connect=min(_CONNECT_SECONDS, a_try), read=min(_READ_SECONDS, a_try), tries=_TRIES)
    try:
        return client(bucket, region=region, limits=limits, clock=clock)
    except Unanswered as error:
        raise in_words(f"s3://{bucket}", "the AWS settings", error, ask=lambda: None) from error
