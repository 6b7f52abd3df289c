"""A longer wait is announced on standard error, with what it waits for."""

import click

_AFTER = 10.0
_EVERY = 30.0


class Waiting:
    """Says what is waited for when that takes long, when it becomes something else, and twice a minute."""

    def __init__(self) -> None:
        self._said, self._at = "", 0.0

    def __call__(self, collection_id: str, status: str, seconds: float) -> None:
        if seconds < _AFTER or (status == self._said and 0 <= seconds - self._at < _EVERY):
            return
        self._said, self._at = status, seconds
        click.echo(f"Waiting for {collection_id}: {status}, {seconds:.0f} s so far.", err=True)
