"""A network is the same file whether its edges are counted in tables or in records, for any store."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.exports.network.write import write
from harvester.exports.posts import Posts, Stored, Whole
from harvester.exports.selection import Selection
from harvester.exports.written import Written
from harvester.networks.registry import usual
from harvester.reading.files import record_files
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from harvester.tables.compact import compact
from harvester.tables.posts import Tables
from tests.support.cli_session import Person
from tests.support.examples import examples
from tests.support.searched_store import BEGAN, page, post, post_id, write_harvest
from tests.support.table_rows import build

_KEYS = CollectionKeys("c")
_EDGES = ("mention", "repost", "reply", "quote")
# The last one becomes half of a surrogate pair.
_NAMES = ("jack", "Jack", "biz", "UPPER", "a\0<&\"'", "HALF")
_SELECTIONS = (
    Selection(),
    Selection(included=True),
    Selection(kinds=frozenset(("reply", "quote"))),
    Selection(since="2026-11-01T09:00:01.000Z", until="2026-11-01T09:00:03.000Z"),
)
_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"format": "jsonl"},
    {"format": "jsonl", "edges": ("mention",)},
    {"format": "graphml", "edges": ("reply", "quote"), "between_collected": True},
    {"format": "jsonl", "min_weight": 2, "top": 4},
)


def _post(draw: Random, number: int) -> dict[str, Any]:
    """One of few accounts that refers to other posts and accounts; several have the same time."""
    begins = draw.choice(("RT @jack: a", "RT", "b"))
    mentions: list[dict[str, Any]] = [
        {"username": draw.choice(_NAMES), "id": str(draw.randint(1, 6))} for _ in range(draw.randint(0, 3))
    ]
    if mentions and draw.random() < 0.2:
        mentions[0].pop(draw.choice(("id", "username")))
    more: dict[str, Any] = {"author_id": str(draw.randint(1, 5)), "entities": {"mentions": mentions}}
    if draw.random() < 0.6:
        kinds = draw.sample(("retweeted", "replied_to", "quoted"), draw.randint(1, 2))
        near = [post_id(BEGAN + timedelta(seconds=draw.randint(0, 4)), draw.randint(0, 6)) for _ in kinds]
        more["referenced_tweets"] = [
            {"type": kind, "id": str(each)} for kind, each in zip(kinds, near, strict=True)
        ]
    if draw.random() < 0.2:
        more["in_reply_to_user_id"] = str(draw.randint(1, 9))
    made = post(post_id(BEGAN + timedelta(seconds=draw.randint(0, 4)), number), begins, **more)
    if draw.random() < 0.1:
        del made["author_id"]
    if draw.random() < 0.1:
        # A time that is not of the id; without one it is that of the id.
        made |= {"id": str(number), "created_at": draw.choice(("", "Sun Nov 01 09:00:02 +0000 2026"))}
    return made


def _store(folder: Path, draw: Random) -> None:
    """Harvests with pages whose posts, included posts and accounts repeat, under changing names."""
    for at in range(draw.randint(1, 3)):
        files = [
            [
                _page(
                    [_post(draw, draw.randint(0, 6)) for _ in range(draw.randint(0, 4))],
                    BEGAN + timedelta(hours=draw.randint(0, 9)),
                    included=[_post(draw, draw.randint(0, 6)) for _ in range(draw.randint(0, 3))],
                    users=[
                        {"id": str(user), "username": draw.choice((*_NAMES, ""))}
                        for user in draw.sample(range(1, 6), draw.randint(0, 3))
                    ],
                )
                for _ in range(draw.randint(1, 3))
            ]
            for _ in range(draw.randint(1, 2))
        ]
        write_harvest(folder, _KEYS.id, BEGAN + timedelta(minutes=at), files)


def _page(*content: Any, **more: Any) -> bytes:
    return page(*content, **more).replace(b"HALF", rb"\ud83d")


def _written(
    store: FolderStore, to: Path, selection: Selection, options: Mapping[str, Any], *, tables: bool
) -> Written:
    source = reader(store)
    found = Tables(store, source, to.parent / "cache") if tables else None
    posts = Posts(
        [Stored(source, file) for file in record_files(source, _KEYS)],
        usual(),
        selection,
        whole=Whole(source, (_KEYS,), found),
    )
    return write(posts, str(to), {"edges": _EDGES, **options})


def _both(store: FolderStore, folder: Path, selection: Selection, options: Mapping[str, Any]) -> str:
    """What was read where there are tables; fails unless the file is that of the records."""
    ours, expected = folder / "tables", folder / "records"
    found = _written(store, ours, selection, options, tables=True)
    records = _written(store, expected, selection, options, tables=False)
    assert ours.read_text() == expected.read_text()
    assert replace(found, figures={}, notes=()) == replace(records, figures={}, notes=())
    assert records.figures["source"] == "records"
    return str(found.figures["source"])


@pytest.mark.system
@given(
    seed=st.integers(0, 1 << 30),
    compacted=st.booleans(),
    selection=st.sampled_from(_SELECTIONS),
    options=st.sampled_from(_OPTIONS),
)
@settings(max_examples=examples(40))
def test_a_network_of_tables_is_that_of_the_records(
    seed: int, selection: Selection, options: dict[str, Any], *, compacted: bool
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = FolderStore(folder / "collections")
        _store(folder / "collections", Random(seed))
        build(store, _KEYS)
        if compacted:
            compact(store, _KEYS.id, f"{BEGAN:%Y-%m}")
        assert _both(store, folder, selection, options) == "tables"


_FOREIGN = {"entities": {"mentions": [{"username": "\u0130x"}]}}
_TWICE = [{"id": "1", "username": "jack"}, {"id": "1", "username": "biz"}]
_MENTION = {"author_id": "1", "entities": {"mentions": [{"username": "biz", "id": "2"}]}}
_NO_TIME = {**_MENTION, "created_at": "2026-11-31T09:00:00.000Z"}


@pytest.mark.parametrize(
    ("more", "users", "selection"),
    [
        (_FOREIGN, [], Selection()),
        (_MENTION, _TWICE, Selection()),
        (_NO_TIME, [], Selection()),
        (_MENTION, [], Selection(users=frozenset(("1",)))),
        (_MENTION, [], Selection(harvested_since="2026-11-01T00:00:00.000Z")),
    ],
    ids=["foreign name", "two names in a record", "no time", "of an account", "by harvest"],
)
def test_records_are_read_where_tables_may_show_another_network(
    tmp_path: Path, more: dict[str, Any], users: list[dict[str, Any]], selection: Selection
) -> None:
    store = FolderStore(tmp_path / "collections")
    made = {**post(post_id(BEGAN), "x"), **more}
    write_harvest(tmp_path / "collections", _KEYS.id, BEGAN, [[page([made], BEGAN, users=users)]])
    build(store, _KEYS)
    assert _both(store, tmp_path, selection, {}) == "records"


def test_records_are_read_unless_tables_have_all_of_them(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    line = page([{**post(post_id(BEGAN), "x"), **_MENTION}], BEGAN)
    write_harvest(tmp_path / "collections", _KEYS.id, BEGAN, [[line]])
    assert _both(store, tmp_path, Selection(), {}) == "records"
    build(store, _KEYS)
    assert _both(store, tmp_path, Selection(), {}) == "tables"
    (missing,) = write_harvest(tmp_path / "collections", _KEYS.id, BEGAN + timedelta(hours=1), [[line]])
    build(store, _KEYS)
    missing.unlink()
    build(store, _KEYS)
    assert _both(store, tmp_path, Selection(), {}) == "records"
    write_harvest(tmp_path / "collections", _KEYS.id, BEGAN + timedelta(hours=1), [[line, b"{"]])
    assert _both(store, tmp_path, Selection(), {}) == "records"
    assert build(store, _KEYS, skip_bad=True).bad
    assert _both(store, tmp_path, Selection(), {}) == "records"
    # Also when they are combined.
    compact(store, _KEYS.id, f"{BEGAN:%Y-%m}")
    assert _both(store, tmp_path, Selection(), {}) == "records"


def test_the_command_says_what_was_read(person: Person) -> None:
    assert "tables" not in person("export", "network", "election", "-o", "a.gexf").err
    assert person("tables", "build", "election").code == 0
    told = person("export", "network", "election", "-o", "b.gexf")
    assert "They were counted in the tables of these collections.\n" in told.err
    assert person("export", "network", "election", "-o", "c.gexf", "--json").json["source"] == "tables"
    first, second, third = (Path(f"{name}.gexf").read_bytes() for name in "abc")
    assert first == second == third
