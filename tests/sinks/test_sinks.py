"""Each sink keeps the contract: what it was handed is there, or is a dead letter, or is handed over again."""

import base64
import hashlib
import hmac
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from msgspec import structs

from harvester.clock import Stop, Stopped, SystemClock
from harvester.sinks import Asked, Message, Position, Sink, SinkAway, SinkClosed, Surroundings
from harvester.sinks.opening import open_sink
from harvester.sinks.stdout import Stdout
from harvester.sinks.webhook import Webhook
from tests.sinks.kafka.stage import TOPIC, kafka_sink
from tests.sinks.receiver import Receiver, Request, receiving
from tests.support.kafka_brokers import mock_brokers
from tests.support.servers import no_server

_AT = Position("2026-11-23T09:05:07.000000+00:00", "tweets-20261123090507-000001.jsonl.gz", 1)
_SECRET = "a secret of the webhook"


def _message(number: int, kind: Any = "post") -> Message:
    value = b'{"data":{"id":"%d","text":"\xe2\x9c\x93"}}' % number
    return Message(f"s/{number}", str(number), kind, str(number), "2026-11-23T09:05:08.000Z", value, _AT)


def _messages(number: int) -> list[Message]:
    return [_message(each) for each in range(1, number + 1)]


def _webhook(receiver: Receiver, *, stop: Stop | None = None, secret: str = _SECRET, **entry: Any) -> Webhook:
    asked = Asked("s", "hook", "webhook", {"type": "webhook", "url": receiver.url, **entry})
    around = Surroundings(SystemClock(), stop or Stop(), lambda *_: None, secret)
    sink = open_sink(asked, around)
    assert isinstance(sink, Webhook)
    return sink


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@dataclass
class _Case:
    sink: Sink
    arrived: Any


