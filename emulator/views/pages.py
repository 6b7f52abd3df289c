"""Posts and accounts become the JSON of a page, with includes of what was asked to be expanded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from emulator.api.errors import Problems, missing, not_authorized
from emulator.views.fields import View
from emulator.world.loaded_posts import Links, StoredPost, links
from emulator.world.world import Post, World

USERS_KEPT = 20_000


class Pages:
    """Renders for one world; profiles are kept as bytes, since authors repeat from page to page."""

    def __init__(self, world: World, problems: Problems) -> None:
        self.world = world
        self.problems = problems
        self._users: dict[tuple[int, View], bytes] = {}

    def forget_users(self) -> None:
        self._users.clear()

    def user(self, user_id: int, view: View) -> bytes | None:
        """The profile as JSON, None for an account that cannot be seen."""
        kept = self._users.get((user_id, view))
        if kept is None:
            profile = self.world.user(user_id)
            if profile is None or self.world.states.get(user_id) in ("suspended", "deleted"):
                return None
            if "most_recent_tweet_id" in view.of("user"):
                newest = next(self.world.timeline(user_id), None)
                if newest and not self.world.is_hidden(newest):
                    profile = {**profile, "most_recent_tweet_id": str(newest.id)}
            if len(self._users) >= USERS_KEPT:
                self._users.clear()
            kept = self._users[user_id, view] = orjson.dumps(view.shown("user", profile, loaded=True))
        return kept

    def body(self, posts: Sequence[Post], view: View, *, meta: Mapping[str, Any]) -> bytes:
        """A page of posts; without posts there is no `data`, as in the real thing."""
        ends = b'"meta":' + orjson.dumps(meta) + b"}"
        if not posts:
            return b"{" + ends
        # Half a megabyte is put together once, since each copy costs as much as making its posts.
        shown = [post.json(view) for post in posts]
        shown[0] = b'{"data":[' + shown[0]
        shown[-1] += b"]"
        return b",".join([*shown, *self.expanded(posts, view), ends])

    def expanded(self, posts: Iterable[Post], view: View) -> list[bytes]:
        """The members `includes` and `errors`, each only when it has something in it."""
        if not view.expansions:
            return []
        expansion = Expansion(self, view)
        for post in posts:
            expansion.follow(post)
        return expansion.members()


class Expansion:
    """Collects once each what the posts of a page refer to."""

    def __init__(self, pages: Pages, view: View) -> None:
        self.pages = pages
        self.world = pages.world
        self.view = view
        self.found: dict[str, dict[str | int, bytes | None]] = {
            kind: {} for kind in ("users", "tweets", "media", "places", "polls")
        }
        self.errors: list[dict[str, Any]] = []

    def follow(self, post: Post) -> None:
        wants = self.view.expansions
        if "author_id" in wants:
            self.add_user(post.author)
        if isinstance(post, StoredPost):
            self.follow_links(post, links(post.data))
        elif not post.template.alone:
            self.follow_links(post, post.template.links)

    def follow_links(self, post: Post, refers: Links) -> None:
        wants = self.view.expansions
        if "in_reply_to_user_id" in wants and refers.reply_to:
            self.add_user(int(refers.reply_to))
        if "entities.mentions.username" in wants or "username" in wants:
            for name in refers.mentions:
                self.add_user(self.world.named(name))
        self.follow_things(refers)
        if "referenced_tweets.id" in wants:
            for post_id in refers.posts:
                self.add_post(post_id)
        if "edit_history_tweet_ids" in wants and isinstance(post, StoredPost):
            for post_id in refers.history:
                self.add_kept(post_id)

    def follow_things(self, refers: Links) -> None:
        wants = self.view.expansions
        if "attachments.media_keys" in wants:
            for key in refers.media:
                self.add("media", "media", key, self.world.media(key))
        if "attachments.poll_ids" in wants:
            for key in refers.polls:
                self.add("polls", "poll", key, self.world.things.polls.get(key))
        if "geo.place_id" in wants and refers.place:
            self.add("places", "place", refers.place, self.world.place(refers.place))

    def add(self, kind: str, singular: str, key: str, thing: Mapping[str, Any] | None) -> None:
        if key not in self.found[kind] and thing is not None:
            self.found[kind][key] = orjson.dumps(self.view.shown(singular, thing, loaded=True))

    def add_user(self, user_id: int | None) -> None:
        if user_id is not None and user_id not in self.found["users"]:
            self.found["users"][user_id] = self.pages.user(user_id, self.view)

    def add_kept(self, post_id: str) -> None:
        self.add("tweets", "post", post_id, self.world.things.tweets.get(post_id))

    def add_post(self, post_id: str) -> None:
        if post_id in self.found["tweets"]:
            return
        kept = self.world.things.tweets.get(post_id)
        post = None if kept else self.world.post(int(post_id))
        if post is not None and self.world.is_hidden(post):
            self.found["tweets"][post_id] = None
            self.errors.append(
                not_authorized(self.pages.problems, value=str(post.author), section="includes")
            )
        elif kept is None and post is None:
            self.found["tweets"][post_id] = None
            self.errors.append(
                missing(self.pages.problems, kind="tweet", parameter="referenced_tweets.id", value=post_id)
            )
        else:
            self.found["tweets"][post_id] = (
                orjson.dumps(self.view.shown("post", kept, loaded=True)) if kept else post.json(self.view)  # type: ignore[union-attr]
            )
            if "referenced_tweets.id.author_id" in self.view.expansions:
                self.add_user(
                    int(kept["author_id"]) if kept and "author_id" in kept else getattr(post, "author", None)
                )

    def members(self) -> list[bytes]:
        parts = []
        for kind, things in self.found.items():
            if shown := [thing for thing in things.values() if thing is not None]:
                name = self.view.name(kind).encode()
                parts.append(b'"' + name + b'":[' + b",".join(shown) + b"]")
        members = [b'"includes":{' + b",".join(parts) + b"}"] if parts else []
        if self.errors:
            members.append(b'"errors":' + orjson.dumps(self.errors))
        return members
