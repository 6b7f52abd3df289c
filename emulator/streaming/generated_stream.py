"""Generates posts that match the stream's rules, at a rate or as fast as they are read."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from emulator.language import satisfied
from emulator.language.sample import Wish
from emulator.streaming.rules import Rule
from emulator.streaming.stream import Connection, Record, Stream
from emulator.world.generated_posts import FLOW, MadePost
from emulator.world.post_templates import Template, drafted, finished
from emulator.world.vocabulary import PLACES
from emulator.world.world import World

TEMPLATES = 64
TICK = 0.02
# The number of posts that are published before the writers run, about as many as one write takes.
AT_ONCE = 50


@dataclass(frozen=True)
class Kind:
    """A text that flows, its author, and the rules it matches."""

    template: Template
    author: int
    rules: tuple[Rule, ...]
    tail: bytes
    # What the post was made for: a rule, and one of its terms.
    made_for: tuple[int, int]


class Flow:
    """`rate` posts a second, or None for as fast as the client reads; at most `most` in all."""

    def __init__(
        self, world: World, stream: Stream, *, rate: float | None, most: int | None, size: int | None
    ) -> None:
        self.world = world
        self.stream = stream
        self.rate = rate
        self.left = most
        self.size = size
        self._kinds: list[Kind] = []
        self._made_for: tuple[int, object] = (-1, None)
        self._compared: set[int] = set()
        self._at = 0

    def kinds(self) -> list[Kind]:
        """Texts for the rules as they are now; none when no text can be made that matches."""
        view = next((connection.view for connection in self.stream.living()), None)
        if self._made_for != (self.stream.rules.in_force.version, view):
            is_shown_anew = self._made_for[1] != view
            self._made_for = (self.stream.rules.in_force.version, view)
            self._remake(self.stream.rules.in_force.all(), is_shown_anew=is_shown_anew)
        return self._kinds

    def _remake(self, rules: Sequence[Rule], *, is_shown_anew: bool) -> None:
        """Kinds for these rules. A kind that exists already is compared with the new rules only.

        Otherwise thousands of rules would be compared with 64 posts at each change, which blocks everything
        meanwhile.
        """
        before = {kind.made_for: kind for kind in self._kinds}
        added = [rule for rule in rules if rule.id not in self._compared]
        self._compared = {rule.id for rule in rules}
        wanted = range(TEMPLATES) if rules else ()
        found = (
            self._kept(before[key], added, is_shown_anew=is_shown_anew)
            if (key := (rules[number % len(rules)].id, number // len(rules))) in before
            else self._kind(number, rules)
            for number in wanted
        )
        self._kinds = [kind for kind in found if kind]

    def _kept(self, kind: Kind, added: Sequence[Rule], *, is_shown_anew: bool) -> Kind:
        post = MadePost(0, kind.author, kind.template)
        new = [rule for rule in added if rule.matches(post)]
        rules = (*(rule for rule in kind.rules if rule.id in self._compared), *new)
        if rules == kind.rules and not is_shown_anew:
            return kind
        return replace(kind, rules=rules, tail=self._tail(post, rules))

    def _kind(self, number: int, rules: Sequence[Rule]) -> Kind | None:
        rule, branch = rules[number % len(rules)], number // len(rules)
        wish = satisfied(rule.tree, branch=branch)
        template = wished(self.world, wish, number, size=self.size)
        author = self.world.named(wish["author"]) if "author" in wish else None
        author = author if author is not None else self.world.voices.id(number)
        post = MadePost(0, author, template, verified="verified" in wish.get("is", ()))
        matched = tuple(self.stream.rules.matching(post))
        if not matched:
            return None
        return Kind(template, author, matched, self._tail(post, matched), (rule.id, branch))

    def _tail(self, post: MadePost, matched: Sequence[Rule]) -> bytes:
        """What follows the post in its line: the same for every post of a kind."""
        view = next((connection.view for connection in self.stream.living()), None)
        parts = self.stream.pages.expanded([post], view) if view else []
        parts.append(b'"matching_rules":' + orjson.dumps([rule.matched() for rule in matched]))
        return b"," + b",".join(parts) + b"}\r\n"

    def take(self, most: int) -> list[tuple[MadePost, Kind]]:
        """The next posts, created now."""
        kinds = self.kinds()
        count = min(most, self.left if self.left is not None else most) if kinds else 0
        taken = []
        for _ in range(count):
            kind = kinds[self._at % len(kinds)]
            self._at += 1
            taken.append((MadePost(self.world.next_id(FLOW), kind.author, kind.template), kind))
        if self.left is not None:
            self.left -= count
        return taken

    def pull(self, connection: Connection, most: int) -> list[Record]:
        """For a client that reads as fast as it can; nothing while a rate is set."""
        if self.rate is not None:
            return []
        return [self._record(connection, post, kind) for post, kind in self.take(most)]

    def _record(self, connection: Connection, post: MadePost, kind: Kind) -> Record:
        line = b'{"data":' + post.json(connection.view) + kind.tail
        return Record(line, self.stream.truth.stream.publish(post.id, connection.epoch, post.kinds), post.id)

    def publish(self, count: int) -> None:
        living = self.stream.living()
        for post, kind in self.take(count):
            if not living:
                self.stream.truth.stream.publish(post.id, 0, post.kinds)
            for connection in living:
                connection.push(self._record(connection, post, kind))

    async def run(self) -> None:
        """Publish at the rate for ever, whether or not somebody listens; the world does not wait."""
        loop = asyncio.get_running_loop()
        begun, made = loop.time(), 0
        while True:
            await asyncio.sleep(TICK)
            if not self.rate or not self.kinds():
                begun, made = loop.time(), 0
                continue
            due = int((loop.time() - begun) * self.rate) - made
            made += due
            # After a delay of this process many posts are due; a client that needs time for them is not slow.
            while due > 0:
                self.publish(min(due, AT_ONCE))
                due -= AT_ONCE
                await asyncio.sleep(0)


def wished(world: World, wish: Wish, number: int, *, size: int | None) -> Template:
    """A text that holds what a rule asks for."""
    draw = random.Random(world.options.seed * 7919 + number)
    draft = drafted(draw, world.voices, first_words=" ".join(wish.get("words", ())))
    for tag in wish.get("hashtags", ()):
        draft.add_tag(tag)
    for tag in wish.get("cashtags", ()):
        draft.add("cashtags", f"${tag}", tag=tag)
    for name in wish.get("mentions", ()):
        draft.add("mentions", f"@{name}", username=name)
    if "url" in wish:
        draft.add_link(wish["url"] if wish["url"].startswith("http") else f"https://{wish['url']}")
    place = next((p for p in PLACES if wish.get("country") == p[4] or wish.get("place") in p[:3]), None)
    if "point" in wish or place:
        draft.settle(place or PLACES[0], point=wish.get("point"))
    if "lang" in wish:
        draft.lang = wish["lang"]
    if "to" in wish:
        draft.more["in_reply_to_user_id"] = str(world.named(wish["to"]) or 0)
    for name in wish.get("has", ()):
        FEATURES[name](draft)
    return finished(draft, size=size or draw.randrange(2600, 4600))


FEATURES = {
    "hashtags": lambda draft: draft.add_tag("archives"),
    "cashtags": lambda draft: draft.add("cashtags", "$TWTR", tag="TWTR"),
    "links": lambda draft: draft.add_link("https://example.org/flow"),
    "mentions": lambda draft: draft.add("mentions", "@emulator", username="emulator"),
    "media": lambda draft: draft.attach_photo(),
    "images": lambda draft: draft.attach_photo(),
    "videos": lambda draft: draft.attach_photo(),
    "video_link": lambda draft: draft.add_link("https://example.org/flow.mp4"),
    "geo": lambda draft: draft.settle(PLACES[0]),
}


def flow_of(world: World, stream: Stream) -> Flow:
    rate = world.options.stream_rate
    return Flow(
        world,
        stream,
        rate=None if rate == "max" else float(rate),
        most=world.options.stream_posts,
        size=world.options.post_bytes,
    )
