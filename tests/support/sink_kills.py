"""Kills processes that deliver to Kafka, again and again, each while it works: a program of its own.

It forks itself for each, before any client of Kafka runs in it, so that a process costs milliseconds.
"""

import json
import os
import random
import select
import signal
import sys
from pathlib import Path
from typing import Any

from harvester.clock import Stop, SystemClock
from harvester.sinks import Asked, Position, SinkAway, Surroundings
from harvester.sinks.kafka import at_least_once, connection, exactly_once, opened  # noqa: F401 - before the forks
from tests.sinks.kafka.stage import no_note, post

_AT_ONCE = 25
# Of a process that was not killed yet.
_LONGEST = 60.0


def main() -> None:
    """Arguments: how many kills, how many messages, the file of the position, the sink as JSON."""
    import confluent_kafka  # noqa: F401 - before the forks

    kills, messages, place, entry = sys.argv[1:]
    dice = random.Random(kills)
    done = 0
    while done < int(kills):
        done += _killed(int(messages), Path(place), json.loads(entry), dice)
    _deliver(int(messages), Path(place), json.loads(entry), None)
    sys.stdout.write(str(done))


def _killed(messages: int, place: Path, entry: dict[str, Any], dice: random.Random) -> bool:
    """Whether a process was killed before its end: after some deliveries, and a moment."""
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hears)
        _deliver(messages, place, entry, says)
        os._exit(0)
    os.close(says)
    for _ in range(dice.randint(0, 4)):
        select.select([hears], [], [], _LONGEST)
        os.read(hears, 1)
    # What it says meanwhile ends this wait; so most kills hit a delivery.
    select.select([hears], [], [], dice.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.close(hears)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _deliver(messages: int, place: Path, entry: dict[str, Any], says: int | None) -> None:
    """As a follower does: from the position on, which moves when a delivery has ended."""
    around = Surroundings(SystemClock(), Stop(), no_note)
    sink = opened(Asked("live", "kafka", "kafka", entry), around)
    kept = Position.from_tree(json.loads(place.read_text())) if place.exists() else None
    at = sink.position() or kept
    begin = at.line + 1 if at else 1
    while begin <= messages:
        end = min(begin + _AT_ONCE, messages + 1)
        batch = [post(number, key=f"author-{number % 7}") for number in range(begin, end)]
        while True:
            try:
                assert not sink.deliver(batch)
            except SinkAway:
                continue
            break
        written = place.with_suffix(".new")
        written.write_text(json.dumps(batch[-1].position.to_tree()))
        written.replace(place)
        begin = end
        if says is not None:
            os.write(says, b".")
    sink.close()


if __name__ == "__main__":
    main()
