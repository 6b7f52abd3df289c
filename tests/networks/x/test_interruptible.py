"""A client that is closed is forgotten by the stop of its harvest, which may outlive many."""

import gc
import socket
import weakref

from harvester.clock import Stop, SystemClock
from harvester.networks.x import Keys, XClient
from harvester.networks.x.http.interruptible import Sockets


def test_sockets_that_are_closed_hear_the_stop_no_more() -> None:
    stop = Stop()
    sockets = Sockets(stop)
    left = weakref.ref(sockets)
    sockets.close()
    del sockets
    gc.collect()
    assert left() is None


def test_a_client_closes_its_sockets() -> None:
    stop = Stop()
    before = len(gc.get_referrers(stop))
    for _ in range(3):
        XClient(Keys(bearer_token="bearer"), clock=SystemClock(), stop=stop).close()
    gc.collect()
    assert len(gc.get_referrers(stop)) == before


def test_sockets_that_are_closed_cut_an_attempt_to_connect_and_a_stream_too() -> None:
    sockets = Sockets(Stop())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(1.0)
        sockets.add_endless(ours)
        sockets.close()
        assert theirs.recv(1) == b""
