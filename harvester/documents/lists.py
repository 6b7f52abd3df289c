"""The lines of `lists.jsonl`: how each list of followers ended. Who was gained and lost is passed over."""

from collections.abc import Iterator

import msgspec


class ListEnd(msgspec.Struct, frozen=True):
    """One list: `begun` is its `from`; `harvests` are the timestamps of those that hold its pages."""

    user: str
    direction: str
    depth: int
    outcome: str
    received: int = 0
    harvests: list[str] = []
    begun: str = msgspec.field(default="", name="from")


_line = msgspec.json.Decoder(ListEnd)


def list_ends(data: bytes) -> Iterator[ListEnd]:
    """The lists in whole lines; other lines are passed over, as `verify` reports them."""
    for line in data.splitlines():
        try:
            yield _line.decode(line)
        except msgspec.DecodeError:
            continue


class EdgesLine(msgspec.Struct, frozen=True):
    """A line of a file of edges, without its ids: of which list and account they are."""

    line: int
    user: str
    direction: str
    list: str = ""


class _Ids(msgspec.Struct):
    ids: list[str]


_edges = msgspec.json.Decoder(EdgesLine)
_ids = msgspec.json.Decoder(_Ids)


def edges_line(line: bytes) -> EdgesLine:
    """Raises ValueError for what is not a line of edges."""
    return _edges.decode(line)


def ids_of(line: bytes) -> list[str]:
    """The ids of a line of edges; raises ValueError."""
    return _ids.decode(line).ids
