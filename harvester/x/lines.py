"""However the bytes of a stream are cut on their way, the same records come out, each proven to be JSON."""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

# Longer than any record; beyond it the stream is not what it says it is.
LONGEST_RECORD = 16 * 1024 * 1024


class BrokenStream(Exception):
    """The bytes of the connection no longer make sense; only another connection helps."""


class _Identified(msgspec.Struct):
    id: str


class _Record(msgspec.Struct):
    data: _Identified


_record = msgspec.json.Decoder(_Record).decode


@dataclass
class Lines:
    """What one read held: records as lines, their ids, and everything else as `others`."""

    records: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    keep_alives: int = 0

    @property
    def alive(self) -> bool:
        """Whether anything came whole; half a record is no sign of life to date a gap by."""
        return bool(self.records or self.keep_alives or self.others)


class LineSplitter:
    """Splits at CR LF, wherever the pieces are cut; what follows the last one waits for the next piece."""

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._held = 0

    @property
    def partial(self) -> bytes:
        return b"".join(self._tail)

    def split(self, piece: bytes, provenance: bytes) -> Lines:
        lines = Lines()
        # A line end may itself be cut in two, so that the tail's last byte is looked at again.
        if b"\n" not in piece:
            self._keep(piece)
            return lines
        parts = b"".join([*self._tail, piece]).split(b"\r\n")
        self._tail, self._held = [], 0
        self._keep(parts.pop())
        ending = b',"__twarc":' + provenance + b"}\n"
        records, ids = lines.records, lines.ids
        for part in parts:
            if not part:
                lines.keep_alives += 1
                continue
            try:
                part.decode()
                ids.append(_record(part).data.id)
                records.append(_whole(part)[:-1] + ending)
            except ValueError:
                _other(part, ending, lines)
        return lines

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._held += len(piece)
        if self._held > LONGEST_RECORD:
            raise BrokenStream(f"{self._held} bytes came without a line end")


def _whole(part: bytes) -> bytes:
    if part[-1:] != b"}":
        part = part.rstrip()
    # White space between its parts may hold line ends, and the record is to be one line.
    return part.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in part or b"\r" in part else part


def _other(part: bytes, ending: bytes, lines: Lines) -> None:
    """Whatever is not plainly a record: it may be one in an unusual form, else it is told as it is."""
    try:
        found = json.loads(part)
    except ValueError:
        shown = part[:300].decode(errors="replace")
        lines.others.append({"event": "unparsable", "bytes": len(part), "text": shown})
        return
    data = found.get("data") if isinstance(found, dict) else None
    if isinstance(data, dict) and isinstance(data.get("id"), str):
        lines.ids.append(data["id"])
        lines.records.append(_whole(part.strip())[:-1] + ending)
    else:
        lines.others.append(_event(found))


def _event(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {"event": "message", "message": found}
    errors = [error for error in found.get("errors") or () if isinstance(error, dict)]
    ends = [error for error in errors if "disconnect" in f"{error.get('type')}{error.get('title')}"]
    if ends or "disconnect" in found:
        first = ends[0] if ends else found["disconnect"]
        return {
            "event": "disconnect",
            "disconnect_type": first.get("disconnect_type") or first.get("title") or "",
            "detail": first.get("detail") or first.get("reason") or "",
            "message": found,
        }
    return {"event": "limit" if "limit" in found else "error" if errors else "message", "message": found}


class Chunks:
    """The payload of HTTP's chunked coding, from pieces cut anywhere."""

    def __init__(self) -> None:
        self._tail = b""
        self._left = 0
        self._line_end_due = False
        self.ended = False

    def payload(self, piece: bytes) -> bytes:
        data = self._tail + piece if self._tail else piece
        found: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.ended:
            if self._left:
                taken = min(self._left, end - at)
                found.append(data[at : at + taken])
                at += taken
                self._left -= taken
                self._line_end_due = not self._left
                continue
            stop = data.find(b"\r\n", at)
            if stop < 0:
                break
            self._begin(data[at:stop])
            at = stop + 2
        self._tail = data[at:]
        return found[0] if len(found) == 1 else b"".join(found)

    def _begin(self, line: bytes) -> None:
        if self._line_end_due:
            self._line_end_due = False
            if line:
                raise BrokenStream("a chunk is longer than it was said to be")
            return
        try:
            self._left = int(line.split(b";")[0], 16)
        except ValueError:
            raise BrokenStream("a chunk begins without its size") from None
        self.ended = not self._left


class Plain:
    """A body that is neither chunked nor compressed."""

    ended = False

    def payload(self, piece: bytes) -> bytes:
        return piece
