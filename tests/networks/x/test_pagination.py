"""A chain as a value, and how it is followed, with answers given by hand."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.networks import Batch
from harvester.networks.x import ApiCode, Page
from harvester.networks.x.sources import Job
from harvester.networks.x.sources.chain_end import Ask, Follower
from harvester.networks.x.sources.pagination import Chain
from tests.support.scripted_x import HandClock

_CUT = Chain(since_id="5", token="t", newest_id="1000", oldest_id="200", posts=3, stood=2)


def _page(*ids: int, count: int | None = None, token: str | None = None) -> Page:
    return Page(
        ApiCode.OK,
        b"{}\n" if ids else b"",
        posts=len(ids),
        newest_id=str(max(ids)) if ids else None,
        oldest_id=str(min(ids)) if ids else None,
        next_token=token,
        count=len(ids) if count is None else count,
        distinct=len(set(ids)),
    )


@dataclass
class _Walked:
    steps: list[tuple[Page, Chain]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> Chain:
        return self.steps[-1][1]


def _followed(begun: Chain, ask: Ask) -> _Walked:
    walked = _Walked()

    def put(batch: Batch, *, wait: bool = False) -> None:
        walked.events.extend(batch.events)

    job = Job(
        collection={},
        client=None,  # type: ignore[arg-type]
        clock=HandClock(),
        stop=Stop(),
        put=put,
        say=lambda _: None,
        waits=lambda _what, _seconds: None,
    )
    walked.steps.extend(Follower(job, page_size=3, least=1).follow(begun, ask))
    return walked


def test_an_empty_page_leaves_what_a_chain_has_brought_and_how_often_it_stood() -> None:
    after = _CUT.after(_page(token="u"))
    assert after == replace(_CUT, token="u")
    assert _CUT.after(_page(150, 160)).stood == 0


def test_ids_are_compared_as_numbers() -> None:
    """Of 18 and of 19 digits are those around September 2013."""
    assert _CUT.falls_with(_page(99)) and not _CUT.falls_with(_page(1000))
    assert not replace(_CUT, oldest_id="99").falls_with(_page(100))


@pytest.mark.parametrize("asked_again", [(), (180,)], ids=["none", "fewer"])
def test_of_a_page_that_lacks_posts_the_fullest_answer_is_kept(asked_again: tuple[int, ...]) -> None:
    answers = iter([_page(190, 180, count=3, token="u"), *[_page(*asked_again, count=3, token="u")] * 3])
    walked = _followed(_CUT, lambda chain: (chain, next(answers, _page())))
    assert walked.steps[0][0].posts == 2


def test_empty_pages_end_a_harvest_only_in_a_row() -> None:
    """Seldom words are found after hundreds of empty pages."""
    ids = iter(range(199, 100, -1))

    def ask(chain: Chain) -> tuple[Chain, Page]:
        number = len(asked)
        asked.append(chain)
        if number > 400:
            return chain, _page(50)
        return chain, _page(next(ids), token=f"t{number}") if number % 150 == 0 else _page(token=f"t{number}")

    asked: list[Chain] = []
    walked = _followed(_CUT, ask)
    assert walked.last.over and not walked.last.unfinished


def test_a_chain_that_x_made_another_one_goes_on_as_that_one_also_when_nothing_came() -> None:
    """Its since_id was too old, which was told as a gap, and is not told again by the next harvest."""
    fresh = replace(_CUT.without_token(), since_id=None)

    def ask(chain: Chain) -> tuple[Chain, Page]:
        return (fresh if chain is _CUT else chain), _page(count=3)

    walked = _followed(_CUT, ask)
    assert walked.last.resume()["since_id"] is None
