"""However the bytes of a stream are cut and divided, the same records come out, each proven to be JSON."""

import json
import re

import msgspec

from harvester.networks.x.streaming.json_objects import JsonObjects, is_blank
from harvester.networks.x.streaming.messages import message, unread
from harvester.networks.x.streaming.read import StreamRead

# Longer than any record; beyond it the stream is not what it says it is.
LONGEST_RECORD = 16 * 1024 * 1024
# An unfinished line that is longer than most records is looked into, as it may hold some.
_LONG_LINE = 64 * 1024
# Two objects without so much as a comma between them.
_BETWEEN = re.compile(rb"\}\s*\{")
_NO_JSON = (ValueError, RecursionError)
# What X wraps a post in; an object that has some of it and no id may be a post.
_OF_POSTS = {"data", "includes", "matching_rules"}


class BrokenStream(Exception):
    """The bytes of the connection no longer make sense; only another connection helps.

    `came` could be read before that, `rest` could not.
    """

    def __init__(self, why: str, *, came: bytes = b"", rest: bytes = b"") -> None:
        super().__init__(why)
        self.came, self.rest = came, rest


class _Identified(msgspec.Struct):
    id: str


class _Record(msgspec.Struct):
    data: _Identified


_record = msgspec.json.Decoder(_Record).decode


class LineSplitter:
    """Takes lines that are a record each as they are, and looks for whole objects in all others.

    X ends each record with CR LF. Relays and other servers end them with LF or CR, put blanks between them,
    or nothing, or lay one out over several lines.
    """

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._length = 0
        self._objects = JsonObjects()
        # A record was taken before its line ended, so that this end is no empty line.
        self._end_due = False

    @property
    def partial(self) -> bytes:
        """What is not whole yet."""
        return self._objects.held + b"".join(self._tail)

    def split(self, piece: bytes, provenance: bytes) -> StreamRead:
        """What became whole with this piece; raises BrokenStream when nothing has for too long."""
        if (held := self._length + len(self._objects)) > LONGEST_RECORD:
            self._tail.append(piece)
            raise BrokenStream(f"{held} bytes came without the end of a record")
        read = StreamRead()
        ending = _ending(provenance)
        # A line end may itself be cut in two, so that the tail's last byte is looked at again.
        if b"\n" in piece:
            data = b"".join([*self._tail, piece]) if self._tail else piece
            self._tail, self._length = [], 0
            parts, end, piece = _lines(data)
            self._take_lines(parts, end, read, ending)
        self._keep(piece, read, ending)
        return read

    def finish(self, provenance: bytes) -> StreamRead:
        """What is left when no more will come; half a record is an event that holds all of it."""
        read = StreamRead()
        self._look_into(b"".join(self._tail), read, _ending(provenance))
        self._tail, self._length = [], 0
        left = self._objects.take()
        if not is_blank(left):
            tell(read, "partial", left)
        return read

    def _take_lines(self, parts: list[bytes], end: bytes, read: StreamRead, ending: bytes) -> None:
        lines, ids = read.lines, read.ids
        for part in parts:
            end_due, self._end_due = self._end_due, False
            if not part:
                read.keep_alives += not end_due
                continue
            try:
                part.decode()
                post_id = _record(part).data.id
            except _NO_JSON:
                self._take_unusual(part + end, read, ending)
                continue
            if len(self._objects) and not is_blank(left := self._objects.take()):
                # Cut before its end, as this line is a record of its own.
                tell(read, "unparsable", left)
            ids.append(post_id)
            if part[-1:] != b"}" or b"\r" in part or b"\n" in part:
                part = _whole(part)
            lines.append(part[:-1] + ending)

    def _take_unusual(self, line: bytes, read: StreamRead, ending: bytes) -> None:
        if len(self._objects):
            self._look_into(line, read, ending)
        elif is_blank(line):
            read.keep_alives += 1
        elif not _taken(line, read, ending):
            self._look_into(line, read, ending)

    def _look_into(self, piece: bytes, read: StreamRead, ending: bytes) -> None:
        stray: list[bytes] = []
        for found in self._objects.feed(piece):
            whole = StreamRead()
            if not found.whole or not _taken(found.data, whole, ending):
                stray.append(found.data)
                continue
            _tell_stray(stray, read)
            read.add(whole)
        _tell_stray(stray, read)

    def _keep(self, piece: bytes, read: StreamRead, ending: bytes) -> None:
        """An unfinished line, which is looked into where it may hold whole objects."""
        if not piece:
            return
        self._tail.append(piece)
        self._length += len(piece)
        is_long = self._length > _LONG_LINE
        if not is_long and not piece.rstrip().endswith(b"}"):
            return
        tail = b"".join(self._tail)
        if is_long or len(self._objects) or _may_be_whole(tail):
            self._tail, self._length = [], 0
            taken = len(read.ids) + len(read.events)
            self._look_into(tail, read, ending)
            self._end_due = len(read.ids) + len(read.events) > taken and not len(self._objects)