@pytest.fixture(params=["stdout", "webhook", "webhook in batches", "kafka"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Case]:
    if request.param == "stdout":
        with (tmp_path / "out").open("ab") as out:
            arrived = lambda: [orjson.loads(line)["data"]["id"] for line in (tmp_path / "out").open()]  # noqa: E731
            yield _Case(Stdout(Stop(), out.fileno()), arrived)
        return
    if request.param == "kafka":
        with mock_brokers() as brokers, kafka_sink(brokers.servers) as kafka:
            brokers.make(TOPIC)
            yield _Case(kafka, lambda: [record.headers["ce_subject"] for record in brokers.read(TOPIC)])
        return
    with receiving() as found:
        sink = _webhook(found, batch=7 if "batches" in request.param else 1)
        yield _Case(sink, lambda: found.accepted)
        sink.close()


class TestContract:
    def test_what_was_delivered_is_there_once(self, case: _Case) -> None:
        assert list(case.sink.deliver(_messages(100))) == []
        assert list(case.sink.deliver(_messages(3))) == []
        assert sorted(map(int, case.arrived())) == sorted([*range(1, 101), 1, 2, 3])

    def test_nothing_is_delivered_in_no_time(self, case: _Case) -> None:
        assert list(case.sink.deliver([])) == []
        assert case.arrived() == []

    def test_the_position_is_that_in_the_store(self, case: _Case) -> None:
        assert case.sink.position() is None

    def test_closing_it_twice_is_no_error(self, case: _Case) -> None:
        case.sink.close()
        case.sink.close()


class TestStdout:
    def test_a_reader_that_has_gone_is_no_failure(self) -> None:
        read, write = os.pipe()
        os.close(read)
        with pytest.raises(SinkClosed):
            Stdout(Stop(), write).deliver(_messages(1))
        os.close(write)

    def test_gaps_are_told_in_the_log(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with (tmp_path / "out").open("ab") as out:
            Stdout(Stop(), out.fileno()).deliver([_message(1, "gap")])
        assert (tmp_path / "out").read_bytes() == b""
        assert "Posts may be missing" in caplog.text

    def test_after_half_a_line_the_next_post_begins_on_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.write_bytes(b'{"data":{"id":"1"}}\n{"data":')
        with path.open("ab") as out:
            Stdout(Stop(), out.fileno()).deliver([_message(2)])
        assert path.read_bytes().splitlines()[1:] == [b'{"data":', _message(2).value]

    def test_a_stop_ends_the_wait_for_a_reader_that_stands_still(self) -> None:
        read, write = os.pipe()
        stop = Stop()
        threading.Timer(0.2, stop.request, ["enough"]).start()
        with pytest.raises(Stopped):
            Stdout(stop, write).deliver([structs.replace(_message(1), value=b"x" * 200_000)])
        os.close(read)

    def test_a_pipe_that_does_not_block_gets_everything(self) -> None:
        read, write = os.pipe()
        os.set_blocking(write, False)
        with ThreadPoolExecutor() as pool, os.fdopen(read, "rb") as reader:
            found = pool.submit(reader.readline)
            Stdout(Stop(), write).deliver([structs.replace(_message(1), value=b"x" * 200_000)])
            os.close(write)
            assert found.result(10) == b"x" * 200_000 + b"\n"


class TestWebhook:
    def test_a_request_says_what_it_holds_and_who_signed_it(self, receiver: Receiver) -> None:
        _webhook(receiver).deliver([_message(20)])
        (request,) = receiver.requests
        assert request.body == _message(20).value
        head = request.headers
        assert (head["ce-id"], head["ce-subject"], head["ce-source"]) == ("s/20", "20", "/collections/s")
        assert (head["ce-type"], head["content-type"]) == ("social.twarc-cloud.post.v1", "application/json")
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request.body
        digest = base64.b64encode(hmac.new(_SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        assert head["webhook-signature"] == f"v1,{digest}"

    def test_an_id_that_is_no_text_of_a_header_is_encoded(self, receiver: Receiver) -> None:
        odd = structs.replace(_message(1), id="s/1\n\u65e5 %", subject="\u65e5", time="today\nX-Other: 1")
        assert list(_webhook(receiver).deliver([odd])) == []
        head = receiver.requests[0].headers
        assert head["ce-id"] == head["webhook-id"] == "s/1%0A%E6%97%A5%20%25"
        assert (head["ce-subject"], head["ce-time"]) == ("%E6%97%A5", "today%0AX-Other:%201")

    def test_a_secret_may_be_written_as_receivers_know_it(self, receiver: Receiver) -> None:
        key = os.urandom(24)
        _webhook(receiver, secret="whsec_" + base64.b64encode(key).decode()).deliver([_message(1)])
        _webhook(receiver, secret="").deliver([_message(2)])
        one, two = receiver.requests
        signed = f"s/1.{one.headers['webhook-timestamp']}.".encode() + one.body
        digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert one.headers["webhook-signature"] == f"v1,{digest}"
        assert "webhook-signature" not in two.headers

    def test_connections_stay_open(self, receiver: Receiver) -> None:
        sink = _webhook(receiver, connections=3)
        sink.deliver(_messages(200))
        assert receiver.connections <= 3

    @pytest.mark.parametrize("status", [400, 404, 410, 413, 422])
    def test_a_post_that_is_refused_for_good_is_a_dead_letter(self, receiver: Receiver, status: int) -> None:
        receiver.answer = lambda request: (status if "7" in request.ids else 204, {}, b"")
        letters = _webhook(receiver).deliver(_messages(20))
        assert [letter.message.subject for letter in letters] == ["7"]
        assert letters[0].reason.endswith(f"answered {status}.")
        assert sorted(map(int, receiver.accepted)) == [each for each in range(1, 21) if each != 7]

    def test_in_a_batch_the_one_at_fault_is_found(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: (422 if "7" in request.ids else 200, {}, b"no sevens")
        letters = _webhook(receiver, batch=10).deliver(_messages(20))
        assert [letter.reason.partition(" ")[2] for letter in letters] == ["answered 422: no sevens."]
        assert sorted(map(int, receiver.accepted)) == [each for each in range(1, 21) if each != 7]

    @pytest.mark.parametrize("status", [301, 307, 401, 403, 408, 425, 429, 500, 502, 503, 504])
    def test_what_may_pass_is_tried_again(self, receiver: Receiver, status: int) -> None:
        receiver.answer = lambda _: (status, {"Location": "http://127.0.0.1:9/", "Retry-After": "7"}, b"")
        sink = _webhook(receiver)
        with pytest.raises(SinkAway) as raised:
            sink.deliver(_messages(3))
        assert f"answered {status}" in raised.value.why and "hunter2" not in raised.value.why
        assert raised.value.after == (7.0 if status >= 500 or status in (408, 425, 429) else 0.0)
        receiver.answer = lambda _: (200, {}, b"")
        assert list(sink.deliver(_messages(3))) == []
        assert sorted(receiver.accepted) == ["1", "2", "3"]

    def test_what_was_acknowledged_is_not_sent_again(self, receiver: Receiver) -> None:
        draw = Random(7)
        receiver.answer = lambda _: (200 if draw.random() < 0.5 else 503, {}, b"")
        sink, tries = _webhook(receiver), 0
        while tries < 100:
            try:
                sink.deliver(_messages(50))
                break
            except SinkAway:
                tries += 1
        assert 1 < tries < 100
        assert sorted(map(int, receiver.accepted)) == list(range(1, 51))

    def test_a_server_that_hangs_up_is_tried_again(self, receiver: Receiver) -> None:
        left = [3]

        def answer(_: Request) -> Any:
            left[0] -= 1
            return None if left[0] >= 0 else (200, {}, b"")

        receiver.answer = answer
        sink = _webhook(receiver, connections=1)
        with pytest.raises(SinkAway, match="does not answer"):
            sink.deliver(_messages(2))
        for _ in range(10):
            try:
                sink.deliver(_messages(2))
                break
            except SinkAway:
                continue
        assert sorted(receiver.accepted) == ["1", "2"]

    def test_an_answer_that_is_cut_off_acknowledges_nothing(self, receiver: Receiver) -> None:
        receiver.answer = lambda _: (200, {"Content-Length": "100", "Connection": "close"}, b"half")
        sink = _webhook(receiver)
        with pytest.raises(SinkAway, match="does not answer: its answer was cut off"):
            sink.deliver(_messages(2))
        receiver.answer = lambda _: (200, {}, b"")
        sink.deliver(_messages(2))
        assert sorted(receiver.accepted) == ["1", "1", "2", "2"]

    def test_odd_answers_are_no_more_than_that(self, receiver: Receiver) -> None:
        sink = _webhook(receiver)
        receiver.answer = lambda _: (200, {}, b"x" * 300_000)
        sink.deliver(_messages(2))
        receiver.answer = lambda _: (400, {}, b"\x1b[2J\xff" + b"y" * 5000)
        (letter,) = sink.deliver([_message(3)])
        assert "\x1b" not in letter.reason and len(letter.reason) < 400

    @pytest.mark.parametrize("before", [0, 1])
    def test_a_stop_ends_a_request_that_is_not_answered(self, receiver: Receiver, before: int) -> None:
        stop = Stop()

        def hangs(_: Request) -> Any:
            stop.request("enough")
            threading.Event().wait(20)

        sink = _webhook(receiver, stop=stop, connections=1)
        # Its connection is used again, if there is one.
        sink.deliver(_messages(before))
        receiver.answer = hangs
        began = SystemClock().elapsed()
        with pytest.raises(SinkAway):
            sink.deliver(_messages(1))
        assert SystemClock().elapsed() - began < 5

    def test_a_server_that_dribbles_is_cut_off(self) -> None:
        from harvester.sinks.http_post import Address, NoAnswer

        with socket.create_server(("127.0.0.1", 0)) as listening:

            def dribble() -> None:
                connection, _ = listening.accept()
                pause = threading.Event()
                try:
                    while True:
                        connection.sendall(b"H")
                        pause.wait(0.05)
                except OSError:
                    connection.close()

            threading.Thread(target=dribble, daemon=True).start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            address = Address(url, within=0.3, clock=SystemClock(), stop=Stop())
            began = SystemClock().elapsed()
            with pytest.raises(NoAnswer):
                address.post(b"{}", {})
            assert SystemClock().elapsed() - began < 5

    def test_a_proxy_without_a_port_that_can_be_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:99999")
        with pytest.raises(SinkAway, match="the port of the proxy is not a number"):
            _webhook(Receiver(url="https://receiver.invalid/")).deliver(_messages(1))

    def test_nothing_listens(self) -> None:
        with no_server() as url:
            sink = _webhook(Receiver(url=f"{url}/"))
            with pytest.raises(SinkAway, match=f"{url.removeprefix('http://')} does not answer"):
                sink.deliver(_messages(2))
