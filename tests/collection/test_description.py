"""A collection is valid before anything is spent on it; a harvest takes nothing back that a person did."""

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.collection.description import with_harvest, with_state
from harvester.collection.kinds.kind import count
from harvester.documents import Collection, FilterSection, SearchSection, Tree, User
from harvester.errors import HarvesterError
from harvester.networks.validation import parsed, problems
from harvester.networks.x.rules.arrangement import compile_rules
from tests.support.examples import examples

TIMELINES: Tree = {
    "id": "a", "type": "user_timeline", "users": {"12": {}, "13": {"since_id": "5", "screen_name": "x"}}
}  # fmt: skip
SEARCH: Tree = {"id": "a", "type": "search", "search": {"query": "cats", "max_records": "500"}}
FILTER: Tree = {"id": "a", "type": "filter", "filter": {"track": "cats,dogs", "max_records": 0}}


def _without(tree: Tree, key: str) -> Tree:
    return {name: value for name, value in tree.items() if name != key}


class TestProblems:
    def test_what_the_type_of_the_document_holds_is_known(self) -> None:
        tree: Tree = dict.fromkeys(Collection.__annotations__)
        assert not [problem for problem in problems(tree) if problem.startswith("Unknown key")]
        for kind, section in (
            ("user_timeline", {"users": {"12": dict.fromkeys(User.__annotations__)}}),
            ("search", {"search": dict.fromkeys(SearchSection.__annotations__)}),
            ("filter", {"filter": dict.fromkeys(FilterSection.__annotations__)}),
        ):
            found = problems({"id": "a", "type": kind, **section})
            assert not [problem for problem in found if problem.startswith("Unknown key")]

    @pytest.mark.parametrize(
        "tree",
        [
            TIMELINES,
            SEARCH,
            FILTER,
            {**TIMELINES, "users": {}},
            {
                **TIMELINES,
                "delete_users_for": ["protected", "suspended", "not_found"],
                "delete_users_after": 3,
            },
            {**TIMELINES, "look_up_days": 0, "sweep": {"after": "12"}, "keys": {"profile": "museum"}},
            {**TIMELINES, "id": "temp", "x_of_ours": [1]},
            {**TIMELINES, "id": "temperature", "timestamp": "2019-05-01T10:00:00.123456"},
            {**TIMELINES, "keys": {"consumer_key": "k", "consumer_secret": "s", "access_token": "t"}},
            {**SEARCH, "search": {"query": "cats", "archive": True, "since_id": "5", "max_records": ""}},
            {**FILTER, "filter": {"follow": "12", "locations": "1,2,3,4"}},
            {**FILTER, "filter": {"track": "cats", "follow": "", "locations": ""}},
            {**FILTER, "filter": {"track": "cats", "follow": None, "locations": []}},
            {**FILTER, "filter": {"track": ["cats", '"black, cats"'], "follow": [12, "@Jack_", "13"]}},
            {**FILTER, "filter": {"follow": 12, "locations": ["-74", "40", "-73", "41"]}},
            {**FILTER, "filter": {"locations": "-74.5,40,-73,41, 1,2,3,4"}},
            {**FILTER, "filter": {"locations": [[-74, 40, -73, 41], "1,2,3,4"]}},
            {**FILTER, "filter": {"rules": [{"value": "cats", "tag": "t"}], "max_records": None}},
            {
                **TIMELINES,
                "users": {"12": {"x_note": "ours", "sightings": {"suspended": 2, "protected": None}}},
            },
            {**TIMELINES, "users": {"9223372036854775807": {"screen_name": None, "looked_up": "2026-11-23"}}},
            {**FILTER, "title": "T", "description": "D", "notes": "N", "labels": ["l"]},
        ],
    )
    def test_a_valid_collection_has_none(self, tree: Tree) -> None:
        assert problems(tree) == []

    @pytest.mark.parametrize(
        ("tree", "told"),
        [
            (_without(TIMELINES, "id"), "Missing id."),
            ({**TIMELINES, "id": ""}, "Missing id."),
            ({**TIMELINES, "id": "my cats"}, "Id contains spaces."),
            ({**TIMELINES, "id": " "}, "Id contains spaces."),
            ({**TIMELINES, "id": "../x"}, "Id '../x' may hold only"),
            ({**TIMELINES, "id": "a/b"}, "Id 'a/b' may hold only"),
            ({**TIMELINES, "id": ".."}, "Id '..' may hold only"),
            ({**TIMELINES, "id": "a..b"}, "Id 'a..b' may hold only"),
            ({**TIMELINES, "id": "-a"}, "Id '-a' may hold only"),
            ({**TIMELINES, "id": "ä"}, "Id 'ä' may hold only"),
            ({**TIMELINES, "id": "a" * 200}, "Id has 200 characters; the limit is 100."),
            ({**TIMELINES, "id": 5}, "Id is not text."),
            ({**TIMELINES, "id": None}, "Id is not text."),
            (_without(TIMELINES, "type"), "Missing type."),
            ({**TIMELINES, "type": "timeline"}, "Unrecognized collection type 'timeline'"),
            ({**TIMELINES, "type": ["search"]}, "Unrecognized collection type ['search']"),
            ({**TIMELINES, "type": {}}, "Unrecognized collection type {}"),
            ({**TIMELINES, "type": None}, "Unrecognized collection type None"),
            (_without(TIMELINES, "users"), "A user_timeline collection, but missing users."),
            (
                {**TIMELINES, "users": ["12"]},
                'not properly structured. It must be an object, e.g. {"12": {}, ',
            ),
            ({**TIMELINES, "users": {"@jack": {}}}, "@jack is not a user_id."),
            ({**TIMELINES, "users": {"１２": {}}}, "１２ is not a user_id."),
            ({**TIMELINES, "users": {"1" * 21: {}}}, f"{'1' * 21} is not a user_id."),
            ({**TIMELINES, "users": {"9223372036854775808": {}}}, "9223372036854775808 is not a user_id."),
            ({**TIMELINES, "users": {"0": {}}}, "0 is not a user_id. X's ids are numbers from 1 to"),
            ({**TIMELINES, "users": {"007": {}}}, "007 is not a user_id. X's ids are numbers from 1 to"),
            ({**TIMELINES, "users": {"-5": {}}}, "-5 is not a user_id. X's ids are numbers from 1 to"),
            (
                {**TIMELINES, "users": {"12": {"since_id": "05"}}},
                "The since_id of user 12 is not a post id. X's",
            ),
            (
                {**TIMELINES, "users": {"12": {"screen_name": 5}}},
                "users.12.screen_name is 5; it must be text.",
            ),
            (
                {**TIMELINES, "users": {"12": {"looked_up": "often"}}},
                "users.12.looked_up is 'often'; it must be a date, e.g. '2026-11-23'.",
            ),
            (
                {**TIMELINES, "users": {"12": {"tweet_count": True}}},
                "users.12.tweet_count is True; it must be a whole number from 0.",
            ),
            (
                {**TIMELINES, "users": {"12": {"sightings": {"suspended": "x"}}}},
                "users.12.sightings is {'suspended': 'x'}; it must be an object of whole numbers.",
            ),
            (
                {**TIMELINES, "users": {"12": {"resume": {"oldest_id": "x"}}}},
                "users.12.resume is {'oldest_id': 'x'}; it must be an object as a harvest stored it",
            ),
            (
                {**TIMELINES, "users": {"12": {"resume": {"ends": [{"oldest_id": "5"}]}}}},
                "users.12.resume is {'ends': [{'oldest_id': '5'}]}; it must be an object",
            ),
            (
                {**TIMELINES, "users": {"12": {"read_until": "x"}}},
                "users.12.read_until is 'x'; it must be a time",
            ),
            ({**TIMELINES, "sweep": "12"}, "sweep is '12'; it must be an object."),
            ({**TIMELINES, "keys": {"profile": 5}}, "keys.profile is not text."),
            ({**TIMELINES, "users": {"12": None}}, "User 12 is not properly structured."),
            ({**TIMELINES, "users": {"12": {"since_id": 5}}}, "The since_id of user 12 is not a post id."),
            (
                {**TIMELINES, "users": {"12": {"since": "5"}}},
                "Unknown key users.12.since. Did you mean users.12.since_id",
            ),
            ({**TIMELINES, "users": {"12": {"note": "n"}}}, "Unknown key users.12.note."),
            ({**TIMELINES, "delete_users_for": "protected"}, "delete_users_for is not a list."),
            ({**TIMELINES, "delete_users_for": ["deleted"]}, "delete_users_for holds 'deleted'; it may hold"),
            ({**TIMELINES, "delete_users_for": [["x"]]}, "delete_users_for holds ['x']; it may hold"),
            (
                {**TIMELINES, "delete_users_after": 0},
                "delete_users_after is 0; it must be a whole number from 1",
            ),
            ({**TIMELINES, "look_up_days": "often"}, "look_up_days is 'often'; it must be a whole number"),
            (_without(SEARCH, "search"), "A search collection, but missing search."),
            ({**SEARCH, "search": "cats"}, "Search is not properly structured."),
            ({**SEARCH, "search": {}}, "Query must be provided."),
            ({**SEARCH, "search": {"query": " "}}, "Query must be provided."),
            ({**SEARCH, "search": {"query": ["cats"]}}, "Query must be provided."),
            ({**SEARCH, "search": {"query": "c", "archive": "yes"}}, "search.archive is not true or false."),
            ({**SEARCH, "search": {"query": "c", "since_id": "x"}}, "search.since_id is not a post id."),
            (
                {**SEARCH, "search": {"query": "c", "since_id": "0"}},
                "search.since_id is not a post id. X's ids",
            ),
            (
                {**SEARCH, "search": {"query": "c", "resume": []}},
                "search.resume is []; it must be an object as",
            ),
            (
                {**SEARCH, "search": {"query": "c", "harvested_query": 5}},
                "search.harvested_query is 5; it must be text.",
            ),
            ({**SEARCH, "search": {"query": "c", "max_records": -5}}, "search.max_records is -5; it must be"),
            (
                {**SEARCH, "search": {"query": "c", "max_records": 10**13}},
                "search.max_records is 10000000000000;",
            ),
            ({**SEARCH, "search": {"query": "c", "max_records": "9" * 5000}}, "search.max_records is '9999"),
            (
                {**SEARCH, "search": {"query": "c", "max_records": 1e30}},
                "search.max_records is 1e+30; it must be",
            ),
            (
                {**SEARCH, "search": {"query": "c", "max_records": True}},
                "search.max_records is True; it must be",
            ),
            (
                {**SEARCH, "search": {"query": "c", "max_records": [1]}},
                "search.max_records is [1]; it must be",
            ),
            ({**SEARCH, "search": {"query": "c", "max_record": 5}}, "Did you mean search.max_records?"),
            (_without(FILTER, "filter"), "A filter collection, but missing filter."),
            ({**FILTER, "filter": []}, "Filter is not properly structured."),
            ({**FILTER, "filter": {}}, "Must provide track, follow, locations, or rules for a filter."),
            ({**FILTER, "filter": {"track": ""}}, "Must provide track, follow, locations, or rules"),
            ({**FILTER, "filter": {"track": 5}}, "filter.track holds 5, which is not text."),
            ({**FILTER, "filter": {"track": ["cats", 5]}}, "filter.track holds 5, which is not text."),
            ({**FILTER, "filter": {"track": [["cats"]]}}, "filter.track holds ['cats'], which is not text."),
            ({**FILTER, "filter": {"track": {"a": 1}}}, "filter.track holds {'a': 1}, which is not text."),
            (
                {**FILTER, "filter": {"follow": "12,abc"}},
                "'abc' in filter.follow is neither a user id nor an @name.",
            ),
            ({**FILTER, "filter": {"follow": "１２"}}, "'１２' in filter.follow is neither a user id"),
            ({**FILTER, "filter": {"follow": "007"}}, "'007' in filter.follow is neither a user id"),
            ({**FILTER, "filter": {"follow": 1.5}}, "filter.follow holds 1.5, which is not text."),
            ({**FILTER, "filter": {"follow": True}}, "filter.follow holds True, which is not text."),
            (
                {**FILTER, "filter": {"locations": "1,2"}},
                "filter.locations holds 2 numbers; a box has four: west, south, east, north.",
            ),
            ({**FILTER, "filter": {"locations": 5}}, "filter.locations holds 1 numbers; a box has four"),
            ({**FILTER, "filter": {"locations": "a,2,3,4"}}, "'a' in filter.locations is not a number."),
            (
                {**FILTER, "filter": {"locations": "10,10,5,20"}},
                "10,10,5,20 in filter.locations is not west,south,east,north: west is not west of east",
            ),
            ({**FILTER, "filter": {"locations": "nan,2,3,4"}}, "'nan' in filter.locations is not a number."),
            ({**FILTER, "filter": {"rules": "cats"}}, "filter.rules is not a list."),
            ({**FILTER, "filter": {"rules": {"value": "cats"}}}, "filter.rules is not a list."),
            ({**FILTER, "filter": {"rules": 5}}, "filter.rules is not a list."),
            ({**FILTER, "filter": {"rules": [{"tag": "x"}]}}, "rules[0] has no value."),
            ({**FILTER, "filter": {"rules": ["cats"]}}, "rules[0] is not an object with a value: 'cats'."),
            ({**FILTER, "filter": {"track": "c", "max_records": -1}}, "filter.max_records is -1; it must be"),
            ({**FILTER, "filters": {}}, "Unknown key filters. Did you mean filter?"),
            ({**FILTER, "keys": []}, "Keys is not properly structured."),
            ({**FILTER, "keys": {"consumer_secrt": "x"}}, "Did you mean keys.consumer_secret?"),
            (
                {**FILTER, "filter": {"track": "<Comma-separated terms>"}},
                "filter.track still holds the template's",
            ),
            ({**SEARCH, "id": "<Identifier>"}, "id still holds the template's text '<Identifier>'."),
            ({**FILTER, "filter": {"rules": [{"value": "<rule>"}]}}, "filter.rules.value still holds the"),
            ([], "The collection is not a JSON object."),
            (None, "The collection is not a JSON object."),
        ],
    )
    def test_an_invalid_collection_has_each_in_words(self, tree: Any, told: str) -> None:
        assert any(told in problem for problem in problems(tree)), problems(tree)

    def test_all_are_told_at_once(self) -> None:
        told = problems({"type": "user_timeline", "users": {"x": {}, "y": 1}, "delete_users_for": ["z"]})
        assert len(told) == 5

    def test_what_the_template_left_is_told_once(self) -> None:
        told = problems({**FILTER, "filter": {"track": "cats", "follow": "<ids>", "locations": "<boxes>"}})
        assert told == [f"filter.{key} still holds the template's text {text!r}." for key, text in (
            ("follow", "<ids>"), ("locations", "<boxes>")
        )]  # fmt: skip

    def test_what_no_problem_stands_against_becomes_rules(self) -> None:
        values: tuple[Any, ...] = (
            *(None, True, 0, 5, 1.5, "", "cats,dogs", "12,@jack", "1,2,3,4", "1,2", '"a, b"', [], {}),
            *(["12", 13], [[1, 2, 3, 4]], ["cats", 5], [None], "nan,1,2,3", "\\-74,40,-73,41"),
        )
        for key in ("track", "follow", "locations"):
            for value in values:
                section = {key: value, "rules": [{"value": "cats"}]}
                told = problems({**FILTER, "filter": section})
                try:
                    compile_rules(section)
                except HarvesterError as error:
                    assert list(error.problems) == told != []
                else:
                    assert told == []

    def test_no_value_anywhere_makes_the_check_itself_fail(self) -> None:
        oddities: tuple[Any, ...] = (
            None,
            True,
            0,
            -1,
            1.5,
            "",
            "x",
            "<",
            [],
            [[]],
            [None],
            {},
            {"a": []},
            {"1": 5},
        )
        for tree in (TIMELINES, SEARCH, FILTER):
            for key in (*tree, "keys", "delete_users_for", "delete_users_after", "look_up_days"):
                for oddity in oddities:
                    assert isinstance(problems({**tree, key: oddity}), list)
        for section, keys in (
            ("search", ("query", "archive", "since_id", "max_records", "resume")),
            ("filter", ("track", "follow", "locations", "rules", "max_records")),
        ):
            for key in keys:
                for oddity in oddities:
                    tree = {"id": "a", "type": section, section: {key: oddity}}
                    assert isinstance(problems(tree), list)


