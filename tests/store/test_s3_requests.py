"""What boto3 does for a request on the way is done for this project's own, too."""

import base64
import hashlib
import http.client
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harvester.aws.errors import Refusal, code_of
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway
from harvester.store.by_boto3 import Boto3Requests
from harvester.store.client import client
from harvester.store.connections import Limits, answered
from harvester.store.s3 import S3Store
from harvester.store.s3_requests import S3Requests
from tests.support.faulty_s3 import BUCKET
from tests.support.s3_gate import OPEN, SHUT, gate
from tests.support.scripted_x import Reply as Answer
from tests.support.scripted_x import Request, in_turn, scripted
from tests.support.servers import Bucket, S3Server, no_server
from tests.support.stores import HandClock

KEY = "collections/a/one"
_ERROR = "<Error><Code>{}</Code><Message>words</Message>{}</Error>"


def _refused(status: int, code: str, more: str = "", **headers: str) -> Answer:
    return Answer(status, _ERROR.format(code, more).encode(), {"content-type": "application/xml", **headers})


_THERE = Answer(200, b"there", {"etag": '"1"', "last-modified": "Thu, 26 Nov 2026 15:00:00 GMT"})


def _store(url: str, *, tries: int = 1) -> S3Store:
    server = S3Server(url, "A", "s")
    return S3Store(BUCKET, client=server.requests(BUCKET, tries=tries), clock=HandClock())


def _regions(requests: list[Request]) -> list[str]:
    return [request.headers["authorization"].split("/")[2] for request in requests]


