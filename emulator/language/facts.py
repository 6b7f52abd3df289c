"""The facts about a post that a query can test, read once from its JSON."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Words are runs of letters and digits; every other visible sign beyond ASCII (emoji) is a word of its own.
WORD = re.compile(r"\w+|[^\x00-\x7f\s]")
Box = tuple[float, float, float, float]


def padded(text: str) -> str:
    """The words of a text, lower case, each with a space on both sides."""
    return f" {' '.join(WORD.findall(text.lower()))} "


@dataclass(frozen=True, kw_only=True)
class Facts:
    text: str = "  "
    quoted: str = "  "
    hashtags: frozenset[str] = frozenset()
    cashtags: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()
    urls: str = "  "
    lang: str = "und"
    kinds: frozenset[str] = frozenset()
    has: frozenset[str] = frozenset()
    to: frozenset[str] = frozenset()
    retweets_of: frozenset[str] = frozenset()
    references: Mapping[str, str] | None = None
    conversation: str = ""
    context: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    place: str = "  "
    country: str = ""
    box: Box | None = None
    metrics: Mapping[str, int] | None = None


def facts_of(
    post: Mapping[str, Any],
    *,
    place: Mapping[str, Any] | None = None,
    media: Iterable[Mapping[str, Any]] = (),
    referenced: Mapping[str, Mapping[str, Any]] | None = None,
    names: Mapping[str, str] | None = None,
) -> Facts:
    """`referenced` are posts by id and `names` lower-case user names by id, where they are known."""
    entities = post.get("entities") or {}
    references = {ref["type"]: ref["id"] for ref in post.get("referenced_tweets") or []}
    known, people = referenced or {}, names or {}
    quoted = known.get(references.get("quoted", ""), {})
    original = known.get(references.get("retweeted", ""), {})
    original = original if "author_id" in original else {}
    links = entities.get("urls") or []
    annotations = post.get("context_annotations") or []
    reply_to = str(post.get("in_reply_to_user_id") or "")
    return Facts(
        text=padded(long_text(post)),
        quoted=padded(long_text(quoted)) if quoted else "  ",
        hashtags=lower(entities.get("hashtags"), "tag"),
        cashtags=lower(entities.get("cashtags"), "tag"),
        mentions=lower(entities.get("mentions"), "username"),
        urls=padded(" ".join(str(link.get(key, "")) for link in links for key in ("url", "expanded_url"))),
        lang=post.get("lang") or "und",
        kinds=kinds(references, reply_to),
        has=features(post, entities, media),
        to=frozenset({reply_to, people.get(reply_to, reply_to)} - {""}),
        retweets_of=frozenset(
            {original["author_id"], people.get(original["author_id"], "")} - {""} if original else ()
        ),
        references=references,
        conversation=str(post.get("conversation_id") or ""),
        context=frozenset(f"{a['domain']['id']}.{a['entity']['id']}" for a in annotations),
        entities=frozenset(a["entity"]["name"].lower() for a in annotations if "name" in a["entity"]),
        place=padded(" ".join(str((place or {}).get(key, "")) for key in ("id", "name", "full_name"))),
        country=str((place or {}).get("country_code") or "").upper(),
        box=box_of(post, place),
        metrics=post.get("public_metrics"),
    )


def long_text(post: Mapping[str, Any]) -> str:
    return str((post.get("note_tweet") or {}).get("text") or post.get("text") or "")


def lower(items: Iterable[Mapping[str, Any]] | None, key: str) -> frozenset[str]:
    return frozenset(str(item.get(key, "")).lower() for item in items or ())


def kinds(references: Mapping[str, str], reply_to: str) -> frozenset[str]:
    names = {"retweeted": "retweet", "quoted": "quote", "replied_to": "reply"}
    found = {names[kind] for kind in references if kind in names}
    return frozenset(found | ({"reply"} if reply_to else set()))


def features(
    post: Mapping[str, Any], entities: Mapping[str, Any], media: Iterable[Mapping[str, Any]]
) -> frozenset[str]:
    types = {item.get("type") for item in media}
    keys = (post.get("attachments") or {}).get("media_keys") or []
    present = {
        "hashtags": entities.get("hashtags"),
        "cashtags": entities.get("cashtags"),
        "links": entities.get("urls"),
        "mentions": entities.get("mentions"),
        "media": keys,
        "images": "photo" in types or any(key.startswith("3_") for key in keys),
        "videos": "video" in types or any(key.startswith(("7_", "13_")) for key in keys),
        "geo": post.get("geo"),
    }
    return frozenset(name for name, value in present.items() if value)


def box_of(post: Mapping[str, Any], place: Mapping[str, Any] | None) -> Box | None:
    """The point of a post as a box without size, else the box of its place."""
    point = ((post.get("geo") or {}).get("coordinates") or {}).get("coordinates")
    if point:
        return (point[0], point[1], point[0], point[1])
    bounds = ((place or {}).get("geo") or {}).get("bbox")
    return tuple(bounds) if bounds and len(bounds) == 4 else None
