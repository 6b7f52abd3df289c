"""A file that may still grow is read line by line, up to the bytes that count, in bounded memory."""

from typing import Any, BinaryIO

from isal import isal_zlib

from harvester.documents.lines import split_lines

_NOT_GZIP: Any = isal_zlib.error
_GZIP, _MAGIC = 31, b"\x1f\x8b"
# Bytes that are read, and unpacked, at once. A line above the last is none that a harvest writes.
_READ, _UNPACKED, _LONGEST = 1 << 16, 1 << 20, 1 << 27


class Unreadable(Exception):
    """The file is damaged from here on; its words end a sentence."""


class Lines:
    """The lines of one file. What of a gzip file has been unpacked is not unpacked again when it grows."""

    def __init__(self, file: BinaryIO, *, packed: bool, longest: int = _LONGEST) -> None:
        self._file, self._longest = file, longest
        self._gunzip: Any = isal_zlib.decompressobj(_GZIP) if packed else None
        self._packed = b""
        self._offset = 0
        # Whole lines that are unpacked, from `_next` on, and the pieces of the one that is not.
        self._lines: list[bytes] = []
        self._next = 0
        self._rest: list[bytes] = []
        self._damage: Unreadable | None = None
        # How many lines were returned or passed over.
        self.line = 0

    def skip(self, number: int, *, upto: int) -> bool:
        """Pass over this number of lines; whether there were as many."""
        while self.line < number:
            if not self.read(upto=upto, most=number - self.line, room=_UNPACKED):
                return False
        return True

    def read(self, *, upto: int, most: int, room: int) -> list[bytes]:
        """The next lines of the first `upto` bytes, without line ends: `most` of them, and of `room` bytes.

        One is returned however long it is. Empty where no whole line is left there; raises Unreadable once
        all ahead of the damage was returned.
        """
        found: list[bytes] = []
        while len(found) < most and (room > 0 or not found):
            if self._next < len(self._lines):
                found.append(self._lines[self._next])
                room -= len(found[-1]) + 1
                self._next += 1
                continue
            try:
                if not self._more(upto):
                    break
            except Unreadable as error:
                if not found:
                    raise
                self._damage = error
                break
        self.line += len(found)
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the file has its end; of one that is cut off, what is missing is not known."""
        return self._gunzip is None or bool(self._gunzip.eof)

    def close(self) -> None:
        self._file.close()

    def _more(self, upto: int) -> bool:
        """Read on; whether anything came, which need not be a whole line."""
        if self._damage:
            raise self._damage
        if sum(map(len, self._rest)) > self._longest:
            raise Unreadable(f"has a line of more than {self._longest} bytes")
        if not self._packed:
            self._file.seek(self._offset)
            self._packed = self._file.read(max(0, min(_READ, upto - self._offset)))
            self._offset += len(self._packed)
        if not self._packed:
            return False
        self._split(self._unpacked())
        return True

    def _split(self, text: bytes) -> None:
        """Add what was unpacked; all whole lines before it were taken."""
        lines, rest = split_lines(text)
        if lines:
            lines[0] = b"".join((*self._rest, lines[0]))
            self._rest = []
        self._rest.append(rest)
        self._lines, self._next = [line[:-1] for line in lines], 0

    def _unpacked(self) -> bytes:
        data = self._packed
        if self._gunzip is None:
            self._packed = b""
            return data
        if self._gunzip.eof:
            # Another member follows, as of files that were joined; what is none is no record.
            if not data.startswith(_MAGIC):
                self._packed = b""
                return b""
            self._gunzip = isal_zlib.decompressobj(_GZIP)
        try:
            text: bytes = self._gunzip.decompress(data, _UNPACKED)
        except _NOT_GZIP as error:
            raise Unreadable(f"is damaged: {error}") from error
        self._packed = self._gunzip.unused_data if self._gunzip.eof else self._gunzip.unconsumed_tail
        return text
