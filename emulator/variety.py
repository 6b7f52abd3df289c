"""Answers as X might give them tomorrow: all that it promises, and everything else by chance from a seed.

White space, line ends, escapes, the order of members, members that no reader may rely on, `data` that is
empty or absent, the case of header names, headers that may be missing, and where a body is cut into pieces.
"""

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import orjson

# Members that the OpenAPI document declares and does not require, and that no other answer depends on.
MAY_LACK = {
    "post": (
        *(
            "created_at",
            "lang",
            "source",
            "possibly_sensitive",
            "reply_settings",
            "conversation_id",
            "entities",
        ),
        *("context_annotations", "public_metrics", "edit_controls", "edit_history_tweet_ids", "author_id"),
    ),
    "user": ("name", "created_at", "description", "public_metrics", "verified", "verified_type", "entities"),
    "meta": ("newest_id", "oldest_id"),
}
HEADERS = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
MORE_HEADERS = ("x-access-level", "x-response-time", "x-transaction-id", "Content-Type")
SPACES = ("", "", "", " ", "\n", "\r\n", "\t", "  \n")
# What may stand behind a record of a stream; behind a blank line stands a line end in any case.
LINE_ENDS = (b"\r\n", b"\r\n", b"\n", b"\n\n", b"\r\n\r\n", b"\r", b" ", b"")
BLANK_ENDS = LINE_ENDS[:5]


class Variety:
    """One emulator's; each answer draws from the same stream of chance."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def body(self, body: bytes) -> bytes:
        """The same answer in another form; what is no JSON object stays as it is."""
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        if not isinstance(answer, dict):
            return body
        return self._written(self._lacking(answer)).encode()

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Names in any case; those of the rate window are there all or not at all."""
        missing = set(HEADERS) if self._often(0.3) else set()
        missing |= {name for name in MORE_HEADERS if self._often(0.3)}
        return {self._cased(name): text for name, text in headers.items() if name not in missing}

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """The body cut at a few places, which may lie within a character or a line end."""
        cuts = sorted(self._random.randrange(len(body) + 1) for _ in range(self._random.randrange(4)))
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            if start < end:
                yield body[start:end]

    def is_chunked(self) -> bool:
        return self._often(0.5)

    def lines(self, data: bytes) -> bytes:
        """Records and blank lines of a stream, each in another form and with another end."""
        *lines, rest = data.split(b"\r\n")
        return b"".join(map(self._line, lines)) + rest

    def _line(self, line: bytes) -> bytes:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            return line + self._random.choice(BLANK_ENDS)
        if isinstance(record, dict) and "data" in record:
            indent = self._random.choice((None, None, None, 0, 2))
            line = self._spelled(self._lacking(record), indent=indent).encode()
        return line + self._random.choice(LINE_ENDS)

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    def _cased(self, name: str) -> str:
        return self._random.choice((name, name.lower(), name.upper(), name.title()))

    def _lacking(self, answer: dict[str, Any]) -> dict[str, Any]:
        data, includes = answer.get("data"), answer.get("includes") or {}
        for thing in data if isinstance(data, list) else [data]:
            if isinstance(thing, dict):
                self._drop(thing, MAY_LACK["user" if "username" in thing else "post"])
        for user in includes.get("users") or ():
            self._drop(user, MAY_LACK["user"])
        meta = answer.get("meta")
        if isinstance(meta, dict):
            self._drop(meta, MAY_LACK["meta"])
            if meta.get("result_count") == 0 and "data" not in answer and self._often(0.5):
                answer["data"] = []
        return answer

    def _drop(self, thing: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            if self._often(0.2):
                thing.pop(name, None)

    def _written(self, answer: dict[str, Any]) -> str:
        before, behind = self._random.choice(SPACES), self._random.choice(SPACES)
        return before + self._spelled(answer, indent=self._random.choice((None, None, 1, 4))) + behind

    def _spelled(self, value: Any, *, indent: int | None) -> str:
        separators = self._random.choice(((",", ":"), (", ", ": "), (" , ", " : ")))
        text = json.dumps(
            self._shuffled(value), indent=indent, ensure_ascii=self._often(0.5), separators=separators
        )
        return text if indent is None else text.replace("\n", self._random.choice(("\n", "\r\n")))

    def _shuffled(self, value: Any) -> Any:
        """Members in another order; that of lists means something and stays."""
        if isinstance(value, list):
            return [self._shuffled(each) for each in value]
        if not isinstance(value, dict):
            return value
        names = list(value)
        self._random.shuffle(names)
        return {name: self._shuffled(value[name]) for name in names}
