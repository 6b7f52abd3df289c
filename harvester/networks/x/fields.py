"""The fields requested of posts and accounts; a name that X rejects is omitted or renamed.

X has two vocabularies, and its own document declares the newer one only. `tweet.fields` is asked for as long
as X accepts it, because the tools that read the records know its names; then `post.fields` is.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from harvester.networks.x.decoding import objects
from harvester.networks.x.errors import ApiCode, Problem, XError
from harvester.networks.x.twarc_lists import (
    EXPANSIONS,
    MEDIA_FIELDS,
    PLACE_FIELDS,
    POLL_FIELDS,
    TWEET_FIELDS,
    USER_FIELDS,
)

T = TypeVar("T")

TWEETS, POSTS = "tweet.fields", "post.fields"
# Long posts are cut at 280 characters without this field, which twarc does not know of.
_LONG = "note_tweet"
# The names of posts for those of tweets, where they differ: X's OpenAPI document 2.167.
_NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "most_recent_tweet_id": "most_recent_post_id",
    "note_tweet": "note_post",
    "pinned_tweet_id": "pinned_post_id",
    "referenced_tweets": "referenced_posts",
    "referenced_tweets.id": "referenced_posts",
    "referenced_tweets.id.author_id": "referenced_posts.author_id",
}
_ALLOWED = re.compile(r"one of:?\s*\[([^\]]*)\]")
_QUOTED = re.compile(r"[\[`'\"]([\w.]+)[\]`'\"]")

Names = dict[str, list[str]]


class Fields:
    """Of one client, used by many threads; what was refused is remembered for its life.

    `refused` tells it in words, each once, and `on_refusal` is called with them.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._posts: Names = {
            "expansions": list(EXPANSIONS),
            TWEETS: [*TWEET_FIELDS, _LONG],
            "user.fields": list(USER_FIELDS),
            "media.fields": list(MEDIA_FIELDS),
            "poll.fields": list(POLL_FIELDS),
            "place.fields": list(PLACE_FIELDS),
        }
        self._users: Names = {name: list(self._posts[name]) for name in (TWEETS, "user.fields")}
        self.refused: list[str] = []
        self.on_refusal: Callable[[str], None] = lambda _: None

    def for_posts(self, ask: Callable[[dict[str, str]], T]) -> T:
        """What `ask` gives for what X accepts; XError where it refuses something else than a field."""
        return self._asked(self._posts, ask)

    def for_users(self, ask: Callable[[dict[str, str]], T]) -> T:
        return self._asked(self._users, ask)

    def refuse(self, words: str) -> None:
        """Note something else that X does not accept, once."""
        with self._guard:
            if words in self.refused:
                return
            self.refused.append(words)
        self.on_refusal(words)

    def _asked(self, names: Names, ask: Callable[[dict[str, str]], T]) -> T:
        while True:
            with self._guard:
                sent = {name: ",".join(values) for name, values in names.items()}
            try:
                return ask(sent)
            except XError as error:
                if not self._leave_out(error.problem, names, sent):
                    raise

    def _leave_out(self, problem: Problem, names: Names, sent: Mapping[str, str]) -> bool:
        """Whether asking again is worth it, as less is asked for now."""
        if problem.outcome is not ApiCode.BAD_REQUEST:
            return False
        with self._guard:
            if {name: ",".join(values) for name, values in names.items()} != sent:
                # Another thread met the same refusal.
                return True
            changes = [self._without(*each) for each in _refusals(problem, sent)]
        for words in filter(None, changes):
            self.refused.append(words)
            self.on_refusal(words)
        return any(changes)

    def _without(self, parameter: str, refused: list[str] | None, allowed: set[str]) -> str:
        """Ask for less of posts and of accounts, as both are refused alike; returns what was."""
        words = f"{parameter}: {', '.join(refused)}" if refused else parameter
        asking = [names for names in (self._posts, self._users) if parameter in names]
        for names in asking:
            before = names.pop(parameter)
            after = list(_named_anew(before, refused or (), allowed))
            if refused and after:
                names[parameter] = after
            elif not refused and parameter == TWEETS:
                names[POSTS] = list(dict.fromkeys(_NEW_NAMES.get(name, name) for name in before))
        return words if asking else ""


def _named_anew(before: Iterable[str], refused: Collection[str], allowed: Collection[str]) -> Iterator[str]:
    """What is still asked for: a refused name by its new one, unless X lists names and lacks that."""
    for name in before:
        if name not in refused:
            yield name
        elif (new := _NEW_NAMES.get(name, "")) and (new in allowed or not allowed):
            yield new


def _refusals(problem: Problem, sent: Mapping[str, str]) -> Iterator[tuple[str, list[str] | None, set[str]]]:
    """Each parameter that is refused, which of its values (None: all), and which X says it accepts."""
    listed = problem.raw.get("errors")
    for error in objects(listed if isinstance(listed, list) else [problem.raw]):
        message = str(error.get("message") or error.get("detail") or "")
        given = error.get("parameters")
        named: Mapping[str, Any] = given if isinstance(given, dict) else {}
        for parameter in [name for name in sent if name in named or name in _quoted(message)]:
            asked = sent[parameter].split(",")
            refused, allowed = _values(asked, named.get(parameter), message)
            yield parameter, refused, allowed


def _values(asked: list[str], given: Any, message: str) -> tuple[list[str] | None, set[str]]:
    found = _ALLOWED.search(message)
    allowed = set(re.split(r"[,\s]+", found[1].strip())) if found else set()
    if allowed & {POSTS, "expansions", "user.fields"}:
        # These are names of parameters, so that the parameter itself is what is refused.
        return None, set()
    quoted = _quoted(message[: found.start()] if found else message)
    refused = allowed and set(asked) - allowed
    for named in (quoted, refused, _flat(given)):
        found_here = [name for name in asked if name in named]
        if found_here and (len(found_here) < len(asked) or len(asked) == 1):
            return found_here, allowed
    return None, set()


def _quoted(message: str) -> set[str]:
    return set(_QUOTED.findall(message))


def _flat(given: Any) -> set[str]:
    values: Iterable[Any] = given if isinstance(given, list) else [given]
    return {name for value in values if isinstance(value, str) for name in value.split(",")}
