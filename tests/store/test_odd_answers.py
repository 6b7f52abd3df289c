"""Law: whatever becomes of an answer of S3, a store's call ends in the right result or in words.

Never a traceback, and never a success that is none. TWARC_CLOUD_TEST_EXAMPLES sets the number of examples.
"""

import base64
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import Conflict, HarvesterError, NotFound, StoreAway
from harvester.store.replies import reply as told_by
from harvester.store.s3 import S3Store
from tests.support.faulty_s3 import BUCKET, HangUp, Kept, Reply, S3InMemory
from tests.support.stores import HandClock

_EXAMPLES = int(os.environ.get("TWARC_CLOUD_TEST_EXAMPLES", "150"))
THERE, ABSENT = "collections/a/there", "collections/a/absent"
_FOLDER = "collections/a/"

_LOGIN = b"<html><head><title>Login</title></head><body>Please <b>log in</b></body></html>"
_BODIES = [
    *(b"", b" ", b"<", _LOGIN, _LOGIN[:-10], b"{}", b"\xff\xfe\x00", b"null", b"<a/>", b"<Error/>"),
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
    b"<?xml version='1.0'?><Error><Code></Code><Message/></Error>",
    b"<?xml version='1.0'?><ListBucketResult/>",
    b"<?xml version='1.0'?><ListBucketResult><Name>museum-posts</Name></ListBucketResult>",
    b"<a>" * 3000,
]
_STATUS = [
    *(100, 200, 201, 202, 203, 204, 206, 299, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 407),
    *(
        408,
        409,
        410,
        411,
        412,
        413,
        416,
        418,
        429,
        431,
        499,
        500,
        501,
        502,
        503,
        504,
        507,
        511,
        520,
        599,
        999,
    ),
]
_HEADERS = [
    "date",
    "server",
    "etag",
    "last-modified",
    "content-length",
    "content-type",
    "x-amz-checksum-sha256",
]
_VALUES = [
    *(
        "",
        " ",
        "soon",
        "-1",
        "0",
        "1e9",
        "nan",
        "None",
        '"',
        "\x7f",
        "é",
        "x" * 5000,
        "9" * 5000,
        "Thu, 01 Jan 1970 00:00:00",
    ),
    *("99999999999999", "text/html", "gzip", "Thu, 99 Nov 2026 15:00:00 GMT"),
    "Thu, 26 Nov 99999 15:00:00 GMT",
]
_TAGS = [
    *("IsTruncated", "NextContinuationToken", "Key", "Size", "LastModified", "Contents", "KeyCount"),
    *("Code", "Message", "Prefix", "CommonPrefixes"),
]


@dataclass(frozen=True)
class Change:
    """What becomes of the answers to one verb, from the `first` of them on, `times` in a row."""

    verb: str
    first: int
    times: int
    change: Callable[[Reply], Reply]
    name: str = ""


def _status(status: int) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, status=status)


def _body(body: bytes) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        return replace(reply, body=body, headers={**reply.headers, "content-length": str(len(body))})

    return change


def _page(status: int, body: bytes) -> Callable[[Reply], Reply]:
    return lambda _: Reply(status, {"content-type": "text/html", "content-length": str(len(body))}, body)


def _header(name: str, value: str | None) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        kept = {each: said for each, said in reply.headers.items() if each != name}
        return replace(reply, headers=kept if value is None else {**kept, name: value})

    return change


def _cut(part: float) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, cut=int(len(reply.body) * part))


def _tag(name: str, text: bytes | None) -> Callable[[Reply], Reply]:
    """The members of a body of that name gone, or with another text in them."""
    members = re.compile(rb"<%s>(.*?)</%s>" % (name.encode(), name.encode()), re.DOTALL)

    def change(reply: Reply) -> Reply:
        new = b"" if text is None else b"<%s>%s</%s>" % (name.encode(), text, name.encode())
        return _body(members.sub(lambda _: new, reply.body))(reply)

    return change