class TestParsing:
    def test_a_valid_collection_is_what_is_written(self) -> None:
        assert parsed(orjson.dumps(SEARCH), "here") == SEARCH

    @pytest.mark.parametrize("data", [b"", b"{", b"not JSON", b'{"id": "a"}}', b"\xff\xfe", b"NaN"])
    def test_what_is_not_json_is_told(self, data: bytes) -> None:
        with pytest.raises(HarvesterError, match="^here is not JSON: .*Mend the file"):
            parsed(data, "here")

    def test_a_key_that_is_given_twice_is_told_with_its_lines(self) -> None:
        data = b'{"id": "a", "type": "user_timeline",\n "users": {"12": {},\n\n  "12": {"since_id": "5"}}}'
        with pytest.raises(HarvesterError) as told:
            parsed(data, "here")
        assert str(told.value).startswith(
            "here is ambiguous. users.12 is given twice, on lines 2 and 4. Keep one"
        )

    def test_all_problems_are_in_one_error(self) -> None:
        with pytest.raises(HarvesterError) as told:
            parsed(b'{"type": "search", "search": {}}', "here")
        assert told.value.message == "here is not a valid collection."
        assert told.value.problems == ("Missing id.", "Query must be provided.")
        assert "nothing was collected" in told.value.hint

    def test_a_collection_that_says_another_id_is_refused(self) -> None:
        with pytest.raises(HarvesterError, match="Its id is 'a', and its folder is named b."):
            parsed(orjson.dumps(SEARCH), "here", collection_id="b")

    @pytest.mark.parametrize(("value", "number"), [(5, 5), ("5", 5), ("", 9), (None, 9), ("007", 7)])
    def test_numbers_may_be_text_or_missing(self, value: object, number: int) -> None:
        assert count({"max_records": value}, "max_records", default=9) == number


