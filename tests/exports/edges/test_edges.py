"""Every format holds the same edges, of those lists that count."""

import csv
import gzip
from pathlib import Path
from typing import Any

import duckdb
import networkx  # type: ignore[import-untyped]
import numpy
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import Exit
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person
from tests.support.follow_lists import Page, ended, harvest_of_lists

Edges = set[tuple[str, str]]
_TIMES = ("2026-11-01T09:00:00Z", "2026-11-02T09:00:00Z", "2026-11-03T09:00:00Z")


def _of_csv(to: Path) -> Edges:
    with to.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["Type"] == "Directed" for row in rows)
    return _once([(row["Source"], row["Target"]) for row in rows])


def _of_parquet(to: Path) -> Edges:
    return _once([(str(a), str(b)) for a, b in _rows(f"SELECT source, target FROM read_parquet('{to}')")])


def _rows(query: str) -> list[Any]:
    return duckdb.execute(query).fetchall()


def _of_gexf(to: Path) -> Edges:
    return _once(list(networkx.read_gexf(to).edges()))


def _of_graphml(to: Path) -> Edges:
    return _once(list(networkx.read_graphml(to).edges()))


def _of_npz(to: Path) -> Edges:
    with numpy.load(to) as found:
        ids, indptr, indices = found["ids"], found["indptr"], found["indices"]
        assert (found["format"].item(), tuple(found["shape"])) == (b"csr", (len(ids), len(ids)))
        assert len(found["data"]) == len(indices) == indptr[-1]
        assert list(ids) == sorted(set(ids))
    rows = numpy.repeat(ids, numpy.diff(indptr))
    return _once([(str(a), str(b)) for a, b in zip(rows, ids[indices], strict=True)])


def _of_per_user(to: Path) -> Edges:
    found = []
    for path in to.rglob("*.fws.gz"):
        user = path.name.removesuffix(".fws.gz")
        assert path.parent.name == user[:2]
        found += [(str(each), user) for each in numpy.frombuffer(gzip.decompress(path.read_bytes()), ">u8")]
    return _once(found)


def _once(found: list[tuple[str, str]]) -> Edges:
    assert len(found) == len(set(found))
    return set(found)


READERS = {
    "csv": _of_csv,
    "parquet": _of_parquet,
    "gexf": _of_gexf,
    "graphml": _of_graphml,
    "npz": _of_npz,
    "per-user": _of_per_user,
}


class Typist:
    """Exports a collection, and reads what was written."""

    def __init__(self, person: Person) -> None:
        self.person = person

    @property
    def root(self) -> Path:
        return self.person.folder / "collections"

    def harvest(self, at: str, pages: list[Page], lists: list[Any], **also: Any) -> Path:
        return harvest_of_lists(self.root, CollectionKeys("fans"), at, pages, lists, **also)

    def __call__(self, form: str, *options: str) -> Edges:
        to = self.person.folder / f"written-{form}"
        self.person.output("export", "edges", "fans", "--format", form, *options, "-o", str(to), "--replace")
        return READERS[form](to)


@pytest.fixture
def typist(person: Person) -> Typist:
    return Typist(person)


@pytest.fixture
def fans(typist: Typist) -> Typist:
    """12 was read twice; the second time one follower is gone and one is new. 13 was cut."""
    typist.harvest(_TIMES[0], [Page("12", ["20", "21"])], [ended("12"), ended("13", "protected")])
    typist.harvest(
        _TIMES[1],
        [Page("12", ["21", "22"]), Page("12", ["22", "2244994945"]), Page("13", ["12"])],
        [ended("12"), ended("13", "cut")],
        names={"22": "biz & co"},
    )
    return typist


@pytest.mark.parametrize("form", READERS)
def test_the_last_complete_list_of_each_user_counts(fans: Typist, form: str) -> None:
    assert fans(form) == {("21", "12"), ("22", "12"), ("2244994945", "12")}


@pytest.mark.parametrize("form", READERS)
def test_incomplete_lists_count_when_asked_for(fans: Typist, form: str) -> None:
    assert ("12", "13") in fans(form, "--incomplete")


