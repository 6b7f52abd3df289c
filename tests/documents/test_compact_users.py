"""Compact users are written, read and changed as a dict of them would be."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.documents import CompactUsers, compact_in, opened, pieces, value_in, written
from tests.support.examples import examples

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=4)
_USERS = st.dictionaries(
    _TEXTS, st.dictionaries(_TEXTS, st.none() | st.integers(-5, 5) | _TEXTS | st.lists(_TEXTS)), max_size=5
)


@settings(max_examples=examples(300))
@given(_USERS, st.integers(0, 3))
def test_they_are_written_as_a_dict_is(users: dict[str, Any], depth: int) -> None:
    plain: Any = {"b": 1, "users": users, "a": [users]}
    compact: Any = {"b": 1, "users": CompactUsers.of(users.items()), "a": [CompactUsers.of(users.items())]}
    for _ in range(depth):
        plain, compact = {"update": plain}, {"update": compact}
    assert written(compact) == written(plain)
    for option in (0, orjson.OPT_SORT_KEYS, orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2):
        assert b"".join(pieces(compact, option=option)) == orjson.dumps(plain, option=option)


@settings(max_examples=examples(300))
@given(_USERS)
def test_they_are_read_as_a_dict_is(users: dict[str, Any]) -> None:
    text = written({"id": "it", "users": users})
    found = compact_in(text)
    assert isinstance(found["users"], CompactUsers)
    assert list(opened(found)["users"].items()) == list(users.items())
    assert list(found["users"]) == list(users)
    assert all(found["users"][user] == users[user] for user in users)


@pytest.mark.parametrize(
    "text",
    [
        b'{"users": []}',
        b'{"users": null}',
        b"[]",
        b'{"users": {"1": 123456789012345678901234567890}}',
        b'{"users": {"1": "\xff"}}',
        b'{"users": {"1": {}}',
        b'{"users": {"1": tru}}',
    ],
)
def test_what_is_not_users_is_read_as_always(text: bytes) -> None:
    assert _outcome(compact_in, text) == _outcome(value_in, text)


def _outcome(read: Callable[[bytes], Any], text: bytes) -> Any:
    try:
        return read(text)
    except orjson.JSONDecodeError as error:
        return str(error)


def test_they_take_half_of_the_memory_of_objects() -> None:
    text = written(
        {"users": {str(10**15 + n): {"screen_name": f"user{n}", "since_id": str(n)} for n in range(3_000)}}
    )
    assert _memory(compact_in, text) < 0.55 * _memory(value_in, text)


def _memory(read: Callable[[bytes], Any], text: bytes) -> int:
    gc.collect()
    tracemalloc.start()
    found = read(text)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del found
    return size
