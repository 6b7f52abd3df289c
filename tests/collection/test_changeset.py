"""The laws of changes: what a diff says gives the new tree, and two patches in turn are one."""

import copy
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.collection.changeset import apply, diff, merge_into, merged, patched, same
from harvester.documents import CompactUsers, opened, written
from tests.support.examples import examples

_KEYS = ("a", "b", "c", "users", "123", "")
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    0.5,
    "",
    "<",
    "é",
    [],
    [1],
    [True],
    [1, 2],
    [{"a": 1}],
    [{"a": True}],
)


def _tree(draw: Random, depth: int = 4) -> dict[str, Any]:
    def value() -> Any:
        return _tree(draw, depth - 1) if depth and draw.random() < 0.4 else draw.choice(_VALUES)

    return {key: value() for key in draw.sample(_KEYS, draw.randrange(len(_KEYS)))}


def _trees() -> st.SearchStrategy[Any]:
    # Grown from a seed, ten times as fast as hypothesis would draw each leaf: so there may be thousands.
    return st.integers(0, 1 << 32).map(lambda seed: _tree(Random(seed)))


def _exactly(one: Any, other: Any) -> bool:
    """Equal as JSON: in Python True is 1 and 1 is 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_exactly(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_exactly, one, other))
    return type(one) is type(other) and one == other


@settings(max_examples=examples(3000))
@given(_trees(), _trees())
def test_applying_the_difference_gives_the_new_tree(old: Any, new: Any) -> None:
    assert _exactly(apply(old, *diff(old, new)), new)


@settings(max_examples=examples(1000))
@given(_trees(), _trees())
def test_what_is_equal_has_no_difference_and_what_is_not_has_one(old: Any, new: Any) -> None:
    assert diff(old, copy.deepcopy(old)) == ({}, [])
    assert (diff(old, new) == ({}, [])) == _exactly(old, new)


def _with_compact_users(tree: Any) -> Any:
    users = tree.get("users")
    return {**tree, "users": CompactUsers.of(users.items())} if isinstance(users, dict) else tree


@settings(max_examples=examples(1000))
@given(_trees(), _trees(), _trees(), st.sampled_from([(True, True), (True, False), (False, True)]))
def test_compact_users_change_as_others_do(old: Any, new: Any, patch: Any, which: Any) -> None:
    one, other = (
        _with_compact_users(tree) if compact else tree
        for tree, compact in zip((old, new), which, strict=True)
    )
    update, delete = diff(one, other)
    assert written([update, delete]) == written(list(diff(old, new)))
    assert _exactly(opened(apply(one, update, delete)), new)
    assert same(one, other) == _exactly(old, new)
    assert same(one, old)
    assert _exactly(opened(patched(one, patch)), opened(patched(old, patch)))


@settings(max_examples=examples(1000))
@given(_trees(), _trees())
def test_diff_and_apply_leave_their_arguments_as_they_are(old: Any, new: Any) -> None:
    before = copy.deepcopy((old, new))
    update, delete = diff(old, new)
    steps = copy.deepcopy((update, delete))
    apply(old, update, delete)
    assert _exactly([old, new], list(before))
    assert _exactly([update, delete], list(steps))


@settings(max_examples=examples(1000))
@given(_trees(), _trees())
def test_what_a_patch_leaves_as_the_same_object_is_no_difference(tree: Any, patch: Any) -> None:
    new = patched(tree, patch)
    assert diff(tree, new) == diff(copy.deepcopy(tree), copy.deepcopy(new))


def test_only_what_changed_is_in_the_difference() -> None:
    old = {"users": {"1": {"since_id": "5", "screen_name": "a"}, "2": {}}, "title": "t", "list": [1, 2]}
    new = {"users": {"1": {"since_id": "6"}, "3": {}}, "title": "t", "list": [1, 3]}
    update, delete = diff(old, new)
    assert update == {"users": {"1": {"since_id": "6"}, "3": {}}, "list": [1, 3]}
    assert delete == [{"users": ["2", {"1": ["screen_name"]}]}]


def test_deleting_what_is_not_there_is_no_error() -> None:
    assert apply({"a": 1}, {}, ["b", {"c": ["d"]}, {"a": ["b"]}]) == {"a": 1}


def _fits(patch: Any, later: Any) -> bool:
    """Whether `later` never sets an object where `patch` deletes or writes over one."""
    return all(
        not isinstance(value, dict)
        or (isinstance(patch.get(key, {}), dict) and _fits(patch.get(key, {}), value))
        for key, value in later.items()
    )


@settings(max_examples=examples(3000))
@given(_trees(), _trees(), _trees())
def test_two_patches_in_turn_are_one(tree: Any, patch: Any, later: Any) -> None:
    if _fits(patch, later):
        assert _exactly(patched(tree, merged(patch, later)), patched(patched(tree, patch), later))


@settings(max_examples=examples(1000))
@given(_trees(), _trees())
def test_merging_into_a_patch_is_merging(patch: Any, later: Any) -> None:
    mine = copy.deepcopy(patch)
    merge_into(mine, later)
    assert _exactly(mine, merged(patch, later))


@settings(max_examples=examples(1000))
@given(st.lists(_trees(), max_size=4), _trees())
def test_merging_leaves_what_is_merged_as_it_is(patches: list[Any], tree: Any) -> None:
    before = copy.deepcopy((patches, tree))
    whole: dict[str, Any] = {}
    for patch in patches:
        merge_into(whole, patch)
        merged(patch, tree)
        patched(tree, patch)
    assert _exactly(list(before), [patches, tree])


@settings(max_examples=examples(1000))
@given(_trees(), _trees())
def test_a_patched_tree_holds_no_null_of_the_patch(tree: Any, patch: Any) -> None:
    new = patched(tree, patch)
    for key, value in patch.items():
        assert (key in new) == (value is not None)
        if value is not None and not isinstance(value, dict):
            assert _exactly(new[key], value)
    assert all(_exactly(new[key], value) for key, value in tree.items() if key not in patch)


def test_a_patch_that_names_every_key_replaces_an_object_that_was_deleted() -> None:
    tree = {"resume": {"token": "old", "newest": "9"}}
    whole = merged({"resume": None}, {"resume": {"token": None, "newest": "10"}})
    assert patched(tree, whole) == {"resume": {"newest": "10"}}