def _flipped(at: float) -> Callable[[Reply], Reply]:
    """A bit turned in an object, which has a checksum; a listing has none."""

    def change(reply: Reply) -> Reply:
        if "x-amz-checksum-sha256" not in reply.headers:
            return reply
        place = int(len(reply.body) * at)
        body = (
            reply.body[:place] + bytes([reply.body[place] ^ 0x20]) + reply.body[place + 1 :]
            if reply.body
            else b""
        )
        return replace(reply, body=body)

    return change


def _doubled(reply: Reply) -> Reply:
    return _body(reply.body * 2)(reply)


def _gone(_: Reply) -> Reply:
    raise HangUp


_CHANGES = st.one_of(
    st.sampled_from(_STATUS).map(_status),
    st.sampled_from(_BODIES).map(_body),
    st.tuples(st.sampled_from(_STATUS), st.sampled_from(_BODIES)).map(lambda both: _page(*both)),
    st.tuples(st.sampled_from(_HEADERS), st.sampled_from([None, *_VALUES])).map(lambda both: _header(*both)),
    st.floats(0, 0.99).map(_cut),
    st.tuples(
        st.sampled_from(_TAGS), st.sampled_from([None, b"", b"x", b"-1", b"true", b"2026-11-26", b"<b/>"])
    ).map(lambda both: _tag(*both)),
    # Of a version as of a date, another one is another answer.
    st.sampled_from([None, b""]).map(lambda text: _tag("ETag", text)),
    st.floats(0, 0.99).map(_flipped),
    st.just(_doubled),
    st.just(_gone),
)
CHANGES = st.builds(
    Change,
    verb=st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "LIST", "any"]),
    first=st.integers(0, 2),
    times=st.sampled_from([1, 1, 2, 1000]),
    change=_CHANGES,
)


_SHA256 = hashlib.sha256(b"there")
# As AWS returns it to who asks for the checksum; without one a flipped bit on the way cannot be seen.
_TOLD_WITH_IT = {
    "x-amz-meta-sha256": _SHA256.hexdigest(),
    "x-amz-meta-write": "0" * 32,
    "x-amz-checksum-sha256": base64.b64encode(_SHA256.digest()).decode(),
}


@dataclass
class Asked:
    """A store that was written to before, and its server; the tests of this module share both."""

    server: S3InMemory
    store: S3Store
    clock: HandClock
    remembered: dict[str, Kept]
    folder: Path

    def begin(self, script: Callable[[str, str, Reply], Reply]) -> None:
        """From here on the server holds the same few objects, and answers as the script has it."""
        self.server.objects = dict(self.remembered)
        for key in (THERE, f"{_FOLDER}more", f"{_FOLDER}still/more", "collections/b/x"):
            self.server.objects[key] = self.server.stored(b"there", _TOLD_WITH_IT)
        self.server.script = script
        # So that the date is asked for anew.
        self.clock.seconds += 100
        self.server.ahead(seconds=100)

    def held(self, key: str) -> bytes | None:
        kept = self.server.objects.get(key)
        return kept.data if kept else None

    def version(self, key: str) -> str:
        return self.server.objects[key].etag


def _read(it: Asked) -> None:
    stored = it.store.read(THERE)
    assert (stored.data, it.held(THERE)) == (b"there", b"there")


def _read_absent(it: Asked) -> None:
    with pytest.raises(NotFound):
        it.store.read(ABSENT)


def _create(it: Asked) -> None:
    assert it.store.create(ABSENT, b"new")
    assert it.held(ABSENT) == b"new"


def _create_again(it: Asked) -> None:
    with pytest.raises(Conflict):
        it.store.create(THERE, b"again")


def _replace(it: Asked) -> None:
    assert it.store.replace(THERE, b"newer", version=it.version(THERE))
    assert it.held(THERE) == b"newer"


def _replace_stale(it: Asked) -> None:
    with pytest.raises(Conflict):
        it.store.replace(THERE, b"newer", version='"stale"')


def _upload(it: Asked) -> None:
    path = it.folder / "upload"
    path.write_bytes(b"file")
    assert it.store.upload(ABSENT, path, sha256=hashlib.sha256(b"file").hexdigest())
    assert it.held(ABSENT) == b"file"


