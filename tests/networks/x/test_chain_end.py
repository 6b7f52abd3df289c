"""An answer that is not the end of a chain is not taken for it, and no chain is followed for ever."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from harvester.networks import Stopped
from tests.support.model_x import BASE, Desk, ModelX, desk
from tests.support.scripted_x import Reply, Request

_KINDS = ("user_timeline", "search", "archive")
_EMPTY = {"meta": {"result_count": 0}}
_ERRORS = {
    "internal-error": {
        "title": "Internal Server Error",
        "type": "https://api.twitter.com/2/problems/internal-error",
    },
    "code 130": {"code": 130, "message": "Over capacity"},
    "unavailable": {"title": "Service Unavailable", "status": 503, "type": "about:blank"},
    "resource-unavailable": {"type": "https://api.twitter.com/2/problems/resource-unavailable"},
}


@pytest.fixture(scope="module")
def one() -> Iterator[Desk]:
    with desk() as opened:
        yield opened


def _model(posts: int = 8) -> ModelX:
    return ModelX([BASE + n for n in range(posts)])


def _token(request: Request) -> str | None:
    return request.params.get("pagination_token") or request.params.get("next_token")


def _for_tokens(answer: Any, *, times: int = 1 << 30) -> Any:
    """Answer so to the first requests with a token."""
    spoilt: list[Request] = []

    def spoil(request: Request, _: int, right: Any) -> Any:
        if _token(request) is None or len(spoilt) >= times:
            return right
        spoilt.append(request)
        return answer

    return spoil


def _newest(model: ModelX) -> str:
    return str(max(model.ids))


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("times", [1, 3])
def test_an_empty_answer_to_a_token_is_asked_again(one: Desk, kind: str, times: int) -> None:
    one.begin(kind, _model())
    harvested = one.harvest(spoil=_for_tokens(_EMPTY, times=times))

    assert sorted(harvested.ids) == one.model.ids
    assert (harvested.counts.get("users_failed"), harvested.gaps, harvested.error) == (None, [], None)
    assert one.section["since_id"] == _newest(one.model) and "resume" not in one.section


@pytest.mark.parametrize("kind", _KINDS)
def test_where_a_token_brings_nothing_the_rest_is_asked_for_below_the_oldest_post(
    one: Desk, kind: str
) -> None:
    one.begin(kind, _model())
    harvested = one.harvest(spoil=_for_tokens(_EMPTY))

    assert sorted(harvested.ids) == one.model.ids and harvested.error is None
    assert "page asked for in another way" in [event["event"] for event in harvested.events]


def test_an_archive_is_asked_from_its_first_day_on_also_below_a_post(one: Desk) -> None:
    """Without a beginning X goes back 30 days only, and these posts are older."""

    def of_thirty_days(request: Request, number: int, right: Any) -> Any:
        if not request.params.keys() & {"start_time", "since_id"}:
            return _EMPTY
        return _for_tokens(_EMPTY)(request, number, right)

    one.begin("archive", _model())
    harvested = one.harvest(spoil=of_thirty_days)
    assert sorted(harvested.ids) == one.model.ids and not harvested.gaps


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("error", _ERRORS.values(), ids=_ERRORS)
def test_errors_in_place_of_a_page_are_asked_again_and_then_leave_the_token(
    one: Desk, kind: str, error: dict[str, Any]
) -> None:
    one.begin(kind, _model())
    assert sorted(one.harvest(spoil=_for_tokens({"errors": [error]}, times=2)).ids) == one.model.ids

    one.begin(kind, _model())
    cut = one.harvest(spoil=_for_tokens({"errors": [error]}))
    assert (len(cut.ids), cut.error) == (3, None)
    assert cut.counts.get("users_failed") == 1 or cut.counts["searches_unfinished"] == 1
    assert "since_id" not in one.section and one.section["resume"]["token"] == f"below-{cut.ids[-1]}"
    assert sorted(cut.ids + one.harvest().ids) == one.model.ids
    assert one.section["since_id"] == _newest(one.model) and "resume" not in one.section


@pytest.mark.parametrize("kind", _KINDS)
def test_errors_in_place_of_a_first_page_are_no_news_of_nothing(one: Desk, kind: str) -> None:
    one.begin(kind, _model())
    refused = one.harvest(spoil=lambda *_: {"errors": [_ERRORS["code 130"]]})

    assert refused.error is not None and "Over capacity" in str(refused.error)
    assert sorted(one.harvest().ids) == one.model.ids


@pytest.mark.parametrize("kind", _KINDS)
def test_an_end_that_is_an_empty_page_counts_once_two_harvests_saw_it(one: Desk, kind: str) -> None:
    """X does end with an empty page; an index that is away for minutes looks the same."""

    def empty_end(request: Request, _: int, right: Any) -> Any:
        if not right.get("meta", {}).get("next_token") and right.get("data"):
            return {**right, "meta": {**right["meta"], "next_token": "behind-the-last"}}
        return _EMPTY if _token(request) == "behind-the-last" else right

    one.begin(kind, _model())
    first = one.harvest(spoil=empty_end)
    assert sorted(first.ids) == one.model.ids and first.error is None
    assert "users_failed" not in first.counts and "searches_unfinished" not in first.counts
    assert one.section["resume"]["token"] == "behind-the-last" and "since_id" not in one.section

    one.model.ids.append(BASE + 100)
    second = one.harvest(spoil=empty_end)
    assert second.ids == [BASE + 100]
    assert one.section["since_id"] == str(BASE + 7)
    assert (one.section["resume"]["newest_id"], one.section["resume"]["stood"]) == (str(BASE + 100), 1)


@pytest.mark.parametrize("kind", _KINDS)
def test_what_an_index_lacks_for_one_harvest_comes_with_the_next(one: Desk, kind: str) -> None:
    one.begin(kind, _model())
    first = one.harvest(spoil=lambda _, number, right: _EMPTY if number else right)

    assert len(first.ids) == 3
    assert sorted(first.ids + one.harvest().ids) == one.model.ids


@pytest.mark.parametrize("kind", _KINDS)
def test_a_page_that_lost_its_token_is_not_the_last(one: Desk, kind: str) -> None:
    one.begin(kind, _model())
    assert sorted(one.harvest(spoil=_without_token).ids) == one.model.ids


def _without_token(_request: Request, _number: int, right: Any) -> Any:
    right.get("meta", {}).pop("next_token", None)
    return right


def test_above_a_since_id_a_search_and_a_full_page_are_asked_below_and_a_short_one_is_not(one: Desk) -> None:
    for kind, page, new in (("search", 3, 8), ("user_timeline", 100, 150)):
        one.begin(kind, ModelX([BASE], page=page))
        one.harvest()
        one.model.ids = [BASE + n for n in range(new + 1)]
        assert len(set(one.harvest(spoil=_without_token).ids)) == new, kind

    one.begin("user_timeline", ModelX([BASE]))
    one.harvest()
    one.model.ids.append(BASE + 1)
    assert len(one.harvest().requests) == 1


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("lost", ["all", "one"])
def test_a_page_that_holds_less_than_it_says_is_asked_for_again(one: Desk, kind: str, lost: str) -> None:
    def short(request: Request, number: int, right: Any) -> Any:
        return {**right, "data": right["data"][1:] if lost == "one" else []} if number == 1 else right

    one.begin(kind, _model())
    harvested = one.harvest(spoil=short)
    assert sorted(set(harvested.ids)) == one.model.ids and not harvested.gaps


def test_an_x_that_always_miscounts_is_paid_two_pages_three_times_more_and_what_it_spoke_of_is_a_gap(
    one: Desk,
) -> None:
    def miscounted(_request: Request, _number: int, right: Any) -> Any:
        if "data" in right:
            right["meta"]["result_count"] += 1
        return right

    one.begin("search", _model(30))
    harvested = one.harvest(spoil=miscounted)
    assert sorted(harvested.ids) == one.model.ids
    with_posts = [request for request in harvested.requests if _token(request)]
    assert len(with_posts) == 12 and len(harvested.requests) == 17
    assert len(harvested.gaps) == 10
    assert (harvested.gaps[0]["first_id_after"], harvested.gaps[0]["last_id_before"]) == (
        str(BASE + 29),
        str(BASE + 26),
    )


def _require_all_without_a_gap(one: Desk, spoil: Any) -> None:
    one.begin("search", _model(30))
    harvested = one.harvest(spoil=spoil)
    assert sorted(harvested.ids) == one.model.ids
    assert harvested.gaps == []


def test_one_page_that_is_never_counted_does_not_say_that_no_page_is(one: Desk) -> None:
    asked: Counter[str] = Counter()

    def miscounted(request: Request, _number: int, right: Any) -> Any:
        token = _token(request) or ""
        if "data" in right:
            # The first page holds more than it says, each time; the second one less, the first time.
            right["meta"]["result_count"] += -1 if not token else len(asked) == 1
        asked[token] += 1
        return right

    _require_all_without_a_gap(one, miscounted)


def test_a_shorter_answer_that_has_all_it_counts_is_better_than_a_longer_one_that_has_not(one: Desk) -> None:
    asked: Counter[str] = Counter()

    def spoilt(request: Request, _number: int, right: Any) -> Any:
        token = _token(request) or ""
        asked[token] += 1
        if "data" in right and asked[token] == 1:
            right["meta"]["result_count"] += 1
        elif len(right.get("data", ())) > 1:
            # Only the first post, and a token that leads to the others.
            after = f"below-{right['data'][0]['id']}"
            return {
                "data": right["data"][:1],
                "meta": {**right["meta"], "result_count": 1, "next_token": after},
            }
        return right

    _require_all_without_a_gap(one, spoilt)


@pytest.mark.parametrize("off", [(1, 1, 0), (-1, 1), (1, -1)])
def test_a_count_that_another_answer_to_the_same_question_denies_is_no_gap(
    one: Desk, off: tuple[int, ...]
) -> None:
    asked: Counter[str] = Counter()

    def miscounted(request: Request, _number: int, right: Any) -> Any:
        if (token := _token(request)) and "data" in right:
            right["meta"]["result_count"] += off[asked[token] % len(off)]
            asked[token] += 1
        return right

    _require_all_without_a_gap(one, miscounted)


@pytest.mark.parametrize("how", ["cut", "refused", "over"])
def test_posts_that_were_spoken_of_are_a_gap_however_the_harvest_ends(one: Desk, how: str) -> None:
    def short(request: Request, _number: int, right: Any) -> Any:
        if _token(request) and how == "refused":
            return Reply(402, {"title": "Payment Required"})
        return {**right, "data": [right["data"][0], right["data"][2]]} if not _token(request) else right

    one.begin("search", _model())
    if how == "cut":
        one.tree["search"]["max_records"] = 2
    harvested = one.harvest(spoil=lambda *given: short(*given) if given[2].get("data") else given[2])
    (gap,) = harvested.gaps
    assert gap["first_id_after"] == str(BASE + 7)
    assert gap["last_id_before"] == (str(BASE + 4) if how == "over" else None)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("token", ["same", None], ids=["one token", "ever new tokens"])
def test_a_server_that_gives_one_page_for_ever_is_left_and_at_last_passed(
    one: Desk, kind: str, token: str | None
) -> None:
    right = _model(3).answer(Request("GET", "/2/users/7/tweets", {"max_results": "100"}, {}, b""))

    def stuck(request: Request, number: int, _: Any) -> Any:
        return {**right, "meta": {**right["meta"], "next_token": token or f"t{number}"}}

    one.begin(kind, _model(3))
    first = one.harvest(spoil=stuck)
    assert len(first.requests) <= 3 and len(first.ids) == 3
    assert first.counts.get("users_failed") == 1 or first.counts["searches_unfinished"] == 1
    assert "since_id" not in one.section
    gaps = []
    for _ in range(2):
        harvested = one.harvest(spoil=stuck)
        gaps += harvested.gaps
        assert len(harvested.requests) <= 5
    (gap,) = gaps
    assert gap["first_id_after"] == str(BASE)
    assert one.section["since_id"] == str(BASE + 2)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_token_that_repeats_at_the_end_ends_the_chain(one: Desk, kind: str) -> None:
    def at_the_end(_request: Request, _number: int, right: Any) -> Any:
        if right.get("data") and "next_token" not in right["meta"]:
            right["meta"]["next_token"] = f"below-{BASE + 5}"
        return right

    one.begin(kind, _model())
    harvested = one.harvest(spoil=at_the_end)
    assert sorted(harvested.ids) == one.model.ids
    assert "token repeated" in [event["event"] for event in harvested.events]
    one.harvest()
    assert one.section["since_id"] == _newest(one.model) and "resume" not in one.section


def test_empty_pages_with_ever_new_tokens_come_to_an_end(one: Desk) -> None:
    def empty(_request: Request, number: int, right: Any) -> Any:
        return {"meta": {"result_count": 0, "next_token": f"t{number}"}} if number else right

    one.begin("search", _model())
    harvested = one.harvest(spoil=empty)
    assert len(harvested.requests) == 201 and harvested.counts["searches_unfinished"] == 1
    assert one.section["resume"]["token"] == "t200"


def test_an_archive_that_fails_at_large_pages_is_asked_for_smaller_ones(one: Desk) -> None:
    def overcharged(request: Request, _number: int, right: Any) -> Any:
        return (
            Reply(503, {"title": "Service Unavailable"})
            if int(request.params["max_results"]) > 100
            else right
        )

    one.begin("archive", _model())
    harvested = one.harvest(spoil=overcharged)
    assert sorted(harvested.ids) == one.model.ids and harvested.error is None
    sizes = [int(request.params["max_results"]) for request in harvested.requests]
    assert sizes == [500, 500, 500, 100, 100, 100, 10]
    assert [event["event"] for event in harvested.events] == ["smaller pages"]


def test_a_timeline_that_is_read_to_its_depth_ends_with_an_empty_page(one: Desk) -> None:
    one.begin("user_timeline", ModelX([BASE + n for n in range(3200)], page=100))
    harvested = one.harvest()
    assert len(harvested.ids) == 3200 and len(harvested.requests) == 32
    assert one.section["since_id"] == _newest(one.model)


def test_a_page_of_a_timeline_that_is_not_full_may_have_lost_its_token(one: Desk) -> None:
    def lost(_request: Request, number: int, right: Any) -> Any:
        if not number:
            del right["meta"]["next_token"]
        return right

    one.begin("user_timeline", ModelX([BASE], page=60))
    one.harvest()
    one.model.ids = [BASE + n for n in range(150)]
    assert sorted(one.harvest(spoil=lost).ids) == one.model.ids[1:]
    # It costs a request only where many posts came.
    one.model.ids.append(BASE + 150)
    assert len(one.harvest().requests) == 1


@pytest.mark.parametrize(("count", "kept"), [(2, True), (None, True), (4, False)])
def test_a_page_that_a_stop_keeps_from_being_asked_for_again_is_kept_if_it_lacks_nothing(
    one: Desk, count: int | None, kept: bool
) -> None:
    def miscounted(_request: Request, number: int, right: Any) -> Any:
        right["meta"]["result_count"] = count
        return right

    one.begin("search", _model())
    stopped = one.harvest(spoil=miscounted, stop_in_wait=1.0)
    assert isinstance(stopped.error, Stopped)
    assert (len(stopped.requests), len(stopped.ids), stopped.gaps) == (1, 3 * kept, [])
    assert sorted(stopped.ids + one.harvest().ids) == one.model.ids


def test_a_stop_is_heard_between_two_tries(one: Desk) -> None:
    one.begin("search", _model())
    stopped = one.harvest(spoil=_for_tokens(_EMPTY), stop_in_wait=1.0)
    assert isinstance(stopped.error, Stopped)
    assert len(stopped.requests) == 2 and one.section["resume"]["token"]
