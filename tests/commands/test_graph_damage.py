"""A damaged file of a crawl is said in one line, and nothing is spent on it; what can be made again is."""

import gzip
from collections.abc import Iterator

import pytest

from harvester.errors import HarvesterError
from harvester.graph.approval import CLOSE, next_step
from harvester.graph.close import close
from tests.commands.test_graph import add
from tests.support.cli_session import Person
from tests.support.crawls import crawl, here_of, latest
from tests.support.harvest_stage import Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("damage"), users=400, degrees="pareto:1.2:3") as found:
        yield found


@pytest.fixture
def person(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(stage.work.parent)
    return Person(stage.work.parent)


def damage(stage: Stage, key: str, data: bytes) -> None:
    stage.store.remove(key)
    stage.store.create(key, data)


def test_a_damaged_last_depth_is_said_in_one_line_and_made_again(stage: Stage, person: Person) -> None:
    add(stage, "hurt", stage.accounts[75:77])
    crawl(stage, "hurt")
    key = here_of(stage, "hurt").depth(1)
    data = stage.store.read(key).data
    damage(stage, key, data[:-9])
    for command in ("frontier", "status"):
        told = person("graph", command, "hurt")
        assert (told.code, told.err.count("\n")) == (1, 1), told
        assert "depth-1.txt.gz" in told.err and "is damaged: its gzip has no end." in told.err
        assert "`graph reselect hurt` makes it again from the stored pages, for $0." in told.err
    person.output("graph", "reselect", "hurt")
    assert stage.store.read(key).data == data


def test_a_harvest_spends_nothing_on_a_crawl_with_a_damaged_file_that_it_then_makes_again(
    stage: Stage, person: Person
) -> None:
    add(stage, "cut", stage.accounts[80:82], max_depth=1, budget_usd=3)
    crawl(stage, "cut")
    here = here_of(stage, "cut")
    person.output(*["graph", "approve", "cut", "--depth", "1", "--usd", "0.5"])
    assert crawl(stage, "cut").limit == "budget"
    person.output(*["graph", "approve", "cut", "--depth", "1", "--usd", "0.8"])
    before = {name: stage.store.read(name).data for name in (here.depth(1), here.order(1), here.figures(1))}
    billed = [each.harvest for each in latest(stage, "cut").harvests()]
    for key in (here.order(1), here.depth(1)):
        damage(stage, key, before[key][:20])
        report = person("collection", "verify", "cut")
        assert report.code == 12
        assert f"CORRUPT           {key}" in report.out
        with pytest.raises(HarvesterError) as caught:
            crawl(stage, "cut")
        told = person("graph", "status", "cut")
        assert (told.code, told.err.count("\n")) == (1, 1), told
        assert str(caught.value).startswith(f"{key} in ")
        names = [each.rpartition("/")[2] for each in dict.fromkeys([key, here.depth(1)])]
        assert f"or remove {' and '.join(names)}: the next harvest makes the same again" in told.err
        assert [each.harvest for each in latest(stage, "cut").harvests()] == billed
        for each in {key, here.depth(1)}:
            stage.store.remove(each)
        found = latest(stage, "cut")
        assert next_step(found, stage.work / "again").step == CLOSE
        close(found, 0, stage.work / "again", tell=lambda *_: None)
        assert before == {name: stage.store.read(name).data for name in before}
    assert crawl(stage, "cut").limit == "budget"


def test_ids_that_cannot_be_read_are_damage_and_depth_0_can_only_be_restored(
    stage: Stage, person: Person
) -> None:
    add(stage, "ids0", stage.accounts[85:87], max_depth=1)
    crawl(stage, "ids0")
    key = here_of(stage, "ids0").depth(0)
    damage(stage, key, gzip.compress(b"12\n\xff\x00\n"))
    report = person("collection", "verify", "ids0")
    assert (report.code, "its line 2 has no id" in report.out) == (12, True), report
    told = person("graph", "status", "ids0")
    assert told.err.endswith(" is damaged: its line 2 has no id. Restore an earlier version of it.\n"), (
        told.err
    )
