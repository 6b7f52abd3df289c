"""A stream whose rules are changed repeatedly while thousands of posts a second arrive.

`python -m bench.edits --edits 200 --seconds 600` says what was lost, stored twice or cut.
The emulator takes 20 seconds for each change of a rule, as X does.
"""

import argparse
import gzip
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench import harvests
from bench.servers import KEYS, asked, started
from harvester.clock import moment
from harvester.collection import history
from harvester.harvest.lock_content import note_change
from harvester.networks.x.post_ids import created
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_ID = CollectionKeys("edits")
_CAP = 1000
# Behind the last edit: a round, the delay of rules, and the pause between rounds.
_SETTLES, _ENDS_WITHIN = 75.0, 180.0


@dataclass(frozen=True)
class Found:
    """What came of it: `lost` were delivered while a rule matched them, and are neither stored nor in a gap.

    Those `under way` were published after the last stored one, and not read any more at the stop.
    """

    rate: float
    published: int
    stored: int
    lost: int
    in_gaps: int
    under_way: int
    doubled: int
    connections: int
    reasons: Counter[str]
    gaps: int
    rounds: int
    rule_requests: int
    adopted: bool

    def lines(self) -> Iterator[str]:
        yield f"{self.published:,} posts published ({self.rate:,.0f} a second), {self.stored:,} stored"
        yield f"{self.lost} lost, {self.doubled} stored twice, {self.gaps} gaps"
        yield f"delivered and not read: {self.in_gaps} in gaps, {self.under_way} at the stop"
        yield f"{self.connections} connection(s), ended: {dict(self.reasons)}"
        yield f"{self.rounds} rounds of rules, {self.rule_requests} requests that change rules"
        yield f"last edit in use: {self.adopted}"


def measure(*, rate: int, rules: int, edits: int, seconds: float) -> Found:
    """Make a number of edits of one term each in that time, and wait until the last one takes effect."""
    options = ("--rule-cap", str(_CAP), "--rule-delay", "20", "--stream-rate", str(rate), "--no-limits")
    with (
        tempfile.TemporaryDirectory() as name,
        started("emulator", "--port", "0", "--exit-on-stdin-close", "--users", "200", *options) as base,
    ):
        folder = Path(name)
        listed = [{"id": f"r{n}", "type": "keyword", "value": f"word{n} term{n % 50}"} for n in range(rules)]
        harvests.write(folder, _ID.id, type="filter", filter={"rules": listed})
        environment = {**os.environ, **KEYS, "X_API_URL": base}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                harvests.HERE.harvest(_ID.id), cwd=folder, env=environment, stdout=log, stderr=log
            )
        try:
            _until(lambda: asked(base, "/emulator/truth/stream")["connections"], 120)
            time.sleep(22)
            begun, before = time.monotonic(), _published(base)
            version = _edited(FolderStore(folder / "collections"), listed, edits=edits, seconds=seconds)
            time.sleep(_SETTLES)
            pace = (_published(base) - before) / (time.monotonic() - begun)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_ENDS_WITHIN)
        return _found(folder, base, pace, version)


def _edited(store: FolderStore, listed: list[dict[str, Any]], *, edits: int, seconds: float) -> int:
    """Each edit adds a rule and removes one; the version that the last one made, after that time."""
    version, begun = 1, time.monotonic()
    for number in range(edits):
        listed = [*listed[1:], {"id": f"new{number}", "type": "keyword", "value": f"fresh{number} term"}]
        tree = history.edit(store, _ID, lambda now, rules=listed: {**now, "filter": {"rules": rules}})  # type: ignore[misc]
        version = int(tree["version"])
        note_change(store, _ID.lock)
        time.sleep(max(0.0, begun + (number + 1) * seconds / edits - time.monotonic()))
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    return version


def _found(folder: Path, base: str, pace: float, version: int) -> Found:
    truth = asked(base, "/emulator/truth/stream")
    stored: Counter[str] = Counter()
    for path in sorted((folder / "collections").rglob("tweets-*.jsonl.gz")):
        with gzip.open(path) as lines:
            stored.update(orjson.loads(line)["data"]["id"] for line in lines)
    written = {post for post, times in zip(truth["ids"], truth["written"], strict=True) if times}
    summary = harvests.record(folder, _ID.id)
    missing = [int(post) for post in written - stored.keys()]
    under_way = [post for post in missing if post > max(map(int, stored))]
    gaps = [(moment(gap["from"]), moment(gap["to"])) for gap in summary["gaps"]]
    in_gaps = [post for post in missing if any(since <= created(str(post)) <= until for since, until in gaps)]
    events = [
        orjson.loads(line) for path in folder.rglob("events.jsonl") for line in path.read_bytes().splitlines()
    ]
    requests = asked(base, "/emulator/truth")["requests"]
    return Found(
        pace,
        len(truth["ids"]),
        stored.total(),
        len({*missing} - {*under_way} - {*in_gaps}),
        len({*in_gaps} - {*under_way}),
        len(under_way),
        stored.total() - len(stored),
        len(truth["connections"]),
        Counter(str(each["reason"]) for each in truth["connections"]),
        len(summary["gaps"]),
        sum(event["event"] == "rules" for event in events),
        sum(each["method"] == "POST" and "/rules" in each["path"] for each in requests),
        summary.get("collection_version") == version,
    )


def _published(base: str) -> int:
    return sum(each["sent"] for each in asked(base, "/emulator/stream/connections")["open"])


def _until(holds: Any, within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("The stream did not begin.")
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.edits", description=__doc__)
    for name, value in (("rate", 5000), ("rules", 5852), ("edits", 200), ("seconds", 600)):
        parser.add_argument(f"--{name}", type=int, default=value)
    found = measure(**vars(parser.parse_args()))
    sys.stdout.write("\n".join([*found.lines(), _load()]) + "\n")


def _load() -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"load of the machine in the last 1, 5 and 15 minutes: {load} on {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
