"""Splits X's answers into posts, each with every object that it refers to, as `twarc2 flatten` does.

The members and their order are the same. Members that are null or have an unexpected type are kept unchanged,
where twarc raises an error.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harvester.documents import Tree
from harvester.networks.records import BrokenLine

# Large members without references.
_PLAIN = frozenset(
    (
        *("context_annotations", "public_metrics", "edit_controls", "edit_history_tweet_ids", "withheld"),
        *("urls", "hashtags", "cashtags", "annotations", "text"),
    )
)
_Objects = Mapping[Any, Tree]
_ABSENT: Tree = {}


def flattened(record: Tree) -> tuple[list[Tree], list[Tree]]:
    """The posts of a record, and the posts included with them; the record is modified."""
    if "data" not in record:
        return [record] if _is_post(record) else [], list(_inside(record))
    known_objects = _Known(record.get("includes"))
    included = [known_objects.expand(post) for post in known_objects.included_posts()]
    more = {name: record[name] for name in ("__twarc", "matching_rules") if name in record}
    posts = [{**known_objects.expand(post), **more} for post in _answered(record["data"])]
    # Which rules matched is said of the posts that were delivered.
    more.pop("matching_rules", None)
    return posts, [{**post, **more} for post in included] if more else included


def _answered(data: Any) -> list[Tree]:
    """The posts of an answer, and none of its accounts."""
    found = data if isinstance(data, list) else [data] if isinstance(data, dict) else []
    if not all(isinstance(post, dict) and _is_key(post.get("id")) for post in found):
        raise BrokenLine(1, "has a post without an id")
    return [post for post in found if not _is_account(post)]


def _is_post(record: Tree) -> bool:
    """Whether a line that is no answer is a post, as for rows (`forms.v1`, `forms.flattened`)."""
    if record.get("id_str") is not None or record.get("screen_name") is not None:
        return record.get("screen_name") is None or record.get("user") is not None
    return bool(record.get("id")) and not _is_account(record)


def _is_account(found: Tree) -> bool:
    """What has a name of its own, and no text."""
    return found.get("username") is not None and found.get("text") is None


def _inside(post: Tree) -> Iterator[Tree]:
    """The posts inside one that is flattened, or of API 1.1; of an absent one only the id is known."""
    references = post.get("referenced_tweets")
    for each in references if isinstance(references, list) else ():
        if isinstance(each, dict):
            if each.get("text") is not None:
                yield each
            yield from _inside(each)
    for each in (post.get("retweeted_status"), post.get("quoted_status")):
        if isinstance(each, dict):
            yield each
            yield from _inside(each)


class _Known:
    """The objects that an answer includes."""

    def __init__(self, includes: Any) -> None:
        self._includes: Tree = includes if isinstance(includes, dict) else {}
        # A mention names an account; names go before ids, as one could be the other.
        self._users = {**self._by("users", "id"), **self._by("users", "username")}
        self._media = self._by("media", "media_key")
        self._polls, self._places = self._by("polls", "id"), self._by("places", "id")
        self._posts = self._by("tweets", "id")

    def included_posts(self) -> list[Tree]:
        return list(self._posts.values())

    def expand(self, value: Tree) -> Tree:
        """The object with the objects that it refers to; nested objects first."""
        for name, inner in value.items():
            if name not in _PLAIN:
                self._expand_inner(inner)
        for name, add in _EXPANSIONS:
            if name in value:
                add(self, value, value[name])
        return value

    def _expand_inner(self, value: Any) -> None:
        if isinstance(value, dict):
            self.expand(value)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict | list):
                    self._expand_inner(each)

    def _by(self, section: str, name: str) -> dict[Any, Tree]:
        found = self._includes.get(section)
        if not isinstance(found, list):
            return {}
        return {each[name]: each for each in found if isinstance(each, dict) and _is_key(each.get(name))}

    def author(self, value: Tree, found: Any) -> None:
        value["author"] = _of(self._users, found)

    def answered(self, value: Tree, found: Any) -> None:
        value["in_reply_to_user"] = _of(self._users, found)

    def media(self, value: Tree, found: Any) -> None:
        if isinstance(found, list):
            value["media"] = [_of(self._media, key) for key in found]

    def poll(self, value: Tree, found: Any) -> None:
        if isinstance(found, list) and found:
            value["poll"] = _of(self._polls, found[-1])

    def place(self, value: Tree, found: Any) -> None:
        if isinstance(found, dict) and "place_id" in found:
            value["geo"] = {**found, **_of(self._places, found["place_id"])}

    def mentions(self, value: Tree, found: Any) -> None:
        if isinstance(found, list):
            value["mentions"] = [_merged(each, self._users, "username") for each in found]

    def references(self, value: Tree, found: Any) -> None:
        if isinstance(found, list):
            value["referenced_tweets"] = [_merged(each, self._posts, "id") for each in found]

    def pinned(self, value: Tree, found: Any) -> None:
        value["pinned_tweet"] = _of(self._posts, found)


# In the order in which twarc adds them.
_EXPANSIONS: tuple[tuple[str, Callable[[_Known, Tree, Any], None]], ...] = (
    ("author_id", _Known.author),
    ("in_reply_to_user_id", _Known.answered),
    ("media_keys", _Known.media),
    ("poll_ids", _Known.poll),
    ("geo", _Known.place),
    ("mentions", _Known.mentions),
    ("referenced_tweets", _Known.references),
    ("pinned_tweet_id", _Known.pinned),
)


def _is_key(value: Any) -> bool:
    return isinstance(value, str | int)


def _of(objects: _Objects, key: Any) -> Tree:
    return objects.get(key, _ABSENT) if _is_key(key) else _ABSENT


def _merged(reference: Any, objects: _Objects, name: str) -> Any:
    if not isinstance(reference, dict):
        return reference
    return {**reference, **_of(objects, reference.get(name))}
