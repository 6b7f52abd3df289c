"""Stored lines become messages: each post once, with an id that is the same however often it is sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from harvester.clock import moment
from harvester.documents import object_in
from harvester.networks import Network
from harvester.networks.records import BrokenLine, Post
from harvester.sinks import Asked, DeadLetter, Message, Position
from harvester.sinks.archive.reader import Line
from harvester.sinks.enrichment import Enrichment

KEYS: tuple[Literal["post", "author"], ...] = ("post", "author")


class Messages:
    """Makes the messages of one sink, in the order of the lines that it is given.

    `since` leaves out posts that were received before it. `received` is when the newest of them was.
    """

    def __init__(
        self,
        asked: Asked,
        network: Network,
        *,
        since: datetime | None = None,
        enrichment: Enrichment | None = None,
    ) -> None:
        self._asked, self._network, self._enrichment = asked, network, enrichment
        self._by_author = asked.settings.get("key") == "author"
        self._since = since
        self.received = ""

    def of(self, lines: Sequence[Line], before: Position) -> tuple[list[Message], list[DeadLetter]]:
        """The messages, and what is none; `before` is the position ahead of the first line."""
        messages: list[Message] = []
        dead: list[DeadLetter] = []
        for line in lines:
            if line.kind == "event":
                messages += self._gap(line)
            else:
                try:
                    messages += self._posts(line, before)
                except BrokenLine as error:
                    broken = self._message(
                        _name(line.position), Post("", line.data), line.data, line.position
                    )
                    dead.append(DeadLetter(broken, f"The stored line {error.why}"))
            before = line.position
        return messages, dead

    def _posts(self, line: Line, before: Position) -> list[Message]:
        posts = self._network.posts(line.data)
        if self._since is not None:
            posts = [post for post in posts if _is_since(post, self._since)]
        if posts and posts[-1].received:
            self.received = posts[-1].received
        harvest, found = line.position.harvest, []
        for post in posts:
            value = self._enrichment.of(post, harvest, line.matched) if self._enrichment else post.value
            # Of a page, only the last post is at its end.
            at = line.position if post is posts[-1] else before
            found.append(self._message(post.id, post, value, at))
        return found

    def _message(self, name: str, post: Post, value: bytes, at: Position) -> Message:
        key = (post.author if self._by_author else "") or post.id or name
        found = f"{self._asked.collection}/{name}"
        return Message(found, key, "post", post.id, post.published, value, at)

    def _gap(self, line: Line) -> list[Message]:
        event = object_in(line.data)
        if self._enrichment:
            self._enrichment.learn(event)
        if event.get("event") != "gap":
            return []
        begin = event.get("from")
        return [
            Message(
                f"{self._asked.collection}/gap/{_digits(line.position)}-{line.position.events}",
                self._asked.collection,
                "gap",
                "",
                begin if isinstance(begin, str) else "",
                line.data,
                line.position,
            )
        ]


def _name(at: Position) -> str:
    """Of a line that is no record, where it stands."""
    return f"line/{_digits(at)}/{at.segment}/{at.line}"


def _digits(at: Position) -> str:
    return "".join(filter(str.isdigit, at.harvest))[:14]


def _is_since(post: Post, since: datetime) -> bool:
    try:
        return moment(post.received) >= since
    except ValueError:
        # A line without a time of receipt is sent rather than left out.
        return True
