"""The body of an answer is held once."""

import http.client
import socket
import threading
import tracemalloc

from harvester.store.arriving import Arriving

_SIZE = 8 << 20


def test_a_body_is_never_held_twice() -> None:
    theirs, ours = socket.socketpair()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _SIZE + bytes(_SIZE)
    sender = threading.Thread(target=theirs.sendall, args=(answer,))
    sender.start()
    response = http.client.HTTPResponse(ours)
    response.begin()
    tracemalloc.start()

    data = Arriving(response, {}, free=lambda: None, drop=lambda: None).read()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sender.join()
    theirs.close()
    ours.close()
    assert len(data) == _SIZE
    assert peak < 1.5 * _SIZE
