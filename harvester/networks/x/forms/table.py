"""A flattened post as the cells of a table, with the columns and values of twarc-csv 0.7."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import orjson

from harvester.documents import Tree
from harvester.networks.x.decoding import objects
from harvester.networks.x.forms import v1_as_v2

_NAMES = """
    id conversation_id referenced_tweets.replied_to.id referenced_tweets.retweeted.id
    referenced_tweets.quoted.id author_id in_reply_to_user_id in_reply_to_username retweeted_user_id
    retweeted_username quoted_user_id quoted_username created_at text lang source
    public_metrics.impression_count public_metrics.reply_count public_metrics.retweet_count
    public_metrics.quote_count public_metrics.like_count public_metrics.bookmark_count reply_settings
    edit_history_tweet_ids edit_controls.edits_remaining edit_controls.editable_until
    edit_controls.is_edit_eligible possibly_sensitive withheld.scope withheld.copyright
    withheld.country_codes entities.annotations entities.cashtags entities.hashtags entities.mentions
    entities.urls context_annotations attachments.media attachments.media_keys
    attachments.poll.duration_minutes attachments.poll.end_datetime attachments.poll.id
    attachments.poll.options attachments.poll.voting_status attachments.poll_ids author.id
    author.created_at author.username author.name author.description author.entities.description.cashtags
    author.entities.description.hashtags author.entities.description.mentions
    author.entities.description.urls author.entities.url.urls author.url author.location
    author.pinned_tweet_id author.profile_image_url author.protected author.public_metrics.followers_count
    author.public_metrics.following_count author.public_metrics.listed_count
    author.public_metrics.tweet_count author.verified author.verified_type author.withheld.scope
    author.withheld.copyright author.withheld.country_codes geo.coordinates.coordinates
    geo.coordinates.type geo.country geo.country_code geo.full_name geo.geo.bbox geo.geo.type geo.id
    geo.name geo.place_id geo.place_type matching_rules __twarc.retrieved_at __twarc.url __twarc.version
"""
COLUMNS: tuple[str, ...] = tuple(_NAMES.split())

Cells = Callable[[Tree], list[str]]


# For each name: the place of the cell, or -1, and the names below it.
_Plan = dict[str, tuple[int, "_Plan"]]


def cells_of(columns: Sequence[str]) -> Cells:
    """A function that makes the cells of a post in these columns, each a path of members joined by dots."""
    plan, twice = _planned(columns)
    empty = [""] * len(columns)

    def cells(post: Tree) -> list[str]:
        found = empty.copy()
        _fill(found, plan, _shown(v1_as_v2.as_v2(post) if "id_str" in post else post))
        for place, first in twice:
            found[place] = found[first]
        return found

    return cells


def _planned(columns: Sequence[str]) -> tuple[_Plan, list[tuple[int, int]]]:
    """The columns by their paths, and the places of those that were named before."""
    plan: _Plan = {}
    twice = []
    for place, column in enumerate(columns):
        below, names = plan, column.split(".")
        for name in names[:-1]:
            below = below.setdefault(name, (-1, {}))[1]
        first, inner = below.get(names[-1], (-1, {}))
        if first >= 0:
            twice.append((place, first))
        else:
            below[names[-1]] = (place, inner)
    return plan, twice


def _fill(found: list[str], plan: _Plan, tree: Tree) -> None:
    for name, (place, below) in plan.items():
        value = tree.get(name)
        if value is None:
            continue
        if type(value) is dict:
            if below:
                _fill(found, below, value)
        elif place >= 0:
            plain = type(value) is str and "\n" not in value and "\r" not in value
            found[place] = value if plain else _cell(value)


_encode = json.JSONEncoder(check_circular=False).encode


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\r", "").replace("\n", r"\n")
    if type(value) is list:
        return _plain_list(value) or _list(value)
    return str(value)


def _list(value: list[Any]) -> str:
    """Its JSON. What is in lists, such as the topics of posts, comes again and again."""
    try:
        return f"[{', '.join([_item(orjson.dumps(each)) for each in value])}]"
    except TypeError:
        # Half of a surrogate pair, or a number of more than 64 bits.
        return _encode(value)


@lru_cache(maxsize=20_000)
def _item(data: bytes) -> str:
    return _encode(orjson.loads(data))


def _plain_list(value: list[Any]) -> str:
    """The JSON of texts that need no escapes, several times as fast; empty for all other lists."""
    try:
        inside = '", "'.join(value)
    except TypeError:
        return ""
    needs_none = inside.isascii() and inside.isprintable() and "\\" not in inside
    return f'["{inside}"]' if value and needs_none and inside.count('"') == 2 * (len(value) - 1) else ""


def _shown(post: Tree) -> Tree:
    """A copy of the post with the values that twarc-csv shows; the post itself is not changed."""
    shown = {**post, "referenced_tweets": {}}
    found = objects(post.get("referenced_tweets"))
    if found:
        shown["referenced_tweets"] = {
            str(each.get("type")): {"id": each.get("id")} for each in reversed(found)
        }
        for kind, prefix in (("replied_to", "in_reply_to"), ("retweeted", "retweeted"), ("quoted", "quoted")):
            _refer(shown, [each for each in found if each.get("type") == kind], kind, prefix)
    shown["entities"] = _entities(shown.get("entities"))
    if isinstance(shown.get("author"), dict):
        shown["author"] = _author(shown["author"])
    return shown


# The members that a repost takes from the reposted post.
_MERGED = ("text", "entities", "attachments", "context_annotations", "public_metrics")


def _refer(shown: Tree, found: list[Tree], kind: str, prefix: str) -> None:
    if not found:
        return
    other = found[-1]
    author = other.get("author")
    if isinstance(author, dict) and "username" in author:
        shown[f"{prefix}_username"] = author["username"]
    if kind != "replied_to" and "author_id" in other:
        shown[f"{prefix}_user_id"] = other["author_id"]
    if kind == "retweeted":
        shown.update({name: other.get(name, shown.get(name)) for name in _MERGED})


def _author(author: Tree) -> Tree:
    entities = author.get("entities")
    if not isinstance(entities, dict) or not entities:
        return author
    shown = {**author, "entities": {**entities, "description": _entities(entities.get("description"))}}
    if isinstance(entities.get("url"), dict):
        urls = [_link(url) for url in objects(entities["url"].get("urls"))]
        shown["entities"]["url"] = {"urls": urls}
        shown["url"] = urls[-1] if urls else author.get("url")
    return shown


def _entities(entities: Any) -> Any:
    if not isinstance(entities, dict):
        return entities
    shown = {name: value for name, value in entities.items() if isinstance(value, list)}
    for name, sign, member in (
        ("cashtags", "$", "tag"),
        ("hashtags", "#", "tag"),
        ("mentions", "@", "username"),
    ):
        if name in shown:
            shown[name] = [f"{sign}{each.get(member)}" for each in objects(shown[name])]
    if "urls" in shown:
        shown["urls"] = [
            url.get("display_url") if "media_key" in url else _link(url) for url in objects(shown["urls"])
        ]
    return shown


def _link(url: Tree) -> Any:
    return url.get("expanded_url", url.get("url"))
