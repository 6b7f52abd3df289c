"""Who asks a harvest for its status gets an answer or none, whatever is behind the port."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from harvester.compute.status_client import asked


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"tweets": 1}', {"tweets": 1}),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"twe', None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", None),
        (b"220 mail.example.org ESMTP\r\n", None),
        (b"", None),
    ],
    ids=["a status", "it died in the middle", "no object", "another program", "nothing"],
)
def test_what_is_no_status_is_no_answer(answer: bytes, found: object) -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        served = pool.submit(serve)
        host, port = server.getsockname()
        assert asked(f"http://{host}:{port}", "token", "GET", "/status") == found
        served.result()