_USERS = tuple("123456")


def _users(draw: Random) -> Tree:
    fields: tuple[Tree, ...] = (
        {},
        {"since_id": "1"},
        {"screen_name": "x"},
        {"since_id": "2", "screen_name": "y"},
    )
    return {user: draw.choice(fields) for user in draw.sample(_USERS, draw.randrange(7))}


def _learnt(draw: Random) -> Tree:
    fields: tuple[Tree | None, ...] = (
        None,
        {"since_id": "9"},
        {"since_id": "9", "resume": None},
        {"resume": {"t": 1}},
    )
    return {user: draw.choice(fields) for user in draw.sample(_USERS, draw.randrange(7))}


class TestMerging:
    @settings(max_examples=examples(2000))
    @given(st.integers(0, 1 << 32))
    def test_what_a_person_removed_stays_removed_and_no_since_id_is_lost(self, seed: int) -> None:
        draw = Random(seed)
        used, current = ({**TIMELINES, "users": _users(draw)} for _ in range(2))
        learnt = _learnt(draw)
        merged = with_harvest(current, used, {"users": learnt})
        assert merged["users"].keys() == {
            user for user in current["users"] if user not in learnt or learnt[user] is not None
        }
        for user, fields in merged["users"].items():
            known = {**current["users"][user], **learnt.get(user, {})}
            assert fields == {name: value for name, value in known.items() if value is not None}

    @settings(max_examples=examples(500))
    @given(st.integers(0, 1 << 32))
    def test_merging_twice_is_merging_once(self, seed: int) -> None:
        draw = Random(seed)
        current, learnt = {**TIMELINES, "users": _users(draw)}, {"users": _learnt(draw)}
        once = with_harvest(current, TIMELINES, learnt)
        assert with_harvest(once, TIMELINES, learnt) == once

    def test_of_an_edited_query_nothing_is_kept(self) -> None:
        learnt: Tree = {"search": {"since_id": "9", "harvested_query": "cats", "resume": {"token": "t"}}}
        edited = {**SEARCH, "search": {"query": "dogs"}}
        assert with_harvest(edited, SEARCH, learnt) == edited

    def test_of_a_search_edited_otherwise_all_is_kept(self) -> None:
        edited = {**SEARCH, "title": "T", "search": {"query": "cats", "max_records": 7}}
        assert with_harvest(edited, SEARCH, {"search": {"since_id": "9"}}) == {
            **edited, "search": {"query": "cats", "max_records": 7, "since_id": "9"}
        }  # fmt: skip

    @pytest.mark.parametrize("broken", [None, [], "x", 5])
    def test_what_a_person_broke_is_left_as_it_is(self, broken: object) -> None:
        timelines, search = {**TIMELINES, "users": broken}, {**SEARCH, "search": broken}
        assert with_harvest(timelines, TIMELINES, {"users": {"12": {"since_id": "9"}}}) == timelines
        assert with_harvest(search, SEARCH, {"search": {"since_id": "9"}}) == search
        alone = {**TIMELINES, "users": {"12": broken}}
        assert with_harvest(alone, TIMELINES, {"users": {"12": {"since_id": "9"}}}) == alone

    def test_the_arguments_stay_as_they_are(self) -> None:
        learnt: Tree = {"users": {"12": {"since_id": "9"}, "99": {}}}
        before = orjson.dumps([TIMELINES, learnt])
        with_harvest(TIMELINES, TIMELINES, learnt)
        assert orjson.dumps([TIMELINES, learnt]) == before


class TestWrittenAnew:
    def test_users_keep_what_was_learnt_of_them(self) -> None:
        known = {
            **TIMELINES,
            "users": {"12": {"since_id": "9", "resume": {"token": "t"}, "x_note": "n"}, "13": {}},
        }
        new = {**TIMELINES, "users": {"12": {"since_id": "1"}, "14": {}}}
        assert with_state(new, known)["users"] == {
            "12": {"since_id": "1", "resume": {"token": "t"}},
            "14": {},
        }

    def test_the_same_search_keeps_its_since_id_and_another_does_not(self) -> None:
        known = {**SEARCH, "search": {"query": "cats", "since_id": "9", "max_records": 5}}
        assert with_state(SEARCH, known)["search"] == {**SEARCH["search"], "since_id": "9"}
        other = {**SEARCH, "search": {"query": "dogs"}}
        assert with_state(other, known) == other

    @pytest.mark.parametrize("known", [{}, FILTER, {**SEARCH, "search": None}, {**TIMELINES, "users": []}])
    def test_where_nothing_was_learnt_it_stays_as_written(self, known: Tree) -> None:
        for tree in (TIMELINES, SEARCH, FILTER):
            assert with_state(tree, known) == tree
