"""Networks are read by networkx, have the edges of twarc-network, and keep to the limits that are set."""

import csv
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import networkx  # type: ignore[import-untyped]
import pytest
import twarc_network  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from harvester.exports.network.edges import KINDS
from harvester.exports.network.tally import Tally
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.stored_records import collection_of

_READERS = {"gexf": networkx.read_gexf, "graphml": networkx.read_graphml}


def _read(person: Person, collection: str, *options: str, form: str = "gexf") -> Any:
    to = person.folder / f"read.{form}"
    person.output("export", "network", collection, *options, "--format", form, "-o", str(to), "--replace")
    return _READERS[form](to)


def _edges(graph: Any) -> dict[tuple[str, str], int]:
    return {(source, target): int(data["weight"]) for source, target, data in graph.edges(data=True)}


@pytest.mark.parametrize("form", _READERS)
def test_each_format_is_read_by_networkx(person: Person, form: str) -> None:
    graph = _read(person, "election", form=form)
    assert _edges(graph) == {("12", "13"): 11}
    data = graph.edges["12", "13"]
    # The quote is stored three times, the repost twice; the quote answers and mentions, too.
    assert {kind: data.get(kind, 0) for kind in KINDS[:4]} == {
        "mention": 3,
        "repost": 2,
        "reply": 3,
        "quote": 3,
    }
    assert (data["first"], data["last"]) == ("2022-10-03T18:20:00.000Z", "2022-10-03T18:30:00.000Z")
    assert data["sample"] == "1577000000000000009"
    assert {node: (d["label"], d["kind"]) for node, d in graph.nodes(data=True)} == {
        "12": ("jack", "user"),
        "13": ("biz", "user"),
    }


def test_tables_have_the_columns_of_gephi(person: Person) -> None:
    person.output("export", "network", "election", "--format", "csv", "-o", "tables")
    with Path("tables/nodes.csv").open(newline="") as file:
        assert [row["Label"] for row in csv.DictReader(file)] == ["jack", "biz"]
    with Path("tables/edges.csv").open(newline="") as file:
        (edge,) = csv.DictReader(file)
    assert {name: edge[name] for name in ("Source", "Target", "Type", "Weight", "mention")} == {
        "Source": "12",
        "Target": "13",
        "Type": "Directed",
        "Weight": "11",
        "mention": "3",
    }


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("gexf", "election.gexf"),
        ("graphml", "election.graphml"),
        ("csv", "election-network"),
        ("jsonl", "election.network.jsonl"),
    ],
)
def test_the_ending_follows_the_format(person: Person, form: str, name: str) -> None:
    assert person("export", "network", "election", "--format", form, "--json").json["written"] == name
    assert Path(name).exists()


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "n.csv"),
        ("-o", "n.graphml.gz"),
        ("--format", "graphml", "-o", "n.gexf"),
        ("--format", "csv", "-o", "n.csv"),
    ],
)
def test_a_name_that_says_another_format_is_refused(person: Person, options: tuple[str, ...]) -> None:
    told = person("export", "network", "election", *options)
    assert (told.code, "Choose another name with -o, or another --format." in told.err) == (2, True)
    assert not list(Path().glob("n.*"))


def test_no_nodes_at_all_cannot_be_asked_for(person: Person) -> None:
    assert person("export", "network", "election", "--top", "0").code == 2


def test_lines_are_nodes_and_then_edges(person: Person) -> None:
    lines = person.output("export", "network", "election", "--format", "jsonl", "-o", "-").splitlines()
    first, second, edge = map(json.loads, lines)
    assert (first["node"]["id"], second["node"]["id"], edge["edge"]["weight"]) == ("12", "13", 11)


def _theirs(records: list[bytes], tmp_path: Path) -> Any:
    infile = tmp_path / "records.jsonl"
    infile.write_bytes(b"\n".join(records))
    with infile.open(encoding="utf-8") as lines:
        return twarc_network.get_graph(lines, "users", ("retweet", "reply", "quote", "mention"), True)


def test_edges_of_real_posts_are_those_of_twarc_network(real_person: Person, tmp_path: Path) -> None:
    """And those to accounts whose posts X did not send along: an answered account is named in the answer."""
    records = real_person.output("export", "jsonl", "real", "-o", "-").encode().splitlines()
    with_ids = [line for line in records if _mentions_have_ids(json.loads(line))]
    assert len(with_ids) > 250
    collection_of(tmp_path / "collections", "some", [with_ids])
    theirs, ours = _theirs(with_ids, tmp_path), _read(real_person, "some")
    names = {"mention": "mention", "repost": "retweet", "quote": "quote"}
    for kind, name in names.items():
        expected = {(a, b): d[name] for a, b, d in theirs.edges(data=True) if d.get(name)}
        found = {(a, b): int(d[kind]) for a, b, d in ours.edges(data=True) if d.get(kind)}
        assert {edge: n for edge, n in found.items() if expected.get(edge) != n} == {}, kind
        assert set(found) == set(expected)
        assert len(found) > 10
    answers = {(a, b): d["reply"] for a, b, d in theirs.edges(data=True) if d.get("reply")}
    found = {(a, b): int(d["reply"]) for a, b, d in ours.edges(data=True) if d.get("reply")}
    assert {edge: n for edge, n in answers.items() if found.get(edge, 0) < n} == {}


