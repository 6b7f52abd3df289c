"""Answers of X's API v2: pages with many posts, and the objects of a stream with one."""

from typing import TypeVar

import msgspec

from harvester.networks.rows import PostRow, Rows
from harvester.networks.x.forms.objects import Id, Media, PagePost, Place, Provenance, Rule, User
from harvester.networks.x.forms.times import iso
from harvester.networks.x.forms.values import Known, account_row, post_row, tags_of

_Object = TypeVar("_Object", PagePost, User)


class _Includes(msgspec.Struct, gc=False):
    users: list[User] | None = None
    tweets: list[PagePost] | None = None
    media: list[Media] | None = None
    places: list[Place] | None = None


class Record(msgspec.Struct, gc=False):
    """A stored line, as far as it tells its form, and all of it where it is an answer."""

    data: list[PagePost] | PagePost | None | msgspec.UnsetType = msgspec.UNSET
    includes: _Includes | None = None
    matching_rules: list[Rule] | None = None
    twarc: Provenance | None = msgspec.field(name="__twarc", default=None)
    id: Id = None
    id_str: str | None = None
    screen_name: str | None = None

    @property
    def is_answer(self) -> bool:
        return self.data is not msgspec.UNSET

    @property
    def is_v1(self) -> bool:
        return self.id_str is not None or self.screen_name is not None


class _Users(msgspec.Struct, gc=False):
    data: list[User] | User


_record = msgspec.json.Decoder(Record)
_users = msgspec.json.Decoder(_Users)


def read(line: bytes) -> Record:
    """The record in a line; ValueError if it is not one."""
    return _record.decode(line)


def rows(record: Record, line: bytes) -> Rows:
    """The content of an answer: its posts, then those that it includes."""
    found = _listed(record.data)
    includes = record.includes or _Includes()
    users = [user for user in includes.users or () if user.id is not None]
    known = Known(users, includes.media or (), includes.places or ())
    retrieved_at = iso(record.twarc.retrieved_at) if record.twarc else ""
    rules = tags_of(record.matching_rules)
    if accounts := _accounts(found, line):
        users = [*accounts, *users]
        found = [post for post in found if not _is_user(post)]
    posts = [_post(post, known, rules, retrieved_at, included=False) for post in found]
    posts += [_post(post, known, [], retrieved_at, included=True) for post in includes.tweets or ()]
    return Rows(tuple(posts), tuple([account_row(user, retrieved_at) for user in users]))


def require(record: Record, line: bytes) -> None:
    """ValueError if the answer has no rows; it is read already but for what it says of accounts."""
    _accounts(_listed(record.data), line)


def _accounts(found: list[PagePost], line: bytes) -> list[User]:
    """Answers about accounts have them where others have posts."""
    return _listed(_users.decode(line).data) if any(map(_is_user, found)) else []


def _listed(data: list[_Object] | _Object | msgspec.UnsetType | None) -> list[_Object]:
    """The objects of an answer, which may be about one."""
    if isinstance(data, list):
        return data
    return [] if data is None or data is msgspec.UNSET else [data]


def _is_user(post: PagePost) -> bool:
    return post.username is not None and post.text is None


def _post(post: PagePost, known: Known, rules: list[str], retrieved_at: str, *, included: bool) -> PostRow:
    references = {each.type: str(each.id) for each in post.referenced_tweets or () if each.id is not None}
    return post_row(post, references, known, rules=rules, retrieved_at=retrieved_at, included=included)