def _upload_again(it: Asked) -> None:
    path = it.folder / "upload"
    path.write_bytes(b"there")
    assert it.store.upload(THERE, path, sha256=hashlib.sha256(b"there").hexdigest()) == ""
    assert it.held(THERE) == b"there"


def _download(it: Asked) -> None:
    target = it.folder / "download"
    target.unlink(missing_ok=True)
    try:
        it.store.download(THERE, target)
        assert target.read_bytes() == b"there"
    except HarvesterError:
        assert not target.exists()
        raise


def _remove(it: Asked) -> None:
    it.store.remove(THERE, version=it.version(THERE))
    assert it.held(THERE) is None


def _remove_whatever(it: Asked) -> None:
    it.store.remove(THERE)
    assert it.held(THERE) is None


def _remove_stale(it: Asked) -> None:
    with pytest.raises(Conflict):
        it.store.remove(THERE, version='"stale"')


def _entries(it: Asked) -> None:
    found = {entry.key: entry.version for entry in it.store.entries(_FOLDER)}
    assert found == {key: it.version(key) for key in sorted(it.server.objects) if key.startswith(_FOLDER)}


def _folders(it: Asked) -> None:
    assert list(it.store.folders("collections/")) == ["a", "b"]


def _now(it: Asked) -> None:
    seconds = abs((it.store.now() - it.server.now()).total_seconds())
    assert seconds < 5, seconds


def _require(it: Asked) -> None:
    it.store.require()


# What may come out wrong for an answer that another server might truly have given: who reads it cannot know.
_CALLS = (
    *(
        _read,
        _read_absent,
        _create,
        _create_again,
        _replace,
        _replace_stale,
        _upload,
        _upload_again,
        _download,
    ),
    *(_remove, _remove_whatever, _remove_stale, _entries, _folders, _now, _require),
)


class _Clock(HandClock):
    """Waiting on it takes no time, and a server that says nothing takes as long as it does."""

    def elapsed(self) -> float:
        return self.seconds + time.monotonic()


