"""A list of many followers, end to end, beside reading its pages alone: edges a CPU second, and memory.

`python -m bench.graph [FOLLOWERS]`: the first harvest is stopped by its budget in the middle of the list, the
second one reads the rest, and another crawl reads the whole list again and compares it.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import emulator
from bench.measured import Cost, cost
from harvester.collection import history
from harvester.networks.x.page import relations_page
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = 1000
_PAGES_PARSED = 200
# `emulated`: the pages come from the emulator, as far as its speed allows.
_EMULATED = 20_000
_FIELDS = ("created_at", "description", "entities", "location", "profile_image_url", "public_metrics", "url")


@dataclass(frozen=True)
class Read:
    """A harvest: its edges, and what it took."""

    what: str
    edges: int
    spent: Cost

    @property
    def a_cpu_second(self) -> int:
        return int(self.edges / self.spent.cpu) if self.spent.cpu else 0

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.edges:,} edges, {self.a_cpu_second:,} a CPU second, "
            f"{self.spent.seconds:.0f} s, {self.spent.peak:.0f} MB"
        )


def reads(folder: Path, followers: int) -> Iterator[Read]:
    """A list of the emulator, then the three harvests of a long one."""
    hub = f"0:{_EMULATED}"
    options = ("--users", str(_EMULATED + 1), "--posts-per-user", "0", "--hubs", hub, "--no-limits")
    with emulator.spawned(*options) as emulated:
        user = emulated.control.users(count=1)[0]["id"]
        page = _page(emulated.url, user)
        yield _parsed(page)
        yield _harvested(folder, emulated.url, "emulated", user, "from the emulator")
    with _served(folder, page, followers) as url:
        half = {"TWARC_CLOUD_BUDGET_USD": f"{followers / 200:.2f}"}
        yield _harvested(folder, url, "long", user, "first half", half, allowed=(0, 5))
        yield _harvested(folder, url, "long", user, "the rest, in mid-list; the depth closed")
        store, keys = FolderStore(folder / "collections"), CollectionKeys("long")
        history.edit(store, keys, lambda tree: {**tree, "graph": {"crawl": None}})
        yield _harvested(folder, url, "long", user, "all again, compared; the depth closed")


@contextmanager
def _served(folder: Path, page: bytes, followers: int) -> Iterator[str]:
    (folder / "page.json").write_bytes(page)
    command = [sys.executable, "-m", "bench.list_server", str(folder / "page.json"), str(followers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def _harvested(
    folder: Path,
    url: str,
    name: str,
    user: str,
    what: str,
    settings: dict[str, str] | None = None,
    *,
    allowed: tuple[int, ...] = (0,),
) -> Read:
    store, keys = FolderStore(folder / "collections"), CollectionKeys(name)
    if not (folder / "collections" / name).exists():
        history.add(store, keys, {"id": name, "type": "graph", "users": {user: {}}, "graph": {}})
    command = [sys.executable, str(_ROOT / "tweet_harvester.py"), "local", "harvester", name]
    where = ["--collections-path", str(folder / "collections"), "--temp", str(folder / "temp")]
    known = {"BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"], "X_API_URL": url}
    environment = {**known, **(settings or {})}
    spent = cost([*command, *where], folder=folder, environment=environment, allowed=allowed)
    summaries = sorted((folder / "collections" / name).rglob("harvest.json"))
    return Read(what, json.loads(summaries[-1].read_text())["counts"]["edges"], spent)


def _page(url: str, user: str) -> bytes:
    """A page as it comes, with all fields that a harvest asks for."""
    request = Request(f"{url}/2/users/{user}/followers?max_results={_PAGE}&user.fields={','.join(_FIELDS)}")
    request.add_header("Authorization", f"Bearer {emulator.CREDENTIALS['bearer_token']}")
    with urlopen(request) as answer:
        body: bytes = answer.read()
    return body


def _parsed(page: bytes) -> Read:
    """The same page again and again."""
    before, cpu = time.perf_counter(), time.process_time()
    for _ in range(_PAGES_PARSED):
        relations_page(page, b"{}")
    spent = Cost(time.perf_counter() - before, time.process_time() - cpu, 0)
    return Read("parsed only", _PAGE * _PAGES_PARSED, spent)


def main() -> None:
    followers = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for each in reads(Path(folder), followers):
            sys.stdout.write(f"{each}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
