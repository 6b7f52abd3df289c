"""Harvesters killed at random moments, by the hundred, lose nothing of what the emulator says there was.

`make kill N=2000` runs it at length and prints what came of it; KILLS_SEED repeats one of its runs.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import emulator
from tests.support import fork_server
from tests.support.harvest_processes import Site, pause
from tests.support.servers import Bucket
from tests.support.storm_kinds import KINDS
from tests.support.storm_runner import LOCK, Sum, Track

pytestmark = [pytest.mark.unversioned, pytest.mark.slow]

_KILLS = int(os.environ.get("KILLS", "120"))
_SEED = int(os.environ.get("KILLS_SEED", "1"))
_AT_LENGTH = "KILLS" in os.environ

_SETTINGS = {
    "lock_seconds": LOCK,
    "checkpoint_seconds": 0.5,
    "concurrency": 8,
    "x_patience": 60,
    "stop_poll_seconds": 0.3,
}
_FILE = 150


@contextmanager
def _tracks(folder: Path, kills: int, buckets: list[Bucket | None]) -> Iterator[list[Track]]:
    places = [(kind, bucket, lost) for kind in KINDS for bucket in buckets for lost in (False, True)]
    with ExitStack() as stack:
        tracks = []
        for number, (kind, bucket, lost) in enumerate(places):
            draw = random.Random(f"{_SEED} {number} {bucket is None}")
            api = stack.enter_context(
                emulator.spawned("--no-limits", *KINDS[kind].options, start=fork_server.start)
            )
            name = f"{kind}-{'lost' if lost else 'kept'}"
            here = folder / f"{name}-{'s3' if bucket else 'folder'}"
            site = Site(name, here, api.url, bucket, dict(_SETTINGS), tweets_per_file=_FILE)
            share = kills // len(places) + (number < kills % len(places))
            tracks.append(Track(KINDS[kind](api, draw), site, draw, lost, share))
        yield tracks


def _stormed(folder: Path, kills: int, buckets: list[Bucket | None]) -> Sum:
    begun, total = time.monotonic(), Sum()
    with _tracks(folder, kills, buckets) as tracks, ThreadPoolExecutor(len(tracks)) as pool:
        running = [pool.submit(track.run) for track in tracks]
        told = begun
        while any(not future.done() for future in running):
            pause(0.2)
            if time.monotonic() - told >= 10:
                told = time.monotonic()
                done = sum(track.sum.kills for track in tracks)
                harvests = sum(track.sum.harvests for track in tracks)
                _say(f"{told - begun:5.0f} s: {done} of {kills} kills, {harvests} harvests")
        for track, future in zip(tracks, running, strict=True):
            total.add(future.result())
            _say(f"{track.name}: {track.sum} {dict(track.sum.states)}")
            for promise in track.sum.wrong:
                _say(f"  {promise}")
    _say(f"kill storm, {time.monotonic() - begun:.0f} s: {total}")
    return total


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _nothing_was_lost(total: Sum, kills: int) -> None:
    assert total.wrong == []
    assert (total.unsaid, total.doubled) == (0, 0)
    assert total.kills >= kills
    assert total.records > kills


@pytest.mark.skipif(_AT_LENGTH, reason="the long storm runs on all stores at once")
@pytest.mark.parametrize("store", ["folder", "s3"])
def test_killed_harvesters_lose_and_double_nothing(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    bucket = request.getfixturevalue("s3") if store == "s3" else None
    _nothing_was_lost(_stormed(tmp_path, _KILLS // 2, [bucket]), _KILLS // 2)


@pytest.mark.skipif(not _AT_LENGTH, reason="KILLS in the environment asks for it: make kill N=2000")
def test_a_long_storm_loses_and_doubles_nothing(tmp_path: Path, s3: Bucket) -> None:
    _nothing_was_lost(_stormed(tmp_path, _KILLS, [None, s3]), _KILLS)
