"""What rules look at in a post, read from a record of API v2 or 1.1.

Texts are those of the post, of the post that it repeats, and of the post that either quotes; where they are
cut, the whole text counts, with what an app hides of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harvester.networks.x.decoding import member, objects
from harvester.networks.x.rules.values import Box


class Looks(NamedTuple):
    """What some rules look at; what none of them does need not be gathered."""

    words: bool = True
    tags: bool = True
    accounts: bool = True
    places: bool = True

    def __or__(self, other: "Looks") -> "Looks":
        return Looks(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass(slots=True)
class Facts:
    """`names` and `ids` are of accounts: those whose post, reply or repeated post it is.

    `named` has those that are quoted or mentioned, too. `place` is the point of the post, else the box of its
    place; what only repeats another post is nowhere.
    """

    bodies: list[str] = field(default_factory=list)
    # Addresses and titles of links and media, and the author's name.
    others: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    repeats: bool = False
    place: Box | None = None


def facts_of(record: Mapping[str, Any], looks: Looks = Looks()) -> Facts | None:  # noqa: B008 - a constant
    """Of a record of one post; None if it holds none, or several."""
    if not is_post(record):
        return None
    return _of_v2(record, record["data"], looks) if "data" in record else _of_v1(record)


def is_post(record: Mapping[str, Any]) -> bool:
    """Whether a record is one post; other messages of API 1.1 have no id of their own, or no author."""
    if "data" in record:
        return isinstance(member(record["data"], "id"), str)
    return isinstance(record.get("id_str"), str) and isinstance(record.get("user"), dict)


def _of_v2(record: Mapping[str, Any], data: Mapping[str, Any], looks: Looks) -> Facts:
    found = Facts()
    included = record.get("includes")
    users = {str(user.get("id")): user for user in objects(member(included, "users"))}
    if author := _account(found.accounts, users, data.get("author_id")):
        found.others.append(author)
    _account(found.accounts, users, data.get("in_reply_to_user_id"))
    _read_v2(found, data, looks)
    refers = data.get("referenced_tweets") or data.get("referenced_posts")
    for post, how in _referred(data, included) if refers else ():
        if how == "retweeted":
            found.repeats = True
            name = _account(found.accounts, users, post.get("author_id"))
            if name:
                found.tags.append(f"@{name}")
        else:
            _account(found.named, users, post.get("author_id"))
        _read_v2(found, post, looks)
    found.named |= found.accounts
    if looks.places and not found.repeats:
        found.place = _place_v2(data, included)
    return found


def _account(accounts: set[str], users: Mapping[str, Mapping[str, Any]], user_id: Any) -> str:
    """Add an account by its id and, where it is known, its name, which is returned."""
    if not isinstance(user_id, str):
        return ""
    accounts.add(user_id)
    name = member(users.get(user_id), "username")
    if not isinstance(name, str):
        return ""
    accounts.add(f"@{name.lower()}")
    return name


def _referred(data: Mapping[str, Any], included: Any) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The post that it repeats or quotes, and the one that a repeated post quotes; with how it is."""
    posts = {
        str(post.get("id")): post for name in ("tweets", "posts") for post in objects(member(included, name))
    }
    for post, how in _references(data, posts):
        yield post, how
        if how == "retweeted":
            yield from _references(post, posts)


