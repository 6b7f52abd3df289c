"""All accounts and posts, generated, loaded or published, and the accounts' states."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

from emulator.clock import Clock, first_id_at, parsed_iso
from emulator.language import Facts, Matcher, facts_of
from emulator.options import Options, shape_of
from emulator.world.accounts import FIRST_ID, FIRST_IDS, Accounts
from emulator.world.archive_files import Archive
from emulator.world.generated_posts import FLOOD, GRID, PUBLISHED, Grid, MadePost
from emulator.world.graph import Graph
from emulator.world.loaded_posts import StoredPost, Things, fresh_post
from emulator.world.post_templates import media_object, place_object

Post = MadePost | StoredPost
STATES = ("ok", "protected", "suspended", "deleted")
TOP = 1 << 63
DAY = 86_400


class World:
    """Posts are always handed out newest first; bounds on ids are exclusive."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        end = parsed_iso(options.epoch) if options.epoch else clock.now() // DAY * DAY
        span: dict[str, Any] = {"start": end - options.span_days * DAY, "end": end}
        seed = options.seed
        first_id = FIRST_ID if options.surprise is None else Random(options.surprise).choice(FIRST_IDS)
        people = Accounts(options.user_count, seed=seed, first_id=first_id)
        crowd = Accounts(min(1000, options.search_posts), seed=seed, first_id=900_000_000_001)
        self.people = people
        self.graph = Graph(people.count, seed=seed, shape=shape_of(options), epoch=end)
        self.voices = Accounts(1000, seed=seed, first_id=950_000_000_003)
        self.grids = [
            Grid(
                people,
                total=people.count * options.posts_per_user,
                source=GRID,
                size=options.post_bytes,
                **span,
            ),
            Grid(
                crowd,
                total=options.search_posts,
                source=FLOOD,
                size=options.post_bytes,
                first_words=options.search_word,
                **span,
            ),
        ]
        templates = (template for grid in self.grids for template in grid.templates)
        self._made_media = {key for template in templates for key in template.links.media}
        self.stored: dict[int, StoredPost] = {}
        self.by_author: dict[int, list[int]] = {}
        self.in_order: list[int] = []
        self.loaded_order: list[int] = []
        self.things = Things()
        self.renamed: dict[int, str] = {}
        self.names: dict[str, int] = {}
        self.states: dict[int, str] = {}
        self._last_id = 0

    # accounts

    def kinds_of_accounts(self) -> Iterator[Accounts]:
        yield from (grid.accounts for grid in self.grids)
        yield self.voices

    def user(self, user_id: int) -> dict[str, Any] | None:
        """The profile as it is now, whatever its state; None when there never was such an account."""
        profile = self.things.users.get(str(user_id))
        if profile is None:
            for accounts in self.kinds_of_accounts():
                number = accounts.number(user_id)
                if number is not None:
                    profile = accounts.profile(number)
                    if accounts is self.grids[0].accounts:
                        profile["public_metrics"] |= self._followed(number)
                    break
        if profile is None:
            return None
        if user_id in self.renamed:
            profile = {**profile, "username": self.renamed[user_id]}
        if user_id in self.states:
            profile = {**profile, "protected": self.states[user_id] == "protected"}
        return profile

    def _followed(self, number: int) -> dict[str, int]:
        counts = {"followers_count": self.graph.said(number, self.clock.now())}
        follows = self.graph.follows(number)
        return counts if follows is None else {**counts, "following_count": follows}

    def named(self, name: str) -> int | None:
        """The account with this user name now, or with this id."""
        low = name.lower().lstrip("@")
        if low in self.names:
            return self.names[low]
        for accounts in self.kinds_of_accounts():
            number = accounts.number_named(low)
            if number is not None and accounts.id(number) not in self.renamed:
                return accounts.id(number)
        return int(low) if low.isdigit() else None

    def state(self, user_id: int) -> str:
        state = self.states.get(user_id)
        if state:
            return state
        if user_id in self.by_author:
            return "ok"
        profile = self.things.users.get(str(user_id))
        if profile is not None:
            return "protected" if profile.get("protected") else "ok"
        known = any(accounts.number(user_id) is not None for accounts in self.kinds_of_accounts())
        return "ok" if known else "deleted"

    def set_state(self, user_id: int, state: str) -> None:
        if state not in STATES:
            raise ValueError(f"an account is one of {', '.join(STATES)}, not {state}")
        self.states[user_id] = state

    def rename(self, user_id: int, username: str) -> None:
        profile = self.user(user_id)
        if profile and self.names.get(profile["username"].lower()) == user_id:
            del self.names[profile["username"].lower()]
        self.renamed[user_id] = username
        self.names[username.lower()] = user_id

    # posts

    def post(self, post_id: int) -> Post | None:
        if post_id in self.stored:
            return self.stored[post_id]
        for grid in self.grids:
            index = grid.index(post_id)
            if index is not None:
                return grid.post(index)
        return None

    def is_hidden(self, post: Post) -> bool:
        """Whether the author's state keeps this post from everybody."""
        return bool(self.states) and self.states.get(post.author, "ok") != "ok"

    def timeline(self, user_id: int, *, low: int = -1, high: int = TOP) -> Iterator[Post]:
        """The account's posts; its state is not looked at."""
        ways: list[Iterator[Post]] = []
        for grid in self.grids:
            number = grid.accounts.number(user_id)
            if number is not None and grid.total:
                ways.append(map(grid.post, grid.of_account(number, low, high)))
        if ids := self.by_author.get(user_id):
            ways.append(map(self.stored.__getitem__, within(ids, low, high)))
        return merged(ways)

    def post_count(self, user_id: int) -> int:
        count = len(self.by_author.get(user_id, ()))
        for grid in self.grids:
            number = grid.accounts.number(user_id)
            if number is not None and grid.total:
                count += len(grid.of_account(number, -1, TOP))
        return count

    def search(self, matcher: Matcher, *, low: int = -1, high: int = TOP) -> Iterator[Post]:
        """Posts that match and whose authors are visible."""
        authors = matcher.authors()
        if authors is not None:
            found = merged([self.timeline(author, low=low, high=high) for author in sorted(authors)])
            return (post for post in found if matcher(post) and not self.is_hidden(post))
        found_in = [matching(grid, matcher, low, high) for grid in self.grids if grid.total]
        ways = [way for way in found_in if way is not None]
        if self.in_order:
            kept = (self.stored[post_id] for post_id in within(self.in_order, low, high))
            ways.append(post for post in kept if matcher(post))
        return (post for post in merged(ways) if not self.is_hidden(post))

    # growth

    def next_id(self, source: int) -> int:
        """An id for a post created now; ids only grow, also while the clock stands."""
        wanted = (first_id_at(self.clock.now()) & ~3) | source
        if wanted <= self._last_id:
            wanted = (self._last_id & ~3) + 4 + source
        self._last_id = wanted
        return wanted

    def load(self, archive: Archive) -> None:
        """What an archive holds becomes part of this world, in the order of its lines for a replay."""
        for page in archive.pages:
            self.things.add(page["includes"])
        for page in archive.pages:
            for thing in page["data"]:
                if "username" in thing:
                    self.things.users[str(thing["id"])] = thing
                elif "id" in thing:
                    self.keep(thing)
                    self.loaded_order.append(int(thing["id"]))
        for user_id, profile in self.things.users.items():
            self.names[profile["username"].lower()] = int(user_id)

    def keep(self, post: Mapping[str, Any]) -> StoredPost:
        """Put one post object into its author's timeline and into the search index."""
        kept = StoredPost(post, self.facts(post))
        author = self.things.users.get(str(post.get("author_id")))
        kept.verified = bool((author or {}).get("verified"))
        if kept.id not in self.stored:
            insort(self.by_author.setdefault(kept.author, []), kept.id)
            insort(self.in_order, kept.id)
        self.stored[kept.id] = kept
        return kept

    def remove(self, post_id: int) -> bool:
        """Delete a loaded or published post; generated ones cannot be."""
        post = self.stored.pop(post_id, None)
        if post is None:
            return False
        self.by_author[post.author].remove(post_id)
        self.in_order.remove(post_id)
        return True

    def facts(self, post: Mapping[str, Any]) -> Facts:
        place_id = (post.get("geo") or {}).get("place_id") or ""
        keys = (post.get("attachments") or {}).get("media_keys") or ()
        people = {
            user_id: user["username"].lower()
            for user_id in people_of(post, self.things)
            if (user := self.things.users.get(user_id))
        }
        return facts_of(
            post,
            place=self.place(place_id),
            media=[thing for key in keys if (thing := self.things.media.get(key))],
            referenced=self._referenced(post),
            names=people,
        )

    def _referenced(self, post: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """The posts that it refers to, as far as they are known, by id."""
        stored = (self.stored.get(int(each["id"])) for each in post.get("referenced_tweets") or ())
        return {**{str(each.id): each.data for each in stored if each}, **self.things.of(post)}

    def publish(self, *, author: int, text: str = "", fields: Mapping[str, Any] | None = None) -> StoredPost:
        """A new post by this account, created now."""
        made = fresh_post(self.next_id(PUBLISHED), author=author, text=text)
        return self.keep({**made, **(fields or {})})

    def place(self, place_id: str) -> dict[str, Any] | None:
        return self.things.places.get(place_id) or place_object(place_id)

    def media(self, key: str) -> dict[str, Any] | None:
        return self.things.media.get(key) or (media_object(key) if key in self._made_media else None)

    def total(self) -> int:
        return sum(grid.total for grid in self.grids) + len(self.stored)


def people_of(post: Mapping[str, Any], things: Things) -> Iterator[str]:
    yield str(post.get("in_reply_to_user_id") or "")
    for reference in post.get("referenced_tweets") or ():
        yield str(things.tweets.get(reference["id"], {}).get("author_id") or "")


def within(ids: list[int], low: int, high: int) -> Iterator[int]:
    """Members strictly between two ids of a sorted list, greatest first."""
    return iter(ids[bisect_right(ids, low) : bisect_left(ids, high)][::-1])


def merged(ways: list[Iterator[Post]]) -> Iterator[Post]:
    if len(ways) <= 1:
        return ways[0] if ways else iter(())
    return heapq.merge(*ways, key=lambda post: -post.id)


def matching(grid: Grid, matcher: Matcher, low: int, high: int) -> Iterator[Post] | None:
    """The grid's posts that match; None where the texts alone tell that none does."""
    indices: Iterable[int] = grid.newest_first(low, high)
    if matcher.of_author or matcher.of_post:
        return (post for index in indices if matcher(post := grid.post(index)))
    yes = matcher.verdicts.get(grid.source)
    if yes is None:
        yes = matcher.verdicts[grid.source] = [matcher(MadePost(0, 0, each)) for each in grid.templates]
    if not any(yes):
        return None
    return (grid.post(index) for index in indices if yes[grid.template_number(index)])
