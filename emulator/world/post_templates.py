"""The texts of generated posts: a few hundred, so that a post is a template, an id and an author."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson

from emulator.language import Facts, facts_of
from emulator.world.accounts import Accounts
from emulator.world.loaded_posts import Links, links
from emulator.world.vocabulary import ADJECTIVES, DEVICES, MORE, NOUNS, PLACES, SENTENCES, SITES, TAGS, TOPICS

# Stand-ins in a template, replaced in its bytes; each is a value no text can hold.
ID, AUTHOR, CREATED, EDITABLE = (
    "\u0001id\u0001",
    "\u0001author\u0001",
    "\u0001created\u0001",
    "\u0001editable\u0001",
)
SLOTS = (ID, AUTHOR, CREATED, EDITABLE)


@dataclass(frozen=True)
class Known:
    """The parts of a post that do not depend on id, author and time, computed on first use."""

    post: Mapping[str, Any]
    place: Mapping[str, Any] | None = None

    @cached_property
    def facts(self) -> Facts:
        return facts_of({**self.post, "conversation_id": ""}, place=self.place)

    @cached_property
    def links(self) -> Links:
        return links(self.post)


@dataclass(frozen=True, kw_only=True)
class Template:
    """A post without id, author and time."""

    known: Known
    rendered: dict[Any, tuple[bytes, Callable[[Any], Any]]] = field(default_factory=dict, compare=False)

    @property
    def post(self) -> Mapping[str, Any]:
        return self.known.post

    @property
    def facts(self) -> Facts:
        return self.known.facts

    @property
    def links(self) -> Links:
        return self.known.links

    @property
    def kinds(self) -> frozenset[str]:
        return self.facts.kinds

    @cached_property
    def alone(self) -> bool:
        """Whether it refers to nothing but its author and itself."""
        return replace(self.links, history=()) == Links()


class Draft:
    """A text under construction, with its entities at the right places."""

    def __init__(self, draw: random.Random, *, lang: str, text: str) -> None:
        self.draw = draw
        self.lang = lang
        self.text = text
        self.entities: dict[str, list[dict[str, Any]]] = {}
        self.more: dict[str, Any] = {}
        self.posts: list[int] = []
        self.places: list[str] = []

    def add(self, kind: str, shown: str, **entity: Any) -> None:
        start = len(self.text) + 1
        self.text += f" {shown}"
        self.entities.setdefault(kind, []).append({"start": start, "end": start + len(shown), **entity})

    def add_tag(self, tag: str) -> None:
        self.add("hashtags", f"#{tag}", tag=tag)

    def add_link(self, expanded: str, **entity: Any) -> None:
        short = f"https://t.co/{self.draw.getrandbits(52):010x}"[:23]
        shown = expanded.removeprefix("https://")
        self.add("urls", short, url=short, expanded_url=expanded, display_url=shown[:30], **entity)

    def add_mention(self, accounts: Accounts, number: int) -> None:
        name = accounts.username(number)
        self.add("mentions", f"@{name}", username=name, id=str(accounts.id(number)))

    def settle(self, place: tuple[Any, ...], *, point: list[float] | None = None) -> None:
        self.places.append(place[0])
        self.more["geo"] = {"place_id": place[0]}
        if point:
            self.more["geo"]["coordinates"] = {"type": "Point", "coordinates": point}

    def attach_photo(self) -> None:
        key = f"3_{self.draw.getrandbits(60)}"
        self.more["attachments"] = {"media_keys": [key]}
        self.add_link(f"https://example.com/photo/{key}", media_key=key)

    def refer(self, kind: str, post_id: int) -> None:
        self.posts.append(post_id)
        self.more["referenced_tweets"] = [{"type": kind, "id": str(post_id)}]


def drafted(draw: random.Random, accounts: Accounts, *, first_words: str = "") -> Draft:
    """A text of its own with the ornaments posts have: tags, links, mentions, places, photos."""
    lang, sentence = draw.choice(SENTENCES)
    text = sentence.format(a=draw.choice(ADJECTIVES), n=draw.choice(NOUNS))
    draft = Draft(draw, lang=lang, text=" ".join(filter(None, [first_words, text + ".", draw.choice(MORE)])))
    for tag in draw.sample(TAGS, draw.choice((0, 0, 1, 2))):
        draft.add_tag(tag)
    if accounts.count and draw.random() < 0.3:
        draft.add_mention(accounts, draw.randrange(min(accounts.count, 20)))
    if draw.random() < 0.35:
        draft.add_link(f"https://{draw.choice(SITES)}/{draw.choice(TAGS)}/{draw.randrange(10_000)}")
    if draw.random() < 0.1:
        draft.attach_photo()
    if draw.random() < 0.08:
        place = draw.choice(PLACES)
        west, south, east, north = place[6:]
        middle = [round((west + east) / 2, 6), round((south + north) / 2, 6)]
        draft.settle(place, point=middle if draw.random() < 0.5 else None)
    return draft


def finished(draft: Draft, *, size: int) -> Template:
    """The template with metrics, controls and as many topics as bring it near `size` bytes."""
    draw = draft.draw
    likes = int(draw.paretovariate(1.1)) - 1
    post: dict[str, Any] = {
        "id": ID,
        "text": draft.text,
        "author_id": AUTHOR,
        "created_at": CREATED,
        "conversation_id": ID,
        "edit_history_tweet_ids": [ID],
        "edit_controls": {
            "edits_remaining": 5,
            "is_edit_eligible": not draft.posts,
            "editable_until": EDITABLE,
        },
        "lang": draft.lang,
        "source": draw.choice(DEVICES),
        "possibly_sensitive": False,
        "reply_settings": "everyone",
        "public_metrics": {
            "retweet_count": likes // 3,
            "reply_count": likes // 5,
            "like_count": likes,
            "quote_count": likes // 11,
            "bookmark_count": likes // 7,
            "impression_count": likes * 37,
        },
        **draft.more,
    }
    if draft.entities:
        post["entities"] = draft.entities
    pad(post, draw, size=size)
    place = place_object(draft.places[0]) if draft.places else None
    return Template(known=Known(post, place))


def pad(post: dict[str, Any], draw: random.Random, *, size: int) -> None:
    topics = []
    length = len(orjson.dumps(post))
    while length < size - 180:
        topic = draw.choice(TOPICS)
        annotation = {
            "domain": {"id": topic[0], "name": topic[1], "description": topic[2]},
            "entity": {"id": str(int(topic[3]) + draw.randrange(1000)), "name": topic[4]},
        }
        topics.append(annotation)
        length += len(orjson.dumps(annotation)) + 1
    if topics:
        post["context_annotations"] = topics


def place_object(place_id: str) -> dict[str, Any] | None:
    """The place with all its fields, None when it is not a generated one."""
    for place in PLACES:
        if place[0] == place_id:
            names = ("id", "name", "full_name", "country", "country_code", "place_type")
            box = {"type": "Feature", "bbox": list(place[6:]), "properties": {}}
            return {**dict(zip(names, place[:6], strict=True)), "geo": box}
    return None


def media_object(key: str) -> dict[str, Any]:
    return {
        "media_key": key,
        "type": "photo",
        "url": f"https://pbs.example.com/media/{key}.jpg",
        "width": 1200,
        "height": 800,
        "alt_text": "a photo",
    }
