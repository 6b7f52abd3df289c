"""A depth of a stored crawl is closed: also by one that is killed and done again, and by several at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import HarvesterError
from harvester.graph import crawls
from harvester.graph.close import PARTS, close, write_part
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.crawls import truth
from tests.support.harvest_stage import Stage, staged

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
        found.harvest("crawl")
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


def test_a_closing_in_parts_writes_the_same_as_one_in_one_piece(
    stage: Stage, whole: dict[str, bytes], tmp_path: Path
) -> None:
    clear(stage)
    crawl = at(stage)
    keys = [f"{crawl.here.folder}workers/0/closing/{part}" for part in range(PARTS)]
    # Some twice, as by a second worker.
    for part in (*range(PARTS), 3):
        write_part(crawl, 0, part, keys[part], tmp_path / "scratch", tell=quiet)
    assert len({stage.store.read(key).data for key in keys}) > 1
    close(crawl, 0, tmp_path / "scratch", tell=quiet, parts=keys)
    assert written(stage) == whole
    for key in keys:
        stage.store.remove(key)


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
    (segment,) = [each.key for each in stage.store.entries(crawl.keys.harvests) if "/users-2" in each.key]
    path = FolderStore(Path(stage.store.name))._path(segment)
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