def test_edges_of_incomplete_lists_are_marked(fans: Typist) -> None:
    to = fans.person.folder
    for form in ("csv", "parquet", "gexf", "graphml", "npz", "per-user"):
        fans(form, "--incomplete")
    with (to / "written-csv").open(newline="") as file:
        assert {row["Source"] for row in csv.DictReader(file) if row["Complete"] == "false"} == {"12"}
    cut = _rows(f"SELECT source FROM read_parquet('{to / 'written-parquet'}') WHERE NOT complete")
    assert cut == [(12,)]
    for graph in (networkx.read_gexf(to / "written-gexf"), networkx.read_graphml(to / "written-graphml")):
        assert [edge for *edge, data in graph.edges(data=True) if not data["complete"]] == [["12", "13"]]
        assert graph.nodes["13"]["list"] == "cut"
    with numpy.load(to / "written-npz") as found:
        assert sorted(found["data"]) == [1, 1, 1, 2]
    assert (to / "written-per-user" / "incomplete.txt").read_text() == "13\tcut\n"


def test_lists_of_one_harvest_or_depth_can_be_chosen(fans: Typist) -> None:
    fans.harvest(_TIMES[2], [Page("20", ["12"])], [ended("20", depth=1)])
    assert fans("csv", "--harvest", _TIMES[0]) == {("20", "12"), ("21", "12")}
    assert fans("csv", "--depth", "1") == {("12", "20")}
    assert len(fans("csv", "--depth", "0")) == 3


def test_a_source_follows_its_target_in_both_directions(typist: Typist) -> None:
    pages = [Page("12", ["20"]), Page("12", ["30"], "following"), Page("20", ["12"], "following")]
    lists = [ended("12"), ended("12", direction="following"), ended("20", direction="following")]
    typist.harvest(_TIMES[0], pages, lists)
    assert typist("csv") == {("20", "12"), ("12", "30")}
    assert typist("parquet", "--direction", "following") == {("20", "12"), ("12", "30")}
    assert typist("per-user") == {("20", "12")}
    told = typist.person("export", "edges", "fans", "--format", "per-user", "-o", "x")
    assert "Left out: 2 lists of accounts that users follow." in told.err
    told = typist.person("export", "edges", "fans", "--format", "per-user", "--direction", "following")
    assert (told.code, "followers only" in told.err) == (2, True)


def test_pages_before_a_list_was_begun_again_do_not_count(typist: Typist) -> None:
    """The first harvest lost its place; the second began with the first page."""
    typist.harvest(_TIMES[0], [Page("12", ["20", "21"])], [])
    typist.harvest(_TIMES[1], [Page("12", ["22"])], [ended("12")])
    assert typist("csv") == {("22", "12")}


def test_a_list_that_took_two_harvests_is_whole(typist: Typist) -> None:
    typist.harvest(_TIMES[0], [Page("12", ["20", "21"])], [])
    typist.harvest(_TIMES[1], [Page("12", ["22"], begun=_TIMES[0])], [ended("12", begun=_TIMES[0])])
    assert typist("csv") == {("20", "12"), ("21", "12"), ("22", "12")}


def test_an_unfinished_list_is_one_of_the_incomplete(typist: Typist) -> None:
    typist.harvest(_TIMES[0], [Page("12", ["20", "21"])], [])
    told = typist.person("export", "edges", "fans", "--json")
    assert (told.json["edges"], told.json["left_out"]) == (0, {"unfinished": 1})
    assert typist("csv", "--incomplete") == {("20", "12"), ("21", "12")}


def test_nodes_have_names_depths_and_what_became_of_their_lists(fans: Typist) -> None:
    fans("gexf")
    graph = networkx.read_gexf(fans.person.folder / "written-gexf")
    nodes = {
        node: (data["label"], data.get("depth"), data.get("list")) for node, data in graph.nodes(data=True)
    }
    assert nodes == {
        "12": ("u12", 0, "complete"),
        "21": ("u21", None, None),
        "22": ("biz & co", None, None),
        "2244994945": ("u2244994945", None, None),
    }


def test_a_seed_that_is_on_no_page_has_the_name_that_its_collection_knows(typist: Typist) -> None:
    typist.harvest(_TIMES[0], [Page("12", ["20"])], [ended("12")])
    typist("graphml")
    graph = networkx.read_graphml(typist.person.folder / "written-graphml")
    assert {node: data["label"] for node, data in graph.nodes(data=True)} == {"12": "jack", "20": "u20"}