def _mentions_have_ids(post: dict[str, Any]) -> bool:
    """twarc-network needs them, with their places."""
    mentions = (post.get("entities") or {}).get("mentions", ())
    return all("id" in each and "start" in each for each in mentions)


def _posts(*found: tuple[str, list[str], list[str]]) -> list[dict[str, Any]]:
    """Posts of an author who mentions accounts, with hashtags."""
    return [
        {
            "data": [
                {
                    "id": str(1577000000000000000 + number),
                    "text": "x",
                    "author_id": author,
                    "entities": {
                        "mentions": [{"id": each, "username": f"u{each}"} for each in mentions],
                        "hashtags": [{"tag": tag} for tag in tags],
                    },
                }
            ]
        }
        for number, (author, mentions, tags) in enumerate(found)
    ]


@pytest.fixture
def small(person: Person) -> Person:
    """1 mentions 2 twice and 3 once, 2 mentions 1, 4 mentions 9, who wrote nothing."""
    posts = _posts(
        ("1", ["2", "3"], ["A", "b"]), ("1", ["2"], ["a", "B", "c"]), ("2", ["1"], []), ("4", ["9"], [])
    )
    collection_of(person.folder / "collections", "small", [posts])
    return person


@pytest.mark.parametrize(
    ("options", "nodes", "edges"),
    [
        ((), "12349", {("1", "2"): 2, ("1", "3"): 1, ("2", "1"): 1, ("4", "9"): 1}),
        (("--min-weight", "2"), "12", {("1", "2"): 2}),
        (("--min-degree", "2"), "12", {("1", "2"): 2, ("2", "1"): 1}),
        (("--top", "2"), "12", {("1", "2"): 2, ("2", "1"): 1}),
        (("--top", "3"), "123", {("1", "2"): 2, ("1", "3"): 1, ("2", "1"): 1}),
        (("--top", "4"), "1234", {("1", "2"): 2, ("1", "3"): 1, ("2", "1"): 1}),
        (("--between-collected",), "12", {("1", "2"): 2, ("2", "1"): 1}),
    ],
)
def test_limits_are_kept(
    small: Person, options: tuple[str, ...], nodes: str, edges: dict[tuple[str, str], int]
) -> None:
    graph = _read(small, "small", *options)
    assert sorted(graph.nodes) == sorted(nodes)
    assert _edges(graph) == edges


def test_hashtags_are_connected_where_they_stand_together(small: Person) -> None:
    graph = _read(small, "small", "--edges", "hashtag-cooccurrence")
    assert not graph.is_directed()
    found = {tuple(sorted(edge)): weight for edge, weight in _edges(graph).items()}
    assert found == {("#a", "#b"): 2, ("#a", "#c"): 1, ("#b", "#c"): 1}
    used = _read(small, "small", "--edges", "user-hashtag")
    assert _edges(used) == {("1", "#a"): 2, ("1", "#b"): 2, ("1", "#c"): 1}
    assert used.nodes["#a"]["kind"] == "hashtag"


@pytest.mark.parametrize("form", _READERS)
def test_names_that_are_no_xml_are_read_by_another_program(person: Person, form: str) -> None:
    hostile = "a\x00b\x0b<script>\"'&\uffff\u202e\ud83d]]>"
    page = record_forms.page()
    page["includes"]["users"][0]["username"] = hostile
    page["data"][0]["entities"]["hashtags"] = [{"tag": "t\x01<a>"}]
    collection_of(person.folder / "collections", "hostile", [[page]])
    graph = _read(person, "hostile", "--edges", "mention", "--edges", "user-hashtag", form=form)
    assert graph.nodes["12"]["label"] == "ab<script>\"'&\u202e?]]>"
    assert "#t<a>" in graph.nodes


_CONNECTIONS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from(KINDS)))


@given(_CONNECTIONS, st.integers(1, 4))
def test_connections_are_counted_whether_they_fit_in_memory_or_not(
    connections: list[tuple[str, str, str]], most: int
) -> None:
    with Tally(most=most) as tally:
        for number, (source, target, kind) in enumerate(connections):
            tally.add((source, target), kind, f"{number % 7}", f"p{number}")
        found = {(edge.source, edge.target): edge for edge in tally}
    assert list(found) == sorted({(source, target) for source, target, _ in connections})
    assert Counter({(*ends, kind): n for ends, e in found.items() for kind, n in e.kinds.items()}) == Counter(
        connections
    )
    for ends, edge in found.items():
        times = [f"{number % 7}" for number, each in enumerate(connections) if each[:2] == ends]
        assert (edge.first, edge.last) == (min(times), max(times))


def test_all_pairs_of_hashtags_are_edges(person: Person) -> None:
    tags = [f"t{number:02}" for number in range(12)]
    collection_of(person.folder / "collections", "tags", [_posts(("1", [], tags))])
    graph = _read(person, "tags", "--edges", "hashtag-cooccurrence")
    pairs = {tuple(sorted(edge)) for edge in graph.edges}
    assert pairs == {(f"#{one}", f"#{other}") for one, other in combinations(tags, 2)}
