"""A depth of a stored crawl is closed: also by one that is killed and done again, and by several at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from harvester.errors import HarvesterError
from harvester.graph import crawls
from harvester.graph.close import close
from harvester.graph.workers.parts import close_in_parts
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.crawls import truth
from tests.support.harvest_stage import Stage, staged

# Of pages, one for each list of a seed.
FILES = 5
_ROOT = Path(__file__).resolve().parents[2]
# At each write, and while pages are read.
_MOMENTS = [*range(1, 6), -1, -3] if os.environ.get("KILLS") else [2, 4, -1]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("close")
    with staged(folder, users=400, degrees="pareto:1.2:4") as found:
        seeds = found.accounts[:5]
        section = {"max_depth": 1, "select": {"min_followers": 6}}
        found.add("crawl", type="graph", users={seed: {} for seed in seeds}, graph=section)
        found.harvest("crawl", bytes_per_file=1)
        yield found


def at(stage: Stage) -> crawls.Crawl:
    found = crawls.current(stage.store, CollectionKeys("crawl"), stage.collection("crawl"))
    assert found
    return found


def clear(stage: Stage) -> None:
    crawl = at(stage)
    for key in written(stage):
        stage.store.remove(key)
    assert crawl.depths() == [0]


def written(stage: Stage) -> dict[str, bytes]:
    """The files of depth 1."""
    found = stage.store.entries(at(stage).here.folder)
    return {each.key: stage.store.read(each.key).data for each in found if "-1." in each.key}


def quiet(words: str, number: int) -> None:
    pass


@pytest.fixture(scope="module")
def whole(stage: Stage) -> dict[str, bytes]:
    """What a closing that nothing disturbs writes."""
    clear(stage)
    figures = close(at(stage), 0, stage.work / "scratch", tell=quiet)
    found = written(stage)
    assert len(found) == 4
    new = truth(stage, stage.accounts[:5], depths=0)[1]
    assert figures["found"] - figures["known"] == len(new)
    assert 0 < figures["users"] < len(new)
    assert figures["users"] + sum(figures["rejected"].values()) == len(new)
    return found


@pytest.mark.system
@pytest.mark.parametrize("moment", _MOMENTS)
def test_one_that_was_killed_is_done_again_with_the_same_bytes(
    stage: Stage, whole: dict[str, bytes], moment: int, tmp_path: Path
) -> None:
    clear(stage)
    folder, scratch = Path(stage.store.name), tmp_path / "scratch"
    command = [sys.executable, "-m", "tests.support.closing_kills", str(folder), "crawl", str(scratch)]
    killed = subprocess.run([*command, str(moment)], cwd=_ROOT, capture_output=True, check=False)
    # Depth 1 is written by four writes; who dies at the fifth lives.
    assert killed.returncode == (0 if moment > 4 else -signal.SIGKILL), killed.stderr.decode()[-2000:]
    assert (at(stage).depths() == [0, 1]) is (moment > 4)
    close(at(stage), 0, scratch, tell=quiet)
    assert written(stage) == whole
    # What the dead one left on the disk is gone, too.
    assert list(scratch.iterdir()) == []


def test_several_that_close_at_once_write_the_same(stage: Stage, whole: dict[str, bytes]) -> None:
    clear(stage)
    with ThreadPoolExecutor(4) as pool:
        works = [pool.submit(close, at(stage), 0, stage.work / "scratch", tell=quiet) for _ in range(4)]
        assert len({str(work.result()) for work in works}) == 1
    assert written(stage) == whole


class Killed(BaseException):
    """A worker that dies."""


class Recorded(FolderStore):
    """Records who made which object of a closing, in order; and dies after a number of them.

    The first one is stored once all of `together` have theirs.
    """

    def __init__(
        self,
        folder: Path,
        made: list[tuple[str, str]],
        worker: str,
        lives: int = 0,
        together: Barrier | None = None,
    ) -> None:
        super().__init__(folder)
        self._made, self._worker, self._left, self._together = made, worker, lives, together

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        if self._together:
            self._together.wait(60)
            self._together = None
        version = super().upload(key, path, sha256=sha256)
        if "/closing/" in key:
            self._made.append((self._worker, "/".join(key.split("/")[-2:])))
            self._left -= 1
            if self._left == 0:
                raise Killed
        return version


def in_parts(
    stage: Stage,
    made: list[tuple[str, str]],
    worker: str,
    scratch: Path,
    *,
    lives: int = 0,
    together: Barrier | None = None,
) -> dict[str, Any] | None:
    """What one worker makes of a closing, each part of it of one file; it dies after `lives` objects."""
    crawl, store = at(stage), Recorded(Path(stage.store.name), made, worker, lives, together)
    crawl = crawls.Crawl(store, crawl.keys, crawl.tree, crawl.started)
    return close_in_parts(crawl, 0, scratch, worker=worker, tell=quiet, part_bytes=1)


def parts_left(stage: Stage) -> list[str]:
    return [each.key for each in stage.store.entries(f"{at(stage).here.folder}workers/")]


def test_a_closing_progresses_over_deaths_and_no_finished_part_is_made_again(
    stage: Stage, whole: dict[str, bytes], tmp_path: Path
) -> None:
    clear(stage)
    made: list[tuple[str, str]] = []
    deaths = 0
    for life in range(3 * FILES):
        try:
            # Each dies in the middle of a part, or between two, long before it would be through.
            in_parts(stage, made, f"crawl.{life % 3}", tmp_path, lives=2 * FILES - 1)
            break
        except Killed:
            deaths += 1
            assert written(stage) == {}
    assert deaths > 3
    assert written(stage) == whole
    assert parts_left(stage) == []
    objects = [name for _, name in made]
    # The pages of each file, and the seeds.
    divided = [f"divided-{number}/" for number in range(FILES + 1)]
    parts = {begins: FILES for begins in divided} | {f"compared/{place:02d}": 1 for place in range(FILES)}
    assert all(name.startswith(tuple(parts)) for name in objects)
    for begins, size in parts.items():
        of_part = [name for name in objects if name.startswith(begins)]
        assert len({*of_part}) == size
        finished = next(at for at in range(len(of_part)) if len({*of_part[: at + 1]}) == size)
        assert not of_part[finished + 1 :], objects


def test_workers_share_the_parts_of_a_closing(stage: Stage, whole: dict[str, bytes], tmp_path: Path) -> None:
    clear(stage)
    made: list[tuple[str, str]] = []
    workers = [f"crawl.{number}" for number in range(1, 4)]
    together = Barrier(len(workers))
    with ThreadPoolExecutor(len(workers)) as pool:
        works = [
            pool.submit(in_parts, stage, made, worker, tmp_path, together=together) for worker in workers
        ]
        figures = [work.result() for work in works]
    assert len({str(each) for each in figures if each}) == 1
    assert written(stage) == whole
    assert {worker for worker, _ in made} == {*workers}


def test_parts_of_other_conditions_are_not_used(
    stage: Stage, whole: dict[str, bytes], tmp_path: Path
) -> None:
    clear(stage)
    crawl, made = at(stage), list[tuple[str, str]]()
    tree: dict[str, Any] = {**crawl.tree, "graph": {**crawl.section, "select": {}}}
    store = Recorded(Path(stage.store.name), made, "crawl.1", lives=FILES * (FILES + 1) + 2)
    before = crawls.Crawl(store, crawl.keys, tree, crawl.started)
    with pytest.raises(Killed):
        close_in_parts(before, 0, tmp_path, worker="crawl.1", tell=quiet, part_bytes=1)
    in_parts(stage, made, "crawl.2", tmp_path)
    assert written(stage) == whole
    assert parts_left(stage) == []


def test_a_part_that_is_damaged_is_named(stage: Stage, tmp_path: Path) -> None:
    clear(stage)
    with pytest.raises(Killed):
        in_parts(stage, [], "crawl.1", tmp_path, lives=FILES * (FILES + 1))
    damaged = next(key for key in parts_left(stage) if key.endswith("divided-0/0"))
    path = FolderStore(Path(stage.store.name)).file_of(damaged)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(HarvesterError, match="is damaged") as caught:
        in_parts(stage, [], "crawl.2", tmp_path)
    assert damaged in caught.value.message
    assert caught.value.hint.startswith("Remove it")
    stage.store.remove(damaged)
    assert in_parts(stage, [], "crawl.2", tmp_path)


def test_one_that_was_ended_before_its_conditions_changed_is_closed_by_the_new_ones(
    stage: Stage, whole: dict[str, bytes]
) -> None:
    clear(stage)
    crawl = at(stage)
    # All but the last file, of a closing that selected everybody.
    tree: dict[str, Any] = {**crawl.tree, "graph": {**crawl.section, "select": {}}}
    close(crawls.Crawl(stage.store, crawl.keys, tree, crawl.started), 0, stage.work / "scratch", tell=quiet)
    stage.store.remove(crawl.here.depth(1))
    close(crawl, 0, stage.work / "scratch", tell=quiet)
    assert written(stage) == whole


def test_a_depth_that_is_there_is_not_replaced_by_another(stage: Stage, whole: dict[str, bytes]) -> None:
    clear(stage)
    crawl = at(stage)
    close(crawl, 0, stage.work / "scratch", tell=quiet)
    tree: dict[str, Any] = {**crawl.tree, "graph": {**crawl.section, "select": {}}}
    with pytest.raises(HarvesterError, match="was written meanwhile, with other accounts") as error:
        close(
            crawls.Crawl(stage.store, crawl.keys, tree, crawl.started), 0, stage.work / "scratch", tell=quiet
        )
    assert "`graph reselect crawl`" in error.value.hint
    assert written(stage) == whole


def test_a_damaged_page_is_named_and_nothing_is_written(stage: Stage, tmp_path: Path) -> None:
    clear(stage)
    crawl = at(stage)
    segment, *_ = [each.key for each in stage.store.entries(crawl.keys.harvests) if "/users-2" in each.key]
    path = FolderStore(Path(stage.store.name)).file_of(segment)
    data = path.read_bytes()
    try:
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(HarvesterError, match="its gzip has no end") as error:
            close(crawl, 0, tmp_path / "scratch", tell=quiet)
        assert segment in error.value.message
        assert "verify" in error.value.hint
    finally:
        path.write_bytes(data)
    assert written(stage) == {}
