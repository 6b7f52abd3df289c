"""A signal ends the wait for a bucket that does not answer."""

import os
import signal
import socket
import threading

import pytest

from harvester.clock import SystemClock
from harvester.errors import Terminated
from harvester.store.reading import S3Reader
from harvester.store.s3 import S3Store


def _serve(listening: socket.socket) -> None:
    """Tell where the bucket is, and give no object; a request for one sends a signal."""
    while True:
        connection, _ = listening.accept()
        if connection.recv(4096).startswith(b"HEAD"):
            with connection:
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nx-amz-bucket-region: us-east-1\r\nconnection: close\r\n\r\n"
                )
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        return


def test_a_signal_ends_the_wait_for_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    def hear(number: int, _: object) -> None:
        raise Terminated(number)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    before, began = signal.signal(signal.SIGTERM, hear), SystemClock().elapsed()
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(Terminated):
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
            threading.Thread(target=_serve, args=(listening,), daemon=True).start()
            next(S3Reader(S3Store("museum")).pieces("collections/a/collection.json"))
    finally:
        signal.signal(signal.SIGTERM, before)
    # obstore itself tries for minutes.
    assert SystemClock().elapsed() - began < 20
