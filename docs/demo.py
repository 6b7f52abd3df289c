"""Harvests timelines, a search, a stream and a crawl from an emulator here, and shows what came of it.

`make demo` runs it; README.md shows what it prints. It uses the project's commands only, as a person would.
"""

import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "demo"
REAL = ROOT.parent / "shared" / "data" / "real-v2"
QUERY = "library OR archives OR brexit"
POSTS = ("--users", "4", "--posts-per-user", "250", "--stream-rate", "250", "--rule-delay", "0")
CRAWL, DRAWING = "followers", "followers.gexf"
# The first of these accounts has 80 followers.
FOLLOWERS = ("--users", "300", "--posts-per-user", "1", "--degrees", "pareto:1.2:3", "--hubs", "0:80")
STREAMED = 500


def main() -> None:
    started = time.monotonic()
    if others := _not_made_here():
        sys.exit(
            f"demo/ holds {', '.join(others)}, not made by `make demo`, which replaces that folder. "
            "Move it away, then start again."
        )
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    real = sorted(REAL.glob("*.jsonl"))
    also = f"{len(real)} files of real payloads" if real else "no real payloads"
    _say(f"An emulator of the X API starts, with 4 made-up accounts of 250 posts, and {also}.")
    replayed = ["--replay", "--load", *map(str, real)] if real else []
    with _emulator(*POSTS, *replayed) as base:
        accounts = list(_asked(base, "/emulator/truth", detail="1")["posts"]["by_user"])
        for description in _descriptions(accounts):
            _collect(base, description)
        verdicts = [_timelines_verdict(base, accounts), _search_verdict(base), _stream_verdict(base)]
    _say("\nAn emulator starts in which an account has 80 followers.")
    with _emulator(*FOLLOWERS) as base:
        verdicts.append(_crawl(base))
    _say("\nPosts and edges in the emulators, compared with the stored files:")
    for verdict, _ in verdicts:
        _say(f"  {verdict}")
    _say("\nStored files:")
    for record in sorted(HERE.glob("collections/*/harvests/**/harvest.json")):
        _say(f"  {record.parent.relative_to(ROOT)}/")
        _say(f"    {' '.join(sorted(path.name for path in record.parent.iterdir()))}")
    _say(f"\nDone in {time.monotonic() - started:.0f} s. To look at it in a browser:")
    _say(shlex.join([_python(), "twarc_cloud.py", "dashboard", "--collections-path", "demo/collections"]))
    if not all(good for _, good in verdicts):
        sys.exit(1)


def _not_made_here() -> list[str]:
    """What a person put into the folder of the demo."""
    names = {CRAWL, *(description["id"] for description in _descriptions([]))}
    made = {"collections", "temp", "log.txt", DRAWING, *(f"{name}.json" for name in names)}
    collections = HERE / "collections"
    others = [path for path in HERE.glob("*") if path.name not in made]
    # What begins with a dot is made of the collections, as tables are.
    others += [path for path in collections.glob("[!.]*") if path.name not in names]
    return sorted(path.relative_to(HERE).as_posix() for path in others)


def _descriptions(accounts: list[str]) -> Iterator[dict[str, Any]]:
    yield {"id": "accounts", "type": "user_timeline", "users": {account: {} for account in accounts}}
    yield {"id": "libraries", "type": "search", "search": {"query": QUERY, "archive": True}}
    yield {
        "id": "live",
        "type": "filter",
        "filter": {"track": "library,archives,brexit", "max_records": STREAMED},
    }


def _collect(base: str, description: dict[str, Any]) -> None:
    """Add a collection, harvest it, and let sha256sum's reader check what is stored."""
    name = description["id"]
    (HERE / f"{name}.json").write_text(json.dumps(description, indent=2))
    _run(
        "twarc_cloud.py", "collection", "add", "--collections-path", "demo/collections",
        *("--collection-config-filepath", f"demo/{name}.json"),
    )  # fmt: skip
    _run(
        "tweet_harvester.py", "local", "harvester", name, "--collections-path", "demo/collections",
        *("--temp", "demo/temp"), base=base,
    )  # fmt: skip
    for folder in sorted((HERE / "collections" / name / "harvests").rglob("manifest-sha256.txt")):
        checked = subprocess.run(_sha256sum(), check=False, cwd=folder.parent, capture_output=True, text=True)
        _say(f"$ sha256sum -c manifest-sha256.txt\n{checked.stdout.rstrip()}")
        if checked.returncode:
            sys.exit(checked.stderr)


def _sha256sum() -> list[str]:
    command = ["sha256sum"] if shutil.which("sha256sum") else ["shasum", "-a", "256"]
    return [*command, "-c", "manifest-sha256.txt"]


def _run(*command: str, base: str = "") -> None:
    _say(f"\n$ python {shlex.join(command)}")
    # The emulator knows this one key, which opens nothing else.
    keys = {"X_API_URL": base, "BEARER_TOKEN": "emulator-bearer"} if base else {}
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CONSUMER_", "ACCESS_"))
    }
    log = (HERE / "log.txt").open("a")
    with log:
        code = subprocess.run(
            [sys.executable, *command], check=False, cwd=ROOT, env={**kept, **keys}, stderr=log
        ).returncode
    if code:
        sys.exit(f"It ended with exit code {code} (docs/exit-codes.md):\n{(HERE / 'log.txt').read_text()}")


