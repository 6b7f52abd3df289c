"""Callers that wait for data to be stored are called once a checkpoint that has it is stored."""

from collections.abc import Callable

_Stored = Callable[[], None]


def _nothing() -> None:
    pass


class Checkpoints:
    """`taken` is asked what to call once the checkpoint that is made of this moment is in the store.

    While a caller `waits` for one, it is not put off, even if nothing else is new.
    """

    def __init__(self) -> None:
        self.taken: Callable[[], _Stored] = lambda: _nothing
        self.waits: Callable[[], bool] = lambda: False
