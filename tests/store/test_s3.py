"""What only S3 has to do: answers that are lost, refusals in words, the server's clock."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from harvester.errors import Conflict, Exit, HarvesterError, NotFound, StoreAway
from harvester.store.s3 import S3Store
from tests.support.servers import Bucket, no_server
from tests.support.stores import LossyProxy, lossy

KEY = "collections/a/one"


@pytest.fixture
def proxy(s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[LossyProxy]:
    """Between the stores of a test and the real server."""
    with lossy(s3_environment.server.endpoint) as proxy:
        s3_environment.known_at(proxy.endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


class TestLostAnswers:
    def test_a_creation_whose_answer_is_lost_is_done(self, s3: Bucket, proxy: LossyProxy) -> None:
        store = S3Store(s3.name)
        proxy.lose = 1
        version = store.create(KEY, b"data")
        assert proxy.lost == 1
        assert (store.read(KEY).data, store.read(KEY).version) == (b"data", version)

    def test_a_replacement_whose_answer_is_lost_is_done(self, s3: Bucket, proxy: LossyProxy) -> None:
        store = S3Store(s3.name)
        first = store.create(KEY, b"1")
        proxy.lose = 1
        second = store.replace(KEY, b"2", version=first)
        assert proxy.lost == 1
        assert store.replace(KEY, b"3", version=second)

    def test_an_upload_whose_answer_is_lost_is_told_as_ours(
        self, s3: Bucket, proxy: LossyProxy, tmp_path: Path
    ) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"x" * 1_000_000)
        store = S3Store(s3.name)
        proxy.lose = 1
        version = store.upload(KEY, path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        assert proxy.lost == 1
        assert version == store.read(KEY).version

    def test_a_removal_whose_answer_is_lost_is_done(self, s3: Bucket, proxy: LossyProxy) -> None:
        store = S3Store(s3.name)
        version = store.create(KEY, b"1")
        proxy.lose = 1
        store.remove(KEY, version=version)
        assert proxy.lost == 1
        with pytest.raises(NotFound):
            store.read(KEY)

    def test_a_creation_that_lost_before_its_answer_was_lost_has_lost(
        self, s3: Bucket, proxy: LossyProxy
    ) -> None:
        store = S3Store(s3.name)
        store.create(KEY, b"same")
        proxy.lose = 1
        with pytest.raises(Conflict):
            store.create(KEY, b"same")
        assert proxy.lost == 1

    def test_a_server_that_never_answers_is_away(self, s3: Bucket, proxy: LossyProxy) -> None:
        proxy.lose = 3
        with pytest.raises(StoreAway, match="cannot be reached"):
            S3Store(s3.name).create(KEY, b"data")
        assert proxy.lost == 3

    def test_a_download_that_breaks_off_leaves_no_file(
        self, s3: Bucket, proxy: LossyProxy, tmp_path: Path
    ) -> None:
        store = S3Store(s3.name)
        store.create(KEY, bytes(1_000_000))
        proxy.cut = 300_000
        with pytest.raises(StoreAway):
            store.download(KEY, tmp_path / "download")
        assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_bucket(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a bucket that is not there; SeaweedFS makes it at the first use, so this is moto."""
    for name, value in moto_s3.server.environment.items():
        monkeypatch.setenv(name, value)
    return f"no-{moto_s3.name}"


class TestRefusals:
    @pytest.mark.parametrize(
        "use",
        [
            lambda store: store.create(KEY, b""),
            lambda store: store.read(KEY),
            lambda store: list(store.entries("collections/")),
        ],
    )
    def test_a_bucket_that_does_not_exist_is_named(
        self, no_bucket: str, use: Callable[[S3Store], object]
    ) -> None:
        with pytest.raises(StoreAway) as told:
            use(S3Store(no_bucket))
        assert f"s3://{no_bucket} refuses" in told.value.message
        assert "NoSuchBucket" in told.value.message
        assert "Check the bucket's name" in told.value.hint

    def test_a_bucket_can_be_required(self, s3_environment: Bucket) -> None:
        S3Store(s3_environment.name).require()

    def test_a_required_bucket_that_does_not_exist_is_told(self, no_bucket: str) -> None:
        with pytest.raises(HarvesterError, match=rf"The bucket {no_bucket} does not exist\. Check the"):
            S3Store(no_bucket).require()

    def test_a_wrong_secret_is_told(self, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        store = S3Store(s3_environment.name)
        with pytest.raises(StoreAway, match=r"SignatureDoesNotMatch.*secret key is wrong"):
            store.create(KEY, b"")
        for ask in (store.require, store.address):
            with pytest.raises(StoreAway, match=r"SignatureDoesNotMatch.*secret key is wrong"):
                ask()

    def test_an_unknown_key_is_told(self, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
        with pytest.raises(StoreAway, match=r"InvalidAccessKeyId.*access key is not known"):
            S3Store(s3_environment.name).create(KEY, b"")

    def test_missing_keys_are_told(self, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        with pytest.raises(StoreAway, match=r"There are no AWS keys.*Set AWS_PROFILE"):
            S3Store(s3_environment.name).create(KEY, b"")

    def test_an_unreachable_server_is_told(
        self, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reason = r"cannot be reached for the bucket.*Check the network"
        with no_server() as url, pytest.raises(StoreAway, match=reason):
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            S3Store(s3_environment.name).create(KEY, b"")

    def test_an_endpoint_that_is_no_address_is_told(
        self, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "not an address")
        with pytest.raises(HarvesterError, match="The AWS settings cannot be used") as told:
            S3Store(s3_environment.name)
        assert told.value.exit_code == Exit.USAGE

    def test_a_clock_an_hour_off_is_told(self, s3_environment: Bucket) -> None:
        store = S3Store(s3_environment.name)
        with (
            time_machine.travel(datetime.now(UTC) + timedelta(hours=1)),
            pytest.raises(StoreAway, match=r"RequestTimeTooSkewed.*clock is wrong"),
        ):
            store.create(KEY, b"")


def test_an_upload_that_arrives_damaged_is_refused(s3_environment: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"dat!")
    store = S3Store(s3_environment.name)
    with pytest.raises(StoreAway, match="BadDigest"):
        store.upload(KEY, path, sha256=hashlib.sha256(b"data").hexdigest())
    assert list(store.entries("collections/")) == []


class TestClock:
    @pytest.mark.parametrize("minutes", [-10, 10])
    def test_the_servers_clock_counts(self, s3_environment: Bucket, minutes: int) -> None:
        true = datetime.now(UTC)
        with time_machine.travel(true + timedelta(minutes=minutes)):
            assert abs(S3Store(s3_environment.name).now() - true) < timedelta(seconds=10)

    def test_a_refusal_tells_the_time_too(self, no_bucket: str) -> None:
        assert abs(S3Store(no_bucket).now() - datetime.now(UTC)) < timedelta(seconds=10)
