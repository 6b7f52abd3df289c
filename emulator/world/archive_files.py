"""Files of collected posts become pages again: v2 pages, stream objects, flattened posts and 1.1 tweets."""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from emulator.world.v1_tweets import as_page, is_legacy


@dataclass
class Archive:
    """Pages in the order of the files; `skipped` counts lines that are no JSON or no posts."""

    pages: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0


def loaded(paths: tuple[str, ...]) -> Archive:
    archive = Archive()
    for path in paths:
        for thing in documents(Path(path), archive):
            page = as_page_of(thing)
            if page is None:
                archive.skipped += 1
            else:
                archive.pages.append(page)
    return archive


def documents(path: Path, archive: Archive) -> Iterator[Mapping[str, Any]]:
    """JSON objects of a file: one document, or one a line; gzip by its first bytes, not its name."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    try:
        whole = orjson.loads(raw)
    except orjson.JSONDecodeError:
        whole = list(lines(raw, archive))
    for thing in whole if isinstance(whole, list) else [whole]:
        if isinstance(thing, dict):
            yield thing


def lines(raw: bytes, archive: Archive) -> Iterator[Any]:
    for line in raw.splitlines():
        if line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                archive.skipped += 1


def as_page_of(thing: Mapping[str, Any]) -> dict[str, Any] | None:
    """A page with `data` as a list in the tweet vocabulary, None for anything that is no post or account."""
    data = thing.get("data")
    if isinstance(data, dict) and "id" in data:
        return {"data": [data], "includes": thing.get("includes") or {}}
    if isinstance(data, list):
        return {"data": data, "includes": thing.get("includes") or {}}
    if is_legacy(thing):
        return as_page(thing)
    if "author_id" in thing and "text" in thing:
        return unflattened(thing)
    if "username" in thing and "id" in thing:
        return {"data": [thing], "includes": {}}
    return None


def unflattened(thing: Mapping[str, Any]) -> dict[str, Any]:
    includes: dict[str, list[Any]] = {"users": [], "tweets": [], "media": [], "places": [], "polls": []}
    return {"data": [folded(thing, includes)], "includes": includes}


def folded(thing: Mapping[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    """A flattened post with the objects put into it moved back to `includes`."""
    post = {name: value for name, value in thing.items() if name not in ("__twarc", "matching_rules")}
    for name in ("author", "in_reply_to_user"):
        if isinstance(person := post.pop(name, None), dict) and "id" in person:
            includes["users"].append(person)
    if references := post.get("referenced_tweets"):
        post["referenced_tweets"] = [folded_reference(ref, includes) for ref in references]
    if mentions := (post.get("entities") or {}).get("mentions"):
        folded_mentions = [folded_mention(mention, includes) for mention in mentions]
        post["entities"] = {**post["entities"], "mentions": folded_mentions}
    if attachments := post.get("attachments"):
        post["attachments"] = folded_attachments(attachments, includes)
    if (geo := post.get("geo")) and "full_name" in geo:
        includes["places"].append({k: v for k, v in geo.items() if k not in ("place_id", "coordinates")})
        post["geo"] = {k: v for k, v in geo.items() if k in ("place_id", "coordinates")}
    return post


def folded_reference(reference: Mapping[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    if "text" in reference:
        includes["tweets"].append(folded({k: v for k, v in reference.items() if k != "type"}, includes))
    return {"type": reference["type"], "id": reference["id"]}


def folded_mention(mention: Mapping[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    spot = ("start", "end", "tag")
    if "name" in mention and "id" in mention:
        includes["users"].append({k: v for k, v in mention.items() if k not in spot})
    return {k: v for k, v in mention.items() if k in ("start", "end", "username", "id")}


def folded_attachments(attachments: Mapping[str, Any], includes: dict[str, list[Any]]) -> dict[str, Any]:
    includes["media"] += attachments.get("media") or []
    poll = attachments.get("poll")
    includes["polls"] += poll if isinstance(poll, list) else [poll] if poll else []
    return {name: value for name, value in attachments.items() if name not in ("media", "poll")}
