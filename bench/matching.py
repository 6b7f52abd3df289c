"""How fast stored posts are compared with the rules of a collection, and what the rules take of memory.

Run as a program it measures in a process of its own: `python -m bench.matching POSTS RULES`.
"""

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.measured import Cost, cost
from bench.steady import samples
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules

_ROOT = Path(__file__).resolve().parents[1]
_COLLECTION = "twarc-cloud:bench"
# So many terms a packed rule holds: an account of three terms takes 100 of 1,024 characters.
_PACKED = 10
# Words that the emulator's posts have, so that some rules match.
_FREQUENT = ("the", "library", "archive", "science", "news", "music", "history", "river", "photos", "page")
_PARTS = ("ka", "to", "mi", "re", "lo", "sa", "ne", "vi", "du", "pa", "ro", "ti", "ga", "fe", "ba", "su")


@dataclass(frozen=True)
class Figure:
    """Microseconds of CPU for a post: to decode it, to find its rules among all, or in packs that matched."""

    rules: int
    decode: float
    among_all: float
    in_packs: float
    # Rules that a post matched, on average.
    matched: float
    # Seconds of CPU to read the rules and to make the index.
    made: float


def measure(*, rounds: int) -> Iterator[tuple[Figure, Cost]]:
    """With 1,000 rules, and with the 25,000 that X allows at most."""
    with tempfile.TemporaryDirectory() as name:
        posts = Path(name) / "posts"
        samples(posts)
        for rules in (1_000, 25_000):
            command = [sys.executable, "-m", "bench.matching", str(posts), str(rules), str(rounds)]
            spent = cost(command, folder=Path(name), environment={"PYTHONPATH": str(_ROOT)})
            yield Figure(**json.loads((Path(name) / "out").read_bytes())), spent


def rules_of(count: int) -> list[CollectionRule]:
    """Keywords of two words, hashtags, accounts and boxes."""
    draw = random.Random(1)
    given = [{"id": str(number), **_rule(draw, number)} for number in range(count)]
    problems: list[str] = []
    found = collection_rules({"rules": given}, problems)
    assert not problems
    return found


def _rule(draw: random.Random, number: int) -> dict[str, object]:
    made = "".join(draw.choices(_PARTS, k=draw.randint(2, 4)))
    frequent = draw.choice(_FREQUENT)
    west, south = draw.uniform(-179, 178), draw.uniform(-89, 88)
    kinds: tuple[tuple[str, object], ...] = (
        ("keyword", f"{frequent} {made if number % 1_000 else draw.choice(_FREQUENT)}"),
        ("keyword", f'"{frequent} {made}"'),
        ("hashtag", made if number % 1_000 > 2 else frequent),
        ("userid", str(draw.randrange(1, 1 << 50))),
        ("geo", [west, south, west + 0.5, south + 0.5]),
    )
    kind, value = kinds[number % len(kinds)]
    return {"type": kind, "value": value}


def _seconds(posts: list[bytes], rules: int, *, rounds: int) -> Figure:
    begun = time.thread_time()
    asked = rules_of(rules)
    packs = {
        f"{_COLLECTION}:pack-{at}": [rule.id for rule in asked[at : at + _PACKED]]
        for at in range(0, rules, _PACKED)
    }
    made = Attribution(asked, packs)
    ready = time.thread_time() - begun
    packed = list(packs)
    decode, among_all, in_packs, matched = list[float](), list[float](), list[float](), 0
    for _ in range(rounds):
        begun = time.thread_time()
        records = [orjson.loads(post) for post in posts]
        decode.append(time.thread_time() - begun)
        for record in records:
            del record["matching_rules"]
        begun = time.thread_time()
        matched = sum(len(made.of(record)) for record in records)
        among_all.append(time.thread_time() - begun)
        for number, record in enumerate(records):
            record["matching_rules"] = [{"id": "1", "tag": packed[number % len(packed)]}]
        begun = time.thread_time()
        for record in records:
            made.of(record)
        in_packs.append(time.thread_time() - begun)
    each = 1e6 / len(posts)
    return Figure(
        rules,
        statistics.median(decode) * each,
        statistics.median(among_all) * each,
        statistics.median(in_packs) * each,
        matched / len(posts),
        ready,
    )


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_bytes().splitlines()
    sys.stdout.write(json.dumps(vars(_seconds(lines, int(sys.argv[2]), rounds=int(sys.argv[3])))))
