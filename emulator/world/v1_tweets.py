"""Tweets of API 1.1 as v2 objects, as far as their fields go; the id stays."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from emulator.clock import iso

SOURCE = re.compile(r"<[^>]*>")


def moment(text: str) -> str:
    return iso(datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y").timestamp())


def is_legacy(thing: Mapping[str, Any]) -> bool:
    return "id_str" in thing and isinstance(thing.get("user"), dict)


def as_page(tweet: Mapping[str, Any]) -> dict[str, Any]:
    """The tweet as a v2 page of one post with its includes."""
    includes: dict[str, list[Any]] = {"users": [], "tweets": [], "media": [], "places": []}
    data = converted(tweet, includes)
    return {"data": [data], "includes": includes}


def converted(tweet: Mapping[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    whole = {**tweet, **(tweet.get("extended_tweet") or {})}
    text = whole.get("full_text") or tweet.get("full_text") or tweet.get("text") or ""
    post: dict[str, Any] = {
        "id": tweet["id_str"],
        "text": text,
        "author_id": str(tweet["user"]["id_str"]),
        "created_at": moment(tweet["created_at"]),
        "conversation_id": tweet.get("in_reply_to_status_id_str") or tweet["id_str"],
        "edit_history_tweet_ids": [tweet["id_str"]],
        "lang": tweet.get("lang") or "und",
        "source": SOURCE.sub("", tweet.get("source") or ""),
        "possibly_sensitive": bool(tweet.get("possibly_sensitive", False)),
        "reply_settings": "everyone",
        "public_metrics": metrics(tweet),
    }
    if tweet.get("in_reply_to_user_id_str"):
        post["in_reply_to_user_id"] = tweet["in_reply_to_user_id_str"]
    includes["users"].append(user(tweet["user"]))
    if references := referenced(tweet, includes):
        post["referenced_tweets"] = references
    if entities := v2_entities(whole.get("entities") or {}):
        post["entities"] = entities
    if keys := attached(whole, includes):
        post["attachments"] = {"media_keys": keys}
    if geo := located(tweet, includes):
        post["geo"] = geo
    return post


def metrics(tweet: Mapping[str, Any]) -> dict[str, int]:
    names = {
        "retweet_count": "retweet_count",
        "reply_count": "reply_count",
        "favorite_count": "like_count",
        "quote_count": "quote_count",
    }
    return {new: int(tweet.get(old) or 0) for old, new in names.items()}


def referenced(tweet: Mapping[str, Any], includes: dict[str, list[Any]]) -> list[dict[str, str]]:
    references = []
    for old, kind in (("retweeted_status", "retweeted"), ("quoted_status", "quoted")):
        if isinstance(tweet.get(old), dict):
            includes["tweets"].append(converted(tweet[old], includes))
            references.append({"type": kind, "id": tweet[old]["id_str"]})
    if tweet.get("in_reply_to_status_id_str"):
        references.append({"type": "replied_to", "id": tweet["in_reply_to_status_id_str"]})
    return references


def v2_entities(entities: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    made = {
        "hashtags": [{**span(tag), "tag": tag["text"]} for tag in entities.get("hashtags") or ()],
        "cashtags": [{**span(tag), "tag": tag["text"]} for tag in entities.get("symbols") or ()],
        "mentions": [
            {**span(who), "username": who["screen_name"], "id": who["id_str"]}
            for who in entities.get("user_mentions") or ()
        ],
        "urls": [
            {
                **span(link),
                "url": link["url"],
                "expanded_url": link.get("expanded_url") or link["url"],
                "display_url": link.get("display_url") or link["url"],
            }
            for link in [*(entities.get("urls") or ()), *(entities.get("media") or ())]
        ],
    }
    return {kind: items for kind, items in made.items() if items}


def span(entity: Mapping[str, Any]) -> dict[str, int]:
    return {"start": entity["indices"][0], "end": entity["indices"][1]}


def attached(tweet: Mapping[str, Any], includes: dict[str, list[Any]]) -> list[str]:
    prefixes = {"photo": "3", "video": "7", "animated_gif": "16"}
    keys = []
    for item in ((tweet.get("extended_entities") or tweet.get("entities") or {}).get("media")) or ():
        kind = item.get("type", "photo")
        key = f"{prefixes.get(kind, '3')}_{item['id_str']}"
        keys.append(key)
        shown = {"preview_image_url" if kind != "photo" else "url": item.get("media_url_https", "")}
        includes["media"].append({"media_key": key, "type": kind, **shown})
    return keys


def located(tweet: Mapping[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    geo: dict[str, Any] = {}
    if place := tweet.get("place"):
        geo["place_id"] = place["id"]
        names = ("id", "name", "full_name", "country", "country_code", "place_type")
        corners = ((place.get("bounding_box") or {}).get("coordinates") or [[]])[0]
        shown = {name: place.get(name) for name in names}
        if corners:
            box = [f(corner[axis] for corner in corners) for f in (min, max) for axis in (0, 1)]
            shown["geo"] = {"type": "Feature", "bbox": box, "properties": {}}
        includes["places"].append(shown)
    if tweet.get("coordinates"):
        geo["coordinates"] = tweet["coordinates"]
    return geo


def user(old: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": old["id_str"],
        "name": old.get("name") or "",
        "username": old.get("screen_name") or "",
        "created_at": moment(old["created_at"]) if old.get("created_at") else iso(0),
        "description": old.get("description") or "",
        "location": old.get("location") or "",
        "url": old.get("url") or "",
        "protected": bool(old.get("protected")),
        "verified": bool(old.get("verified")),
        "profile_image_url": old.get("profile_image_url_https") or "",
        "public_metrics": {
            "followers_count": int(old.get("followers_count") or 0),
            "following_count": int(old.get("friends_count") or 0),
            "tweet_count": int(old.get("statuses_count") or 0),
            "listed_count": int(old.get("listed_count") or 0),
            "like_count": int(old.get("favourites_count") or 0),
        },
    }