@pytest.fixture(scope="module", params=["its own requests", "boto3"])
def it(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    server, clock = S3InMemory(page=2), _Clock()
    with server.served(boto3=request.param == "boto3") as client:
        store = S3Store(BUCKET, client=client, clock=clock)
        store.probe()
        store.require()
        yield Asked(server, store, clock, dict(server.objects), tmp_path_factory.mktemp("answers"))


@settings(max_examples=_EXAMPLES, derandomize="TWARC_CLOUD_TEST_EXAMPLES" not in os.environ)
@given(call=st.sampled_from(_CALLS), change=CHANGES)
def test_any_change_of_an_answer_ends_in_the_right_result_or_told_by(
    call: Callable[[Asked], None], change: Change, it: Asked
) -> None:
    seen = [0]

    def script(verb: str, _: str, reply: Reply) -> Reply:
        if change.verb not in (verb, "any"):
            return reply
        seen[0] += 1
        return change.change(reply) if change.first < seen[0] <= change.first + change.times else reply

    it.begin(script)
    try:
        call(it)
    except HarvesterError as error:
        assert error.message
        assert "Traceback" not in str(error)
        assert len(str(error)) < 1000


def _refusing(status: int, code: str, more: str = "", **headers: str) -> Callable[[Reply], Reply]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>words of S3</Message>{more}</Error>"

    def change(reply: Reply) -> Reply:
        said = {**reply.headers, **headers, "content-length": str(len(body))}
        return Reply(status, said, body.encode())

    return change


@pytest.mark.parametrize(
    ("refusal", "words", "away"),
    [
        (_refusing(400, "ExpiredToken"), "sign in again", "lasting"),
        (_refusing(403, "RequestTimeTooSkewed"), "clock is wrong", "lasting"),
        (_refusing(403, "AccessDenied"), "policy", "lasting"),
        (_refusing(503, "SlowDown"), "Try again in a minute", True),
        (
            _refusing(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-central-1"}),
            "region eu-central-1",
            False,
        ),
        (
            _refusing(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            "region eu-west-1",
            False,
        ),
        (_refusing(400, "InvalidBucketName"), "name of the bucket", False),
        (_refusing(501, "NotImplemented"), "does not know conditional writes", False),
        (_refusing(413, "EntityTooLarge"), "bytes_per_file", False),
    ],
)
def test_a_refusal_is_told_with_what_to_do_and_tried_again_where_that_helps(
    refusal: Callable[[Reply], Reply], words: str, away: bool | str, it: Asked
) -> None:
    it.begin(lambda _verb, _key, reply: refusal(reply))
    # A HEAD is answered without a body: then the reason is asked for in another way.
    for use in (lambda: it.store.create(ABSENT, b"new"), it.store.address):
        with pytest.raises(HarvesterError) as told:
            use()
        assert words in str(told.value)
        assert isinstance(told.value, StoreAway) == bool(away)
        assert getattr(told.value, "lasting", False) == (away == "lasting")
        assert "Try again later" not in str(told.value)


@pytest.mark.parametrize("date", [None, "", "soon", "-0000", "+0200"])
def test_the_servers_time_is_known_whatever_its_date_looks_like(date: str | None) -> None:
    server = S3InMemory()
    server.ahead(minutes=30)

    def dated(_verb: str, _key: str, reply: Reply) -> Reply:
        now = server.now().astimezone(timezone(timedelta(hours=2)))
        said = {
            "-0000": f"{server.now():%a, %d %b %Y %H:%M:%S} -0000",
            "+0200": f"{now:%a, %d %b %Y %H:%M:%S} +0200",
        }.get(date or "", date)
        return _header("date", said)(reply)

    server.script = dated
    with server.served() as client:
        store = S3Store(BUCKET, client=client)
        assert abs((store.now() - server.now()).total_seconds()) < 3
        assert list(store.entries("collections/")) == []


def test_what_is_gone_was_changed_by_somebody_else(it: Asked) -> None:
    it.begin(lambda _verb, _key, reply: reply)
    version = it.version(THERE)
    del it.server.objects[THERE]
    with pytest.raises(Conflict):
        it.store.replace(THERE, b"new", version=version)


@pytest.mark.parametrize("token", [b"", b"<NextContinuationToken>again</NextContinuationToken>"])
def test_a_listing_that_says_that_it_goes_on_and_does_not_is_told(token: bytes) -> None:
    server, first, left = S3InMemory(), list[Reply](), [20]

    def goes_on(_verb: str, _key: str, reply: Reply) -> Reply:
        first.append(reply)
        left[0] -= 1
        if left[0] < 0:
            return first[0]
        end, more = b"<IsTruncated>false</IsTruncated>", b"<IsTruncated>true</IsTruncated>"
        return _body(first[0].body.replace(end, more + token))(first[0])

    server.script = goes_on
    with server.served() as client:
        store = S3Store(BUCKET, client=client, clock=HandClock())
        with pytest.raises(StoreAway, match="its listing"):
            list(store.entries("collections/"))
    assert left[0] > 0


@pytest.mark.parametrize("use", [_read_absent, _remove, _create, _replace])
def test_a_connection_that_breaks_or_a_write_that_meets_another_is_tried_again(
    use: Callable[[Asked], None], it: Asked
) -> None:
    left = [2]

    def twice(verb: str, _: str, reply: Reply) -> Reply:
        if not left[0]:
            return reply
        left[0] -= 1
        if verb == "GET":
            return replace(reply, cut=5)
        it.server.objects = dict(kept)
        return _refusing(409, "ConditionalRequestConflict")(reply)

    it.begin(twice)
    kept = dict(it.server.objects)
    use(it)
    assert left == [0]


def test_a_404_to_a_head_is_believed_only_with_words(it: Asked) -> None:
    it.begin(lambda verb, _key, reply: _status(404)(reply) if verb == "HEAD" else reply)
    with pytest.raises(Conflict, match="was changed"):
        it.store.remove(THERE, version='"stale"')
    del it.server.objects[THERE]
    it.store.remove(THERE, version='"stale"')


def test_a_length_that_no_reader_has_is_not_known() -> None:
    assert "ContentLength" not in told_by(200, {"content-length": "9" * 5000})
    assert told_by(200, {"content-length": "12"})["ContentLength"] == 12
