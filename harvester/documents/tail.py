"""The end of a growing file, as checkpoint.json carries it."""

from typing import TypedDict


class Tail(TypedDict):
    """The end of a growing file, whose bytes before `begin` are stored as parts."""

    begin: int
    text: str