def _lines(data: bytes) -> tuple[list[bytes], bytes, bytes]:
    """Lines, what ended each, and what stands behind the last end."""
    # Two bytes are looked for ten times as slowly as one.
    *parts, rest = data.split(b"\n")
    if all([part.endswith(b"\r") for part in parts]):
        return [part[:-1] for part in parts], b"\r\n", rest
    if b"\r\n" in data:
        *parts, rest = data.split(b"\r\n")
        return parts, b"\r\n", rest
    return parts, b"\n", rest


def _may_be_whole(tail: bytes) -> bool:
    """Whether it is worth looking for objects in a line without an end; most that end so are cut records."""
    try:
        _record(tail)
    except msgspec.ValidationError:
        return True
    except _NO_JSON:
        return _BETWEEN.search(tail) is not None
    return True


def _ending(provenance: bytes) -> bytes:
    return b',"__twarc":' + provenance + b"}\n"


def _tell_stray(stray: list[bytes], read: StreamRead) -> None:
    if stray:
        tell(read, "unparsable", b"".join(stray))
        stray.clear()


def tell(read: StreamRead, event: str, data: bytes) -> None:
    """Keep whole what cannot be read: it was received, and may have been paid for."""
    read.events.append(unread(event, data))
    read.unread += len(data)


def _whole(part: bytes) -> bytes:
    # White space between its parts may hold line ends, and the record is to be one line.
    return part.rstrip().replace(b"\n", b" ").replace(b"\r", b" ")


def _taken(data: bytes, read: StreamRead, ending: bytes) -> bool:
    """Take a JSON value in an unusual place or form, as a record or as an event; False where it is none."""
    try:
        text = data.decode("utf-8-sig").strip()
        found = json.loads(text, parse_constant=_refused)
    except _NO_JSON:
        return False
    post = found.get("data") if isinstance(found, dict) else None
    if isinstance(post, dict) and isinstance(post.get("id"), str):
        read.ids.append(post["id"])
        read.lines.append(_whole(text.encode())[:-1] + ending)
        return True
    read.events.append(message(found, text))
    if not isinstance(found, dict) or _OF_POSTS & found.keys():
        read.unread += len(data)
    return True


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# The size of a chunk, with extensions that nobody uses, and behind another chunk with the end of that.
_SIZE = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_FIRST_SIZE, _NEXT_SIZE = re.compile(_SIZE), re.compile(rb"\r\n" + _SIZE)
_LONGEST_SIZE = 4096


class Chunks:
    """The payload of HTTP's chunked coding, from pieces cut anywhere."""

    def __init__(self) -> None:
        self._tail = b""
        self._left = 0
        self._size = _FIRST_SIZE
        self.ended = False

    def payload(self, piece: bytes) -> bytes:
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


class Plain:
    """A body that is neither chunked nor compressed."""

    ended = False

    def payload(self, piece: bytes) -> bytes:
        return piece
