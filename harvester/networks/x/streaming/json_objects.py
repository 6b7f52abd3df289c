"""Whole JSON objects are found in bytes however these are divided: by line ends, by blanks, or not at all."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(rb'["{}\[\]]')
# A string ends at its quote, or before what cannot stand in one.
_TEXT = re.compile(rb'[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+')
_BOM = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH = b'"\\'
_OPENS = {ord("}"): ord("{"), ord("]"): ord("[")}


def is_blank(data: bytes | bytearray) -> bool:
    """Whether there is nothing in it but white space, which a byte order mark counts as."""
    return not data.replace(_BOM, b"").strip()


@dataclass(frozen=True)
class Found:
    """Bytes that belong together: an object from its first brace to its last, or what is none."""

    data: bytes
    whole: bool


class JsonObjects:
    """What is fed piece by piece, each byte looked at once.

    An object is given up as soon as it breaks JSON's grammar, so that one which was cut does not swallow
    those behind it. What an object holds besides braces, brackets and strings is not looked at.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._stack: list[int] = []
        self._at = self._after = 0
        self._opened = self._in_text = False

    @property
    def held(self) -> bytes:
        """What is not whole yet."""
        return bytes(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def feed(self, piece: bytes) -> list[Found]:
        """What became whole with this piece, and what will never be."""
        self._held += piece
        found: list[Found] = []
        while self._advanced(found):
            pass
        return found

    def take(self) -> bytes:
        """All that is held, which is then forgotten."""
        held = self.held
        self._held.clear()
        self._begin()
        return held

    def _advanced(self, found: list[Found]) -> bool:
        """One step; False if the next one needs more bytes."""
        if self._in_text:
            return self._through_text(found)
        if not self._stack:
            return self._to_an_object(found)
        token = _TOKEN.search(self._held, self._at)
        if token is None:
            self._at = len(self._held)
            return False
        at = token.start()
        if self._held[at] in _OPENS:
            self._close(at, found)
        elif self._may_begin(at):
            self._open(at)
        else:
            self._give_up(at, found)
        return True

    def _to_an_object(self, found: list[Found]) -> bool:
        """Leave behind what stands before the next object: up to that, or to the last line end."""
        at = self._held.find(b"{")
        end = at if at >= 0 else max(self._held.rfind(b"\n"), self._held.rfind(b"\r")) + 1
        stray = bytes(self._held[:end])
        del self._held[:end]
        if not is_blank(stray):
            found.append(Found(stray, whole=False))
        if at >= 0:
            self._open(0)
        return at >= 0

    def _through_text(self, found: list[Found]) -> bool:
        text = _TEXT.match(self._held, self._at)
        end = text.end() if text else self._at
        if end == len(self._held) or (self._held[end] == _BACKSLASH and end + 1 == len(self._held)):
            self._at = end
            return False
        if self._held[end] == _QUOTE:
            self._at = self._after = end + 1
            self._in_text = self._opened = False
        else:
            self._give_up(end, found)
        return True

    def _open(self, at: int) -> None:
        self._at = self._after = at + 1
        if self._held[at] == _QUOTE:
            self._in_text = True
        else:
            self._stack.append(self._held[at])
            self._opened = True

    def _may_begin(self, at: int) -> bool:
        """Whether a key or value may begin here, by what stands between this and the last brace or string."""
        between = bytes(self._held[self._after : at]).strip()
        if self._held[at] == _QUOTE:
            return between.endswith((b",", b":")) or (not between and self._opened)
        if self._stack[-1] == ord("{"):
            return between.endswith(b":")
        return between.endswith(b",") or (not between and self._opened)

    def _close(self, at: int, found: list[Found]) -> None:
        if self._stack[-1] != _OPENS[self._held[at]]:
            self._give_up(at, found)
            return
        self._stack.pop()
        self._at = self._after = at + 1
        self._opened = False
        if not self._stack:
            self._leave(at + 1, found, whole=True)

    def _give_up(self, at: int, found: list[Found]) -> None:
        # A closing brace begins nothing; it belongs to what it broke.
        self._leave(at + 1 if self._held[at] in _OPENS else at, found, whole=False)

    def _leave(self, end: int, found: list[Found], *, whole: bool) -> None:
        found.append(Found(bytes(self._held[:end]), whole))
        del self._held[:end]
        self._begin()