@contextmanager
def _emulator(*options: str) -> Iterator[str]:
    """The base URL of an emulator, which ends with this block, or with this process if that is killed."""
    options = (*options, "--exit-on-stdin-close")
    command = [sys.executable, "-m", "emulator", "--port", "0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        ready = process.stdout.readline().split()
        if not ready:
            sys.exit("The emulator did not start.")
        yield ready[-1]
    finally:
        process.kill()
        process.wait()


def _asked(base: str, path: str, **parameters: str) -> Any:
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    with urllib.request.urlopen(f"{base}{path}{query}", timeout=30) as answer:
        return json.load(answer)


def _stored(name: str) -> list[str]:
    """The ids of all posts in a collection's files, each as often as it is there."""
    ids: list[str] = []
    for path in sorted((HERE / "collections" / name / "harvests").rglob("tweets-*.jsonl.gz")):
        with gzip.open(path) as file:
            for line in file:
                data = json.loads(line)["data"]
                ids += [post["id"] for post in (data if isinstance(data, list) else [data])]
    return ids


def _verdict(what: str, existed: set[str], stored: list[str]) -> tuple[str, bool]:
    real = f" ({len(existed & _real_ids()):,} of them real)" if REAL.exists() else ""
    return _compared(f"{what}: {len(existed):,} posts{real}", existed, stored)


def _compared(what: str, existed: set[str], stored: list[str]) -> tuple[str, bool]:
    lost, doubled = len(existed - set(stored)), len(stored) - len(set(stored))
    return f"{what}, {lost} lost, {doubled} stored twice", bool(existed) and not lost and not doubled


@cache
def _real_ids() -> set[str]:
    """The ids of posts in the files of real payloads, one of which holds a line that is no JSON."""
    ids = set()
    for path in REAL.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            with suppress(ValueError):
                data = json.loads(line).get("data", [])
                ids |= {post["id"] for post in (data if isinstance(data, list) else [data])}
    return ids


def _timelines_verdict(base: str, accounts: list[str]) -> tuple[str, bool]:
    existed = {
        post for account in accounts for post in _asked(base, f"/emulator/truth/timeline/{account}")["ids"]
    }
    return _verdict(f"{len(accounts)} timelines", existed, _stored("accounts"))


def _search_verdict(base: str) -> tuple[str, bool]:
    existed = set(_asked(base, "/emulator/truth/search", query=QUERY, archive="1")["ids"])
    stored = _stored("libraries")
    # The stream makes new posts meanwhile; those are for the next search.
    newest = max(map(int, stored))
    return _verdict("search", {post for post in existed if int(post) <= newest}, stored)


def _stream_verdict(base: str) -> tuple[str, bool]:
    stored = _stored("live")
    published = _asked(base, "/emulator/truth/stream")["ids"]
    first, last = published.index(stored[0]), published.index(stored[-1])
    return _verdict("stream, from its first post to its last", set(published[first : last + 1]), stored)


def _crawl(base: str) -> tuple[str, bool]:
    """Read the followers of an account, and those of its five followers with the shortest lists."""
    seed = next(iter(_asked(base, "/emulator/truth", detail="1")["posts"]["by_user"]))
    section = {"max_depth": 1, "max_users": 6, "approve": "within_budget"}
    _collect(
        base,
        {"id": CRAWL, "type": "graph", "users": {seed: {}}, "graph": section, "budget_usd": 25},
    )
    _run("twarc_cloud.py", "graph", "status", CRAWL, "--collections-path", "demo/collections")
    _run(
        *("twarc_cloud.py", "export", "edges", CRAWL, "--collections-path", "demo/collections"),
        *("--format", "gexf", "-o", f"demo/{DRAWING}"),
    )
    lists, stored = _stored_edges()
    existed = {
        f"{follower} follows {user}"
        for user in lists
        for follower in _asked(base, f"/emulator/truth/followers/{user}")["ids"]
    }
    return _compared(f"crawl of {len(lists)} lists: {len(existed):,} edges", existed, stored)


def _stored_edges() -> tuple[list[str], list[str]]:
    """The users whose lists were read to their end, and all edges, each as often as it is there."""
    folder = HERE / "collections" / CRAWL / "harvests"
    lines = [json.loads(line) for path in folder.rglob("lists.jsonl") for line in path.open()]
    lists = [line["user"] for line in lines if line["outcome"] == "complete"]
    edges: list[str] = []
    for path in folder.rglob("edges-*.jsonl.gz"):
        with gzip.open(path) as file:
            for page in map(json.loads, file):
                edges += [f"{follower} follows {page['user']}" for follower in page["ids"]]
    return lists, edges


def _python() -> str:
    """How the Python that `make demo` installs into is called from here."""
    here = Path(".venv", "bin", "python")
    return str(here) if (ROOT / here).exists() else "python"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