@pytest.mark.parametrize(
    ("refusals", "asked"),
    [
        ([_refused(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")], 1),
        ([_refused(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-west-1"})], 1),
        # Where the refusal names no region, the bucket tells it.
        (
            [
                _refused(400, "IllegalLocationConstraintException"),
                _refused(403, "AccessDenied", **{"x-amz-bucket-region": "eu-west-1"}),
            ],
            2,
        ),
    ],
)
def test_a_bucket_of_another_region_is_asked_there_from_then_on(refusals: list[Answer], asked: int) -> None:
    with scripted(in_turn(*refusals, _THERE)) as server:
        store = _store(server.url)
        assert store.read(KEY).data == b"there"
        assert store.read(KEY).data == b"there"
    assert _regions(server.requests) == ["us-east-1"] * asked + ["eu-west-1"] * 2


def test_a_bucket_that_is_in_no_region_is_not_looked_for_for_ever() -> None:
    def elsewhere(request: Request) -> Answer:
        other = "eu-west-1" if "us-east-1" in request.headers["authorization"] else "us-east-1"
        return _refused(301, "PermanentRedirect", **{"x-amz-bucket-region": other})

    with scripted(elsewhere) as server, pytest.raises(HarvesterError, match="It is in the region us-east-1"):
        _store(server.url).read(KEY)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "busy", [_refused(503, "SlowDown"), _refused(400, "RequestTimeout"), _refused(429, "")]
)
def test_a_busy_server_is_asked_again_a_little_later_each_time(busy: Answer) -> None:
    clock = HandClock()
    with scripted(in_turn(busy, busy, _THERE)) as server:
        client = S3Server(server.url, "A", "s").requests(BUCKET, clock=clock)
        assert S3Store(BUCKET, client=client, clock=clock).read(KEY).data == b"there"
    first, second = clock.waits
    assert 0 <= first <= 1 and 0 <= second <= 2


def test_a_server_that_is_away_is_asked_once_each_time_until_it_is_back() -> None:
    clock = HandClock()
    with scripted(in_turn(_THERE)) as server, gate(server.url) as way:
        store = S3Store(BUCKET, client=S3Server(way.url, "A", "s").requests(BUCKET, clock=clock), clock=clock)
        way.set(SHUT)
        for turned_away in (3, 4, 5):
            with pytest.raises(StoreAway):
                store.read(KEY)
            assert way.turned_away == turned_away
        way.set(OPEN)
        assert store.read(KEY).data == b"there"
        way.set(SHUT)
        with pytest.raises(StoreAway):
            store.read(KEY)
        assert way.turned_away == 8


def test_a_refusal_that_stays_is_asked_once() -> None:
    with scripted(in_turn(_refused(400, "InvalidArgument"))) as server, pytest.raises(HarvesterError):
        _store(server.url, tries=3).read(KEY)
    assert len(server.requests) == 1


def test_an_answer_that_comes_before_the_body_is_sent_is_heard(tmp_path: Path) -> None:
    error = _ERROR.format("EntityTooLarge", "").encode()
    head = f"HTTP/1.1 413 Too Large\r\nContent-Length: {len(error)}\r\nConnection: close\r\n\r\n"
    path = tmp_path / "large"
    path.write_bytes(bytes(30_000_000))
    with _hasty(head.encode() + error) as url, path.open("rb") as body:
        client = S3Server(url, "A", "s").requests(BUCKET, tries=1)
        with pytest.raises(Refusal) as told:
            client("put_object", Key=KEY, Body=body, ChecksumSHA256=base64.b64encode(b"x").decode())
    assert code_of(told.value) == "EntityTooLarge"


def test_an_answer_is_heard_when_the_server_reads_no_more_of_a_piece() -> None:
    """The piece fills all buffers before the answer is looked for."""
    with _hasty(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n") as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
        piece = memoryview(bytes(30_000_000))
        with closing(connection):
            assert (
                answered(connection, "PUT", "/", {"Content-Length": str(len(piece))}, [piece]).status == 413
            )


@contextmanager
def _hasty(answer: bytes) -> Iterator[str]:
    """A server that answers once it has read the head of a request, and reads no more."""
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(1)
            client.sendall(answer)
            over.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    closed = threading.Event()

    def once(handler: Any) -> None:
        content = _THERE.content
        handler.send_response_only(200)
        for name, value in {**_THERE.headers, "content-length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_WR)
        closed.set()

    with scripted(lambda _: once) as server:
        store = _store(server.url)
        for _ in range(5):
            assert store.read(KEY).data == b"there"
            assert closed.wait(60)
            closed.clear()


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("sha256", hashlib.sha256(b"there").digest()),
        ("crc32", zlib.crc32(b"there").to_bytes(4, "big")),
    ],
)
def test_an_object_that_changed_on_the_way_is_not_taken(name: str, digest: bytes) -> None:
    told = {f"x-amz-checksum-{name}": base64.b64encode(digest).decode()}
    whole = replace(_THERE, headers={**_THERE.headers, **told})
    with scripted(in_turn(whole)) as server:
        assert _store(server.url).read(KEY).data == b"there"
    wrong = pytest.raises(StoreAway, match="gave an invalid response.*its checksum is")
    with scripted(in_turn(replace(whole, body=b"thera"))) as server, wrong:
        _store(server.url).read(KEY)
    # Of an object that was uploaded in parts, it is of their checksums.
    of_parts = {f"x-amz-checksum-{name}": f"{base64.b64encode(b'of parts').decode()}-3"}
    with scripted(in_turn(replace(_THERE, headers={**_THERE.headers, **of_parts}))) as server:
        assert _store(server.url).read(KEY).data == b"there"


class TestTls:
    @pytest.fixture(autouse=True)
    def keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")

    @pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    def test_a_server_with_a_certificate_of_ones_own_is_used_over_tls(
        self, variable: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, str(certificate[0]))
        written = Answer(200, b"", {"etag": '"2"'})
        with scripted(
            lambda request: written if request.method == "PUT" else _THERE, certificate=certificate
        ) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            store = S3Store(BUCKET)
            assert store.read(KEY).data == b"there"
            client = S3Server(server.url, "A", "s").requests(BUCKET, ca_bundle=str(certificate[0]))
            data = bytes(3_000_000)
            digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
            assert client("put_object", Key=KEY, Body=data, ChecksumSHA256=digest)["ETag"] == '"2"'
        put = server.requests[-1]
        assert (put.body, put.headers["x-amz-content-sha256"]) == (data, "UNSIGNED-PAYLOAD")
        assert "x-amz-checksum-sha256" in put.headers["authorization"]

    def test_a_certificate_that_nobody_trusts_is_told(
        self, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with scripted(in_turn(_THERE), certificate=certificate) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            with pytest.raises(StoreAway, match=r"not secure.*CERTIFICATE_VERIFY_FAILED.*AWS_CA_BUNDLE"):
                S3Store(BUCKET, patience=1.0).read(KEY)
        assert server.requests == []

    def test_certificates_that_are_none_are_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "ca.pem").write_text("none")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        with pytest.raises(HarvesterError, match=r"ca\.pem cannot be used.*AWS_CA_BUNDLE") as told:
            S3Store(BUCKET)
        assert told.value.exit_code == Exit.USAGE


class TestFetchedKeys:
    """Keys that are not written down are fetched by botocore, and used for this project's own requests."""

    @pytest.fixture
    def config(self, s3_environment: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        return tmp_path / "config"

    def test_a_program_that_tells_keys_is_asked_again_when_they_expire(
        self, config: Path, s3: Bucket, tmp_path: Path
    ) -> None:
        asked = tmp_path / "asked"
        soon = datetime.now(UTC) + timedelta(minutes=1)
        told = {
            "Version": 1,
            "AccessKeyId": s3.server.access_key,
            "SecretAccessKey": s3.server.secret_key,
            "Expiration": f"{soon:%Y-%m-%dT%H:%M:%SZ}",
        }
        (tmp_path / "keys.json").write_text(json.dumps(told))
        program = tmp_path / "keys.sh"
        program.write_text(f"#!/bin/sh\necho >> {asked}\ncat {tmp_path}/keys.json\n")
        program.chmod(0o700)
        config.write_text(f"[default]\ncredential_process = {program}\n")
        made = client(s3.name, region="", limits=Limits(), clock=HandClock())
        assert isinstance(made, S3Requests)
        store = S3Store(s3.name, client=made)
        store.create(KEY, b"1")
        assert store.read(KEY).data == b"1"
        # They are about to expire each time.
        assert len(asked.read_text().splitlines()) > 2

    def test_who_is_not_signed_in_is_told_how(self, config: Path, s3: Bucket) -> None:
        config.write_text(
            "[default]\nsso_session = museum\nsso_account_id = 123456789012\nsso_role_name = reader\n"
            "[sso-session museum]\nsso_start_url = https://museum.awsapps.com/start\nsso_region = eu-west-1\n"
        )
        with pytest.raises(StoreAway, match="not signed in.*aws sso login"):
            S3Store(s3.name).read(KEY)

    def test_a_program_that_is_not_there_is_told(self, config: Path, s3: Bucket) -> None:
        config.write_text("[default]\ncredential_process = /no/such/program\n")
        with pytest.raises(HarvesterError, match="The AWS keys cannot be fetched.*/no/such/program"):
            S3Store(s3.name).read(KEY)


def test_a_proxy_is_left_to_boto3(s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with no_server() as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        with pytest.raises(StoreAway, match="The proxy cannot be reached"):
            S3Store(s3_environment.name, patience=1.0).read(KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(NotFound):
        S3Store(s3_environment.name).read(KEY)


def test_an_access_point_is_left_to_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/museum"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert S3Store(arn).name == f"s3://{arn}"
    assert isinstance(client(arn, region="", limits=Limits(), clock=HandClock()), Boto3Requests)
