"""HTTP's chunked coding, undone; a chunk that is one line is handed on as it is."""

import re

from harvester.documents.lines import split_lines


class BrokenStream(Exception):
    """The bytes of the connection no longer make sense; only another connection helps.

    `came` could be read before that, `rest` could not.
    """

    def __init__(self, why: str, *, came: bytes = b"", rest: bytes = b"") -> None:
        super().__init__(why)
        self.came, self.rest = came, rest


# The size of a chunk, with extensions that no server uses, and behind another chunk with the end of that.
_SIZE = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_FIRST_SIZE, _NEXT_SIZE = re.compile(_SIZE), re.compile(rb"\r\n" + _SIZE)
_LONGEST_SIZE = 4096


class Chunks:
    """The payload of HTTP's chunked coding, from pieces cut anywhere."""

    ended = False

    def __init__(self) -> None:
        self._tail = b""
        self._left = 0
        self._size = _FIRST_SIZE
        self._are_lines = True

    def apart(self, piece: bytes) -> tuple[bytes, list[bytes], bytes]:
        """The piece in three: bytes for `payload`, chunks that are one line each, again bytes for `payload`.

        The lines end with CR LF. X sends each record so; a server that does not is not
        asked again.
        """
        begin = self._left + 2 if self._left else 0
        is_cut = self._tail or (not begin and self._size is _NEXT_SIZE)
        if not self._are_lines or is_cut or piece[self._left : begin] not in (b"\r\n", b""):
            return b"", [], piece
        parts, rest = split_lines(piece, begin)
        last = len(parts) - len(parts) % 3
        sizes, lines, ends = parts[:last:3], parts[1:last:3], parts[2:last:3]
        if not _fit(sizes, lines) or ends.count(b"\r\n") < len(ends):
            self._are_lines = False
            return b"", [], piece
        return piece[:begin], lines, b"".join((*parts[last:], rest))

    def payload(self, piece: bytes) -> bytes:
        """The content of the piece; raises BrokenStream if it is not a chunk."""
        data = self._tail + piece if self._tail else piece
        found: list[bytes] = []
        at, end, left = 0, len(data), self._left
        while at < end and not self.ended:
            if not left:
                size = self._size.match(data, at)
                if size is None:
                    problem, rest = self._missing_size(data[at:])
                    if problem:
                        raise BrokenStream(problem, came=b"".join(found), rest=rest)
                    break
                at, left, self._size = size.end(), int(size[1], 16), _NEXT_SIZE
                self.ended = not left
            taken = data[at : at + left]
            found.append(taken)
            at += len(taken)
            left -= len(taken)
            if not left and data.startswith(b"\r\n", at):
                at, self._size = at + 2, _FIRST_SIZE
        self._tail, self._left = data[at:], left
        return found[0] if len(found) == 1 else b"".join(found)

    def _missing_size(self, rest: bytes) -> tuple[str, bytes]:
        """Why no size stands here, and what does; no reason where more has to come."""
        if self._size is _NEXT_SIZE:
            if not b"\r\n".startswith(rest[:2]):
                return "a chunk is longer than it was said to be", rest
            rest = rest[2:]
        is_whole = b"\r\n" in rest or len(rest) > _LONGEST_SIZE
        return "a chunk begins without its size" if is_whole else "", rest


def _fit(sizes: list[bytes], lines: list[bytes]) -> bool:
    """Whether each line is as long as the size before it says."""
    try:
        return [int(size, 16) for size in sizes] == [len(line) for line in lines]
    except ValueError:
        return False


class Plain:
    """A body that is neither chunked nor compressed."""

    ended = False

    def payload(self, piece: bytes) -> bytes:
        return piece
