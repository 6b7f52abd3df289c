"""However the bytes of a stream are cut and divided, the same records come out, each proven to be JSON."""

import re

import msgspec

from harvester.documents.foreign import loaded
from harvester.documents.lines import split_lines
from harvester.networks.x.streaming.chunks import BrokenStream
from harvester.networks.x.streaming.json_objects import JsonObjects, is_blank
from harvester.networks.x.streaming.messages import message, unread
from harvester.networks.x.streaming.read import StreamRead

# Longer than any record; beyond it the stream is not what it says it is.
LONGEST_RECORD = 16 * 1024 * 1024
# An unfinished line that is longer than most records is looked into, as it may hold some.
_LONG_LINE = 64 * 1024
# Two objects without even a comma between them.
_BETWEEN = re.compile(rb"\}\s*\{")
_NO_JSON = (ValueError, RecursionError)
# What X wraps a post in; an object that has some of it and no id may be a post.
_OF_POSTS = {"data", "includes", "matching_rules"}


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

    def take(self, lines: list[bytes], provenance: bytes) -> StreamRead:
        """As `split`, of whole lines that end with CR LF; quicker where each of them is a record."""
        if not (self._tail or len(self._objects) or self._end_due):
            try:
                ids = [_record(line).data.id for line in lines]
                for line in lines:
                    line.decode()
            except _NO_JSON:
                pass
            else:
                ending = _ending(provenance)
                return StreamRead([_stored(line, ending) for line in lines], ids)
        return self.split(b"".join(lines), provenance)

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
        held = len(self._objects)
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
                held = len(self._objects)
                continue
            if held and not is_blank(left := self._objects.take()):
                # Cut before its end, as this line is a record of its own.
                tell(read, "unparsable", left)
            ids.append(post_id)
            lines.append(_whole(part)[:-1] + ending)

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
    lines, rest = split_lines(data)
    if all([line.endswith(b"\r\n") for line in lines]):
        return [line[:-2] for line in lines], b"\r\n", rest
    if b"\r\n" in data:
        *lines, rest = data.split(b"\r\n")
        return lines, b"\r\n", rest
    return [line[:-1] for line in lines], b"\n", rest


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


def _stored(line: bytes, ending: bytes) -> bytes:
    """A record that ends with CR LF, as it is stored."""
    if line.find(b"\r") == len(line) - 2 and line.endswith(b"}\r\n"):
        return line[:-3] + ending
    return _whole(line)[:-1] + ending


def _whole(part: bytes) -> bytes:
    if part[-1:] != b"}":
        part = part.rstrip()
    # White space between its parts may hold line ends, and the record is to be one line.
    return part.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in part or b"\r" in part else part


def _taken(data: bytes, read: StreamRead, ending: bytes) -> bool:
    """Take a JSON value in an unusual place or form, as a record or as an event; False if it is not one."""
    try:
        text = data.decode("utf-8-sig").strip()
        found = loaded(text)
    except _NO_JSON:
        return False
    post = found.get("data") if isinstance(found, dict) else None
    if isinstance(post, dict) and (isinstance(post.get("id"), str) or type(post.get("id")) is int):
        read.ids.append(str(post["id"]))
        read.lines.append(_whole(text.encode())[:-1] + ending)
        return True
    read.events.append(message(found, text))
    if not isinstance(found, dict) or _OF_POSTS & found.keys():
        read.unread += len(data)
    return True