def test_lists_that_workers_have_read_are_those_of_their_collection(fans: Typist) -> None:
    pages, lists = [Page("12", ["23"]), Page("30", ["31"])], [ended("12"), ended("30")]
    harvest_of_lists(fans.root, CollectionKeys("fans.1"), _TIMES[2], pages, lists)
    path = fans.root / "fans" / "collection.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), "workers": {"profiles": ["a"]}}))
    assert fans("csv") == {("23", "12"), ("31", "30")}


def test_more_edges_than_fit_in_a_reader_need_force(fans: Typist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.exports.edges.drawing.MOST_EDGES", 2)
    told = fans.person("export", "edges", "fans", "--format", "gexf", "-o", "x.gexf")
    assert (told.code, "--force" in told.err) == (2, True)
    assert not Path("x.gexf").exists()
    assert len(fans("gexf", "--force")) == 3


def test_a_dry_run_counts_edges(fans: Typist) -> None:
    told = fans.person("export", "edges", "fans", "--dry-run")
    assert told.out.startswith("Would write 4 edges of ")
    assert not Path("fans.edges.csv").exists()


def test_what_was_written_is_said_with_lists_that_do_not_count(fans: Typist) -> None:
    told = fans.person("export", "edges", "fans")
    assert told.err.splitlines() == [
        "3 edges written to fans.edges.csv (72B).",
        "They are of 1 list (1 complete).",
        "Left out: 1 list (1 cut); --incomplete includes them.",
    ]


def test_with_json_what_was_written_to_standard_output_is_described_on_standard_error(fans: Typist) -> None:
    told = fans.person("export", "edges", "fans", "-o", "-", "--json")
    assert told.out.startswith("Source,Target,Type\n")
    found = orjson.loads(told.err)
    assert (found["written"], found["edges"], found["lists"]) == ("-", 3, {"complete": 1})


def test_collections_without_lists_are_refused(person: Person) -> None:
    told = person("export", "edges", "election")
    assert told.code == 1
    assert told.err.startswith("election: no lists of followers are stored.")
    assert not list(Path().glob("election*"))


def test_a_damaged_line_is_named_and_left_out(fans: Typist) -> None:
    folder = fans.harvest(_TIMES[2], [], [])
    (folder / "lists.jsonl").write_bytes(b'{"user": 5\n')
    told = fans.person("export", "edges", "fans", "-o", "x.csv")
    assert told.code == 1
    assert "lists.jsonl, line 1: is not a line of a list" in told.err
    assert Path("x.csv").exists()


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_list_of_which_pages_are_not_there_is_damaged_and_not_complete(typist: Typist, damage: str) -> None:
    typist.harvest(_TIMES[0], [Page("12", ["20", "21"]), Page("13", ["20"])], [ended("12"), ended("13")])
    lists = [{**ended("12"), "received": 4, "repeated": 1}, {**ended("13"), "received": 1}]
    pages = [Page("13", ["22"]), Page("12", ["20", "21", "22"]), Page("12", ["22", "23"])]
    folder = typist.harvest(_TIMES[1], pages, lists)
    (edges,) = folder.glob("edges-*")
    whole = edges.read_bytes()
    assert typist("csv") == {("22", "13"), ("20", "12"), ("21", "12"), ("22", "12"), ("23", "12")}
    left = [line for line in gzip.decompress(whole).splitlines(keepends=True) if b'"23"' not in line]
    edges.write_bytes(gzip.compress(b"".join(left)))
    if damage == "missing":
        edges.unlink()
    told = typist.person("export", "edges", "fans", "-o", "x.csv")
    there = {"missing": "0", "cut": "3"}[damage]
    assert told.code == Exit.ERROR
    assert (
        f"The list of followers of 12 has {there} of 5 accounts: files are missing or damaged; "
        "`collection verify fans` names them." in told.err
    )
    assert ("2 damaged" if damage == "missing" else "Left out: 1 list (1 damaged)") in told.err
    assert ",12," not in Path("x.csv").read_text()
    assert typist.person("export", "edges", "fans", "-o", "y.csv", "--skip-bad").code == Exit.OK
    typist.person("export", "edges", "fans", "-o", "z.csv", "--incomplete")
    marked = [line for line in Path("z.csv").read_text().splitlines() if ",12," in line]
    assert all(line.endswith("false") for line in marked) and len(marked) == int(there)


@pytest.mark.parametrize("form", ["parquet", "npz"])
def test_ids_that_are_no_numbers_are_refused_where_there_are_numbers_only(typist: Typist, form: str) -> None:
    typist.harvest(_TIMES[0], [Page("did:plc:x", ['did:plc:"y"'])], [ended("did:plc:x")])
    assert typist("csv") == {('did:plc:"y"', "did:plc:x")}
    assert typist("gexf") == {('did:plc:"y"', "did:plc:x")}
    told = typist.person("export", "edges", "fans", "--format", form, "-o", "x")
    assert (told.code, "is not a number of 63 bits" in told.err) == (2, True)
    assert not list(Path().glob("x*"))


def test_numbers_are_packed_as_differences(fans: Typist) -> None:
    fans("parquet")
    path = fans.person.folder / "written-parquet"
    found = _rows(f"SELECT DISTINCT encodings, compression FROM parquet_metadata('{path}')")
    assert found == [("DELTA_BINARY_PACKED", "ZSTD")]


@pytest.mark.parametrize("form", READERS)
def test_the_same_lists_are_the_same_bytes(fans: Typist, form: str) -> None:
    def read() -> dict[str, bytes]:
        fans(form)
        to = fans.person.folder / f"written-{form}"
        paths = [to] if to.is_file() else sorted(each for each in to.rglob("*") if each.is_file())
        return {str(path): path.read_bytes() for path in paths}

    assert read() == read()


_USERS = st.sampled_from(["1", "9", "12", "480", "2244994945", "1577000000000000009"])
_HARVEST = st.lists(
    st.tuples(
        _USERS,
        st.sampled_from(["followers", "following"]),
        st.lists(st.lists(_USERS, max_size=4), max_size=3),
        st.sampled_from(["complete", "cut", "protected", ""]),
    ),
    max_size=5,
    unique_by=lambda each: each[:2],
)


def _truth(harvests: list[Any], *, only: str = "") -> Edges:
    """By hand: a list may take several harvests, and of each user the last complete one counts."""
    open_pages: dict[Any, list[str]] = {}
    last: dict[Any, list[str]] = {}
    for harvest in harvests:
        for user, direction, pages, outcome in harvest:
            ids = open_pages.setdefault((user, direction), [])
            ids += [each for page in pages for each in page]
            if outcome:
                del open_pages[user, direction]
            if outcome == "complete":
                last[user, direction] = ids
    return {
        (other, user) if direction == "followers" else (user, other)
        for (user, direction), ids in last.items()
        for other in ids
        if direction.startswith(only)
    }


@pytest.mark.system
@given(harvests=st.lists(_HARVEST, min_size=1, max_size=3), memory=st.sampled_from([1, 1 << 20]))
@settings(max_examples=15, deadline=None)
def test_each_format_read_back_holds_the_edges_of_the_lists(
    harvests: list[Any], memory: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("law")
        patch.chdir(folder)
        patch.setenv("TWARC_CLOUD_PROGRESS", "none")
        patch.setattr("harvester.exports.edges.graph._MEMORY", memory)
        patch.setattr("harvester.exports.edges.lists._MEMORY", memory)
        typist = Typist(Person(folder))
        begun: dict[Any, str] = {}
        for at, harvest in zip(_TIMES, harvests, strict=False):
            pages, lists = [], []
            for user, way, found, outcome in harvest:
                begin = begun.setdefault((user, way), at)
                pages += [Page(user, ids, way, begin) for ids in found]
                if outcome:
                    lists.append(ended(user, outcome, way, begun=begun.pop((user, way))))
            typist.harvest(at, pages, lists)
        truth = _truth(harvests)
        for form in ("csv", "parquet", "gexf", "graphml", "npz"):
            assert typist(form) == truth, form
        assert typist("per-user") == _truth(harvests, only="followers")
