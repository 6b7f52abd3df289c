"""However many chains there are, the pages in work at once have no more bytes than there is room for."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from harvester.clock import Stop, Stopped
from harvester.networks.x.sources.page_room import PageRoom, PageShare


def test_there_are_as_many_pages_in_work_as_have_room() -> None:
    room = PageRoom(Stop(), room=1000)
    _see(room, 400)

    assert [room.take(), room.take()] == [400, 400]
    assert _has_to_wait(room)


def test_what_is_given_back_is_room_for_the_next() -> None:
    room = PageRoom(Stop(), room=1000)
    _see(room, 400)
    shares = [PageShare(room) for _ in range(3)]
    for share in shares[:2]:
        share.take()

    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(shares[2].take)
        shares[0].give_back()
        third.result(timeout=60)

    assert _has_to_wait(room)


def test_a_page_that_is_larger_than_all_the_room_has_it_for_itself() -> None:
    room = PageRoom(Stop(), room=1000)
    _see(room, 5000)

    share = PageShare(room)
    share.take()
    assert _has_to_wait(room)
    share.give_back()

    assert room.take() == 5000


def test_smaller_pages_make_room_for_more_of_them() -> None:
    room = PageRoom(Stop(), room=1000)
    _see(room, 1000)
    _see(room, 10)

    for _ in range(50):
        room.take()


def test_a_chain_has_one_place_however_often_it_asks() -> None:
    room = PageRoom(Stop(), room=1000)
    _see(room, 600)
    share = PageShare(room)

    share.take()
    share.came(600)
    share.take()
    share.came(900)
    share.give_back()
    share.give_back()

    assert room.take() == 900


def test_who_waits_for_room_hears_a_stop() -> None:
    stop = Stop()
    room = PageRoom(stop, room=1000)
    _see(room, 1000)
    room.take()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take)
        stop.request("SIGTERM")
        with pytest.raises(Stopped):
            waiting.result(timeout=60)


def test_many_chains_with_pages_of_all_sizes_come_to_their_end_and_leave_all_room() -> None:
    room = PageRoom(Stop(), room=1000)

    def chain(seed: int) -> None:
        random = Random(seed)
        for _ in range(100):
            share = PageShare(room)
            share.take()
            share.came(random.choice([1, 100, 400, 3000]))
            share.give_back()

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(chain, seed) for seed in range(16)]:
            done.result(timeout=60)

    _see(room, 10)
    for _ in range(100):
        room.take()
    assert _has_to_wait(room)


def _see(room: PageRoom, size: int) -> None:
    """Pages of this size come and go, until no larger one is remembered."""
    for _ in range(100):
        share = PageShare(room)
        share.take()
        share.came(size)
        share.give_back()


def _has_to_wait(room: PageRoom) -> bool:
    """Whether there is no room for another page."""
    stop = Stop()
    stop.request("the test")
    before, room._stop = room._stop, stop
    try:
        room.take()
    except Stopped:
        return True
    finally:
        room._stop = before
    return False
