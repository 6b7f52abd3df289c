"""An index finds what a reading of all files finds, for any store and any query."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import HarvesterError, StoreAway
from harvester.ledger.cache import Cache, cache_of
from harvester.search.answers import FACETS, Answer, Question, expression_of
from harvester.search.asking import Search
from harvester.search.indexing import update
from harvester.search.prefilter import prefilter
from harvester.search.scan import scan
from harvester.store import Entry
from harvester.store.folder import FolderStore
from harvester.store.keys import TABLES, CollectionKeys
from harvester.store.reading import Reader, reader
from harvester.tables.posts import Tables
from tests.support.searched_store import BEGAN, made_up_store, page, post, post_id, write_harvest
from tests.support.table_rows import build

_COLLECTIONS = ("c0", "c1")
_TERMS = (
    *(
        "flood",
        "floo*",
        "Zürich",
        "zurich",
        "東京",
        "京",
        "東",
        "🔥",
        '"sea level"',
        '"sea level rise"',
        "sea-level",
    ),
    *('"level 東"', "tag:flood", "#zürich", "from:jack", "from:@biz", "from:2", "user:jack", "user:u_1"),
    *("lang:de", "kind:reply", "kind:repost", "kind:included", "has:geo", "has:link", "has:media"),
    *("collection:c0", "since:2026-11-01", "until:2026-11-01", "since:2026-10-31T12:30", "near:0,0,9000"),
    *("near:47,179,6000", "near:85,0,3000", "missing", "a", "don't", "OR", "(", ")", '"', "until:2026"),
)
_QUERIES = st.lists(
    st.tuples(st.sampled_from(("", "", "-")), st.sampled_from(_TERMS)).map("".join), max_size=5
).map(" ".join)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, Cache]:
    folder = tmp_path_factory.mktemp("searched")
    made_up_store(folder, Random(7))
    store = FolderStore(folder)
    cache = cache_of(store.name, str(folder / "cache"))
    update(cache, reader(store), _COLLECTIONS, whole_store=True)
    for name in _COLLECTIONS:
        build(store, CollectionKeys(name))
    return reader(store), cache


@pytest.fixture(scope="module")
def tables(place: tuple[Reader, Cache]) -> Tables:
    store = FolderStore(Path(place[0].name))
    return Tables(store, place[0], place[1].folder / "tables")


@pytest.fixture(scope="module")
def search(place: tuple[Reader, Cache]) -> Iterator[Search]:
    yield Search(place[1])


def _comparable(answer: Answer) -> tuple[object, ...]:
    """All but where it comes from, and which of values with as many posts are among the first ten."""
    facets = {
        name: found if name == "day" else sorted(posts for _, posts in found)
        for name, found in answer.facets.items()
    }
    hits = sorted((hit.document() for hit in answer.hits), key=repr)
    return answer.count, facets, sorted(answer.cells), hits, answer.warnings, answer.exact


@given(query=_QUERIES, included=st.booleans(), one=st.booleans())
def test_an_index_finds_what_a_reading_of_all_files_finds(
    place: tuple[Reader, Cache], search: Search, query: str, included: bool, one: bool
) -> None:
    asked = _COLLECTIONS[:1] if one else ()
    question = Question(query, asked, limit=1000, facets=FACETS, cells=True, included=included)
    try:
        # With so little memory the copies of posts are on disk.
        expected = scan(place[0], _COLLECTIONS, question, memory=20_000)
    except HarvesterError as error:
        with pytest.raises(HarvesterError) as caught:
            search.ask(question)
        assert str(caught.value) == str(error)
    else:
        assert _comparable(search.ask(question)) == _comparable(expected)


@pytest.mark.system
@given(query=_QUERIES, included=st.booleans())
@settings(max_examples=12)
def test_tables_are_read_to_the_same_answer_as_all_files(
    place: tuple[Reader, Cache], tables: Tables, query: str, included: bool
) -> None:
    question = Question(query, limit=1000, facets=FACETS, cells=True, included=included)
    try:
        expected = scan(place[0], _COLLECTIONS[:1], question)
    except HarvesterError:
        return
    found = scan(place[0], _COLLECTIONS[:1], question, tables=tables)
    assert found.source == "tables"
    assert found.hits == expected.hits
    assert _comparable(found) == _comparable(expected)


def test_each_term_is_found_in_tables_as_often_as_in_files(
    place: tuple[Reader, Cache], search: Search, tables: Tables
) -> None:
    posts = tables.posts(CollectionKeys("c0"))
    assert posts
    found = {}
    with posts.opened() as opened:
        for term in _TERMS:
            question = Question(term, ["c0"])
            where = prefilter(expression_of(question)[0], "c0")
            found[term] = next(opened.select("count(DISTINCT id)", where))[0] >= search.ask(question).count
    assert found == dict.fromkeys(_TERMS, True)


def test_tables_that_may_not_be_listed_are_done_without(place: tuple[Reader, Cache], tables: Tables) -> None:
    class Closed(FolderStore):
        def entries(self, prefix: str) -> Iterator[Entry]:
            if prefix.startswith(TABLES):
                raise StoreAway("The store refuses it.")
            return super().entries(prefix)

    keys = CollectionKeys("c0")
    assert tables.posts(keys)
    assert replace(tables, store=Closed(Path(place[0].name))).posts(keys) is None
    assert replace(tables, store=FolderStore(Path(place[0].name, "no-such"))).posts(keys) is None


def test_there_is_something_to_find(search: Search) -> None:
    counts = {term: search.ask(Question(term)).count for term in _TERMS if len(term) > 2}
    assert [term for term, count in counts.items() if not count] == ["has:media", "missing"]


@given(query=st.text(max_size=40))
def test_any_text_is_answered_or_refused_in_one_line(search: Search, query: str) -> None:
    try:
        found = search.ask(Question(query))
    except HarvesterError as error:
        assert "\n" not in str(error)
    else:
        assert found.count >= 0


@pytest.mark.parametrize(
    ("query", "indexed"),
    [("", True), ("flood OR climate", True), ("collection:c1", True), ("tag:flood", False)],
)
def test_pages_follow_each_other_without_a_gap_or_a_post_twice(
    place: tuple[Reader, Cache], search: Search, query: str, indexed: bool
) -> None:
    def ask(question: Question) -> Answer:
        return search.ask(question) if indexed else scan(place[0], _COLLECTIONS, question)

    everything = ask(Question(query, limit=1000))
    assert ask(Question(query, limit=0)).count == everything.count
    paged, before = [], ""
    while True:
        answer = ask(Question(query, limit=7, before=before))
        assert answer.count == everything.count
        paged += answer.hits
        if not (before := answer.next):
            break
    assert paged == everything.hits
    assert [hit.key for hit in paged] == sorted((hit.key for hit in paged), reverse=True)


def test_two_collections_with_the_same_post_have_it_on_two_pages(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        write_harvest(tmp_path, name, BEGAN, [[page([post(post_id(BEGAN), "same")], BEGAN)]])
    cache = cache_of(str(tmp_path), str(tmp_path / "cache"))
    update(cache, reader(FolderStore(tmp_path)), ("one", "two", "three"), whole_store=True)
    found, before = [], ""
    for _ in range(3):
        answer = Search(cache).ask(Question("same", limit=1, before=before))
        found += [hit.collection for hit in answer.hits]
        before = answer.next
    assert sorted(found) == ["one", "three", "two"]


def test_posts_of_before_keys_begin_and_of_the_last_key_have_pages(tmp_path: Path) -> None:
    old = [
        {"id": f"{year}", "text": "old", "author_id": "12", "created_at": f"{year}-03-21T20:50:14.000Z"}
        for year in range(2006, 2010)
    ]
    write_harvest(tmp_path, "c", BEGAN, [[page([*old, post(2**63 - 1, "new")], BEGAN)]])
    cache = cache_of(str(tmp_path), str(tmp_path / "cache"))
    update(cache, reader(FolderStore(tmp_path)), ["c"], whole_store=True)
    for ask in (Search(cache).ask, lambda question: scan(reader(FolderStore(tmp_path)), ["c"], question)):
        found, before = [], ""
        for _ in range(5):
            answer = ask(Question(limit=1, before=before))
            found += [hit.id for hit in answer.hits]
            before = answer.next
        assert found == [str(2**63 - 1), "2009", "2008", "2007", "2006"]


def test_the_best_hits_have_the_word_more_often(tmp_path: Path) -> None:
    texts = ["flood and much else that is long", "flood flood flood", "dry"]
    posts = [post(post_id(BEGAN, at), text) for at, text in enumerate(texts)]
    write_harvest(tmp_path, "c", BEGAN, [[page(posts, BEGAN)]])
    cache = cache_of(str(tmp_path), str(tmp_path / "cache"))
    update(cache, reader(FolderStore(tmp_path)), ["c"], whole_store=True)
    answer = Search(cache).ask(Question("flood", sort="best"))
    assert [hit.text for hit in answer.hits] == ["flood flood flood", "flood and much else that is long"]


def test_a_hit_says_where_its_bytes_are(place: tuple[Reader, Cache], search: Search) -> None:
    hit = search.ask(Question("kind:post", limit=1)).hits[0]
    from harvester.reading import local_lines

    name = f"{place[0].name}/{hit.file.removeprefix('collections/')}"
    line = next(line for line in local_lines(name) if line.number == hit.line)
    assert hit.id in [row.id for row in line.rows.posts]
    assert search.post(hit.collection, hit.id) == hit


@pytest.mark.parametrize("before", ["x", "1.-1", "1.x", str(2**63), str(-(2**63) - 1), "1.99999999"])
def test_a_page_that_does_not_exist_is_refused(before: str) -> None:
    with pytest.raises(HarvesterError, match="is not where a page ends"):
        Question(before=before)


def test_without_an_index_nothing_is_found(tmp_path: Path) -> None:
    search = Search(cache_of("nothing", str(tmp_path)))
    assert not search.exists
    assert search.ask(Question("flood")).count == 0
    assert not [*tmp_path.iterdir()]
