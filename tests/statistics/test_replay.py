"""A replay sends each sample once and in order, and reports a carbon that is away or hangs in one line."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.clock import Stop, Stopped, SystemClock
from harvester.errors import Exit, HarvesterError
from harvester.statistics.files import SampleFile
from harvester.statistics.graphite import Sample, parsed
from harvester.statistics.replay import Replay
from tests.statistics.carbon import carbon
from tests.support.cli_session import until
from tests.support.stores import HandClock

_BEGAN = 1_795_400_400


def _samples(number: int) -> list[Sample]:
    return [Sample(f"a.n{n % 3}", n, _BEGAN + 60 * (n // 3)) for n in range(number)]


@contextmanager
def _listening(hear: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of one connection after another; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    hear(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _reader(got: list[bytes]) -> Callable[[socket.socket], None]:
    def hear(connection: socket.socket) -> None:
        data = b""
        while piece := connection.recv(1 << 16):
            data += piece
        got.append(data)

    return hear


@pytest.mark.system
def test_a_real_carbon_has_each_value_at_its_time(tmp_path: Path) -> None:
    sent = _samples(6000)
    with carbon(tmp_path / "carbon") as real:
        replay = Replay("127.0.0.1", real.port, SystemClock(), Stop())
        assert list(replay.run(sent)) == [5000, 6000]
        for name in ("a.n0", "a.n1", "a.n2"):
            read = partial(real.values, name, since=_BEGAN, upto=_BEGAN + 60 * 2000)
            until(lambda read=read: len(read()) == 2000)  # type: ignore[misc]
            assert read() == [float(each.value) for each in sent if each.name == name]


def test_with_a_speed_a_minute_of_the_samples_takes_its_part_of_a_minute() -> None:
    got: list[bytes] = []
    clock = HandClock()
    with _listening(_reader(got)) as port:
        list(Replay("127.0.0.1", port, clock, Stop(), speed=60.0).run(_samples(30)))
    assert b"".join(got) == b"".join(each.line for each in _samples(30))
    assert len(got) == 10 and sum(clock.waits) == pytest.approx(9.0)


def test_a_server_that_takes_nothing_is_given_up_after_a_time() -> None:
    never = threading.Event()

    def hang(_: socket.socket) -> None:
        never.wait(10)

    with _listening(hang) as port:
        replay = Replay("127.0.0.1", port, SystemClock(), Stop(), patience=0.5)
        with pytest.raises(HarvesterError, match=r"(takes|confirms) nothing for 0 s") as told:
            list(replay.run(_samples(300_000)))
        never.set()
    assert (told.value.exit_code, replay.sent) == (Exit.RETRY_LATER, 0)


def test_a_stop_is_heard_while_a_server_hangs() -> None:
    never, stop = threading.Event(), Stop()

    def hang(_: socket.socket) -> None:
        stop.request("SIGINT")
        never.wait(10)

    with _listening(hang) as port:
        with pytest.raises(Stopped):
            list(Replay("127.0.0.1", port, SystemClock(), stop).run(_samples(10)))
        never.set()


def test_what_was_confirmed_counts_when_a_server_goes_away() -> None:
    got: list[bytes] = []
    hear = _reader(got)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        first = threading.Thread(target=lambda: hear(server.accept()[0]), daemon=True)
        first.start()
        replay = Replay("127.0.0.1", port, SystemClock(), Stop())
        sending = replay.run(_samples(12_000))
        assert next(sending) == 5000
    with pytest.raises(
        HarvesterError, match=r"Carbon at 127.0.0.1:\d+ cannot be reached: Connection refused"
    ):
        next(sending)
    assert (replay.sent, replay.upto) == (5000, _BEGAN + 60 * (4999 // 3))
    assert got[0].count(b"\n") == 5000


@given(st.text())
def test_any_line_is_a_sample_or_is_refused(text: str) -> None:
    try:
        found = parsed(text)
    except ValueError:
        return
    assert found.line.count(b" ") == 2 and found.at >= 0


class TestFiles:
    def _all(self, path: Path, prefix: str = "") -> tuple[SampleFile, list[Sample]]:
        file = SampleFile(path, prefix=prefix)
        return file, list(file)

    def test_lines_of_twittomatic_are_taken_as_they_are(self, tmp_path: Path) -> None:
        path = tmp_path / "stats.gz"
        path.write_bytes(gzip.compress(b"a.b 1 1420070400\na.c 2.5 1420070401\n\n"))
        file, found = self._all(path)
        assert found == [Sample("a.b", 1, 1420070400), Sample("a.c", 2.5, 1420070401)]
        file.require_usable(sent=2)

    def test_lines_of_a_harvest_get_a_prefix(self, tmp_path: Path) -> None:
        path = tmp_path / "stats.jsonl"
        path.write_bytes(b'{"at":"2026-11-23T09:00:00+00:00","tweets":3,"usd":0.5,"x":"y"}\n')
        _, found = self._all(path, "p")
        assert found == [Sample("p.tweets", 3, 1795424400), Sample("p.usd", 0.5, 1795424400)]

    def test_what_is_no_line_is_counted_and_the_first_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "stats"
        path.write_bytes(b"a.b 1 1420070400\n\xff\xfe\na b\na.b nan 7\na.b 2 1420070401\n{}\n")
        file, found = self._all(path)
        assert len(found) == 2
        with pytest.raises(HarvesterError, match=r"4 lines of .* are not .*; the first is line 2\."):
            file.require_usable(sent=2)

    def test_of_a_file_that_is_cut_off_the_rest_is_sent(self, tmp_path: Path) -> None:
        path = tmp_path / "stats.gz"
        data = gzip.compress(b"".join(b"a.b %d 1420070400\n" % n for n in range(20_000)))
        path.write_bytes(data[: len(data) // 2])
        file, found = self._all(path)
        assert 1000 < len(found) < 20_000
        with pytest.raises(HarvesterError, match="breaks off"):
            file.require_usable(sent=len(found))