def _references(
    post: Mapping[str, Any], posts: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    for reference in objects(post.get("referenced_tweets") or post.get("referenced_posts")):
        how, referred = str(reference.get("type")), posts.get(str(reference.get("id")))
        if referred is not None and how in ("retweeted", "quoted"):
            yield referred, how


def _read_v2(found: Facts, post: Mapping[str, Any], looks: Looks) -> None:
    text = post.get("text")
    if note := post.get("note_tweet") or post.get("note_post"):
        text = member(note, "text") or text
    if isinstance(text, str):
        found.bodies.append(text)
    if entities := post.get("entities"):
        _read_entities(found, entities, looks)
    if entities := member(note, "entities"):
        _read_entities(found, entities, looks)


def _read_entities(found: Facts, entities: Any, looks: Looks) -> None:
    if not isinstance(entities, dict):
        return
    if looks.words and (urls := entities.get("urls")):
        _add_texts(found.others, urls, "expanded_url", "display_url", "unwound_url", "title")
    if looks.tags:
        found.tags += [f"#{tag}" for tag in _texts(entities.get("hashtags"), "tag")]
        found.tags += [f"${tag}" for tag in _texts(entities.get("cashtags"), "tag")]
    if (looks.tags or looks.accounts) and (mentions := entities.get("mentions")):
        names = list(_texts(mentions, "username"))
        found.tags += [f"@{name}" for name in names]
        found.named.update(f"@{name.lower()}" for name in names)
        found.named.update(_texts(mentions, "id"))


def _place_v2(data: Mapping[str, Any], included: Any) -> Box | None:
    geo = data.get("geo")
    if not isinstance(geo, dict):
        return None
    if point := _box(member(geo, "coordinates", "coordinates")):
        return point
    places = [p for p in objects(member(included, "places")) if p.get("id") == geo.get("place_id")]
    return _box(member(places[0], "geo", "bbox")) if places else None


def _of_v1(tweet: Mapping[str, Any]) -> Facts:
    found = Facts()
    for post, how in _referred_v1(tweet):
        found.repeats = found.repeats or how == "retweeted"
        user = post.get("user")
        name = member(user, "screen_name")
        is_named = isinstance(name, str) and bool(name)
        accounts = found.named if how == "quoted" else found.accounts
        accounts.update(_ids(user))
        if is_named:
            accounts.add(f"@{name.lower()}")
        if is_named and not how:
            found.others.append(name)
        elif is_named and how == "retweeted":
            found.tags.append(f"@{name}")
        _read_v1(found, post)
    if isinstance(reply_to := tweet.get("in_reply_to_user_id_str"), str):
        found.accounts.add(reply_to)
    if isinstance(name := tweet.get("in_reply_to_screen_name"), str):
        found.accounts.add(f"@{name.lower()}")
    found.named |= found.accounts
    found.place = None if found.repeats else _place_v1(tweet)
    return found


def _referred_v1(tweet: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield tweet, ""
    repeated, quoted = tweet.get("retweeted_status"), tweet.get("quoted_status")
    if isinstance(repeated, dict):
        yield repeated, "retweeted"
        # X gives it in both places, or in one of them.
        quoted = member(repeated, "quoted_status") or quoted
    if isinstance(quoted, dict):
        yield quoted, "quoted"


def _read_v1(found: Facts, post: Mapping[str, Any]) -> None:
    longer = post.get("extended_tweet")
    text = member(longer, "full_text") or post.get("full_text") or post.get("text")
    if isinstance(text, str):
        found.bodies.append(text)
    for part in (post, longer):
        if not isinstance(part, dict):
            continue
        for entities in (part.get("entities"), part.get("extended_entities")):
            if isinstance(entities, dict):
                _read_entities_v1(found, entities)


def _read_entities_v1(found: Facts, entities: Mapping[str, Any]) -> None:
    for kind in ("urls", "media"):
        _add_texts(found.others, entities.get(kind), "expanded_url", "display_url")
    _add_texts(found.others, [member(u, "unwound") for u in objects(entities.get("urls"))], "title")
    found.tags += [f"#{tag}" for tag in _texts(entities.get("hashtags"), "text")]
    found.tags += [f"${tag}" for tag in _texts(entities.get("symbols"), "text")]
    for user in objects(entities.get("user_mentions")):
        found.named.update(_ids(user))
        if isinstance(name := user.get("screen_name"), str):
            found.tags.append(f"@{name}")
            found.named.add(f"@{name.lower()}")


def _ids(user: Any) -> Iterator[str]:
    """The id of an account as text; readers that have no large numbers may have spoilt the other one."""
    user_id = member(user, "id_str") or member(user, "id")
    if user_id is not None:
        yield str(user_id)


def _place_v1(tweet: Mapping[str, Any]) -> Box | None:
    if point := _box(member(tweet, "coordinates", "coordinates")):
        return point
    corners = member(tweet, "place", "bounding_box", "coordinates")
    if not isinstance(corners, list) or not corners or not isinstance(corners[0], list):
        return None
    points = [point for corner in corners[0] if (point := _box(corner))]
    if not points:
        return None
    return (
        min(each[0] for each in points),
        min(each[1] for each in points),
        max(each[2] for each in points),
        max(each[3] for each in points),
    )


def _texts(given: Any, name: str) -> Iterator[str]:
    return (each[name] for each in objects(given) if isinstance(each.get(name), str))


def _add_texts(found: list[str], given: Any, *names: str) -> None:
    for each in objects(given):
        found += [each[name] for name in names if isinstance(each.get(name), str)]


def _box(numbers: Any) -> Box | None:
    """A point of two numbers as a box without size, or a box of four."""
    if not isinstance(numbers, list) or len(numbers) not in (2, 4) or not all(map(_is_degree, numbers)):
        return None
    west, south, *rest = map(float, numbers)
    east, north = rest or (west, south)
    return west, south, east, north


def _is_degree(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and -180 <= number <= 180
