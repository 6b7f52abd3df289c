"""A page is stored as received; ids and counts are read without building its posts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from harvester.networks.x.decoding import member, printable, prove_encoding, unmarked, value_of
from harvester.networks.x.errors import ApiCode, Problem
from harvester.networks.x.problems import problems_in

OF_AN_ACCOUNT = {ApiCode.NOT_FOUND, ApiCode.SUSPENDED, ApiCode.PROTECTED}
ASKED_FOR = {"id", "ids", "username", "usernames"}
# Ids are 64 bits wide and signed: docs.x.com, "X IDs".
_LARGEST_ID = (1 << 63) - 1
# A screen name: up to 15 letters, digits and underscores today, and a few older ones of 20.
_NAME = re.compile(r"\w{1,50}", re.ASCII)
# X's have some 50 characters; servers take addresses of up to 8 KB.
_LONGEST_TOKEN = 2000
_NOTHING_ELSE = "the answer holds errors only"


@dataclass(frozen=True)
class Page:
    """One answer. `line` is the body plus its provenance, ready to be stored; empty when it has no data.

    `count` is how many posts the answer says it holds, None if it does not say; `names_posts` whether it
    says which was the newest or oldest of them, `distinct` how many there are, each counted once.
    """

    outcome: ApiCode
    line: bytes
    posts: int = 0
    newest_id: str | None = None
    oldest_id: str | None = None
    next_token: str | None = None
    # Why X gave a token that cannot be sent back, so that more may follow; empty if it gave none.
    broken_token: str = ""
    count: int | None = None
    names_posts: bool = False
    distinct: int = 0
    problems: tuple[Problem, ...] = ()
    users: tuple[dict[str, Any], ...] = ()
    # Of a list of followers: those of its accounts, and how many were asked for.
    ids: tuple[str, ...] = ()
    asked: int = 0

    @property
    def missing(self) -> int:
        """How many posts the answer speaks of and does not hold."""
        return max(0, (self.count or 0) - self.distinct)

    def fuller(self, again: "Page") -> "Page":
        """Of two answers to one question that which has all its posts, else the one with more, else `again`.

        What one with fewer posts has not, its token leads to; so one with a token counts more than all else.
        """
        return again if again._fullness >= self._fullness else self

    @property
    def _fullness(self) -> tuple[bool, bool, int, int]:
        has_posts = self.posts > 0
        return (
            has_posts and self.next_token is not None,
            has_posts and not self.missing,
            self.posts,
            -self.missing,
        )

    @property
    def counts_rightly(self) -> bool:
        """Whether it holds as many posts as it says."""
        return self.count == self.posts == self.distinct

    @property
    def says_that_nothing_is_there(self) -> bool:
        return self.count == 0 and not self.posts and not self.names_posts and not self.problems


class NotAPage(Exception):
    """The body is cut, not JSON, or not an answer of the API at all."""


class ErrorsOnly(NotAPage):
    """The status is a success and the body holds errors in place of what was asked for."""


class _Identified(msgspec.Struct, gc=False):
    # Text in all that X documents; a number is the same id.
    id: str | int


class _Meta(msgspec.Struct):
    next_token: str | None = None
    newest_id: Any = None
    oldest_id: Any = None
    result_count: Any = None


class _Posts(msgspec.Struct):
    data: list[_Identified] | None = None
    meta: _Meta | None = None
    errors: Any = None


class _Users(msgspec.Struct):
    data: list[dict[str, Any]] | dict[str, Any] | None = None
    meta: _Meta | None = None
    errors: Any = None


_posts = msgspec.json.Decoder(_Posts)


def posts_page(body: bytes, provenance: bytes) -> Page:
    """A page of posts; its ids are those of its posts, whatever its `meta` says."""
    body = unmarked(body)
    found = _decoded(body, _posts, _Posts)
    data = found.data or []
    meta = found.meta or _Meta()
    ids = _numbers([str(post.id) for post in data])
    problems = problems_in({"errors": found.errors})
    return Page(
        outcome=ApiCode.OK if data else _outcome_without_data(problems),
        line=line_of(body, provenance) if data else b"",
        posts=len(data),
        newest_id=str(max(ids)) if ids else None,
        oldest_id=str(min(ids)) if ids else None,
        **_token(found),
        count=_count(found),
        distinct=len(set(ids)),
        names_posts=meta.newest_id is not None or meta.oldest_id is not None,
        problems=problems,
    )


def users_page(body: bytes, provenance: bytes) -> Page:
    """A page of accounts; those that are gone stand in its problems."""
    body = unmarked(body)
    # Their numbers are stored again, so that they have to be such as other readers have, too.
    found = _decoded(body, None, _Users)
    data = [found.data] if isinstance(found.data, dict) else found.data or []
    return Page(
        outcome=ApiCode.OK,
        line=line_of(body, provenance) if data else b"",
        **_token(found),
        count=_count(found),
        problems=problems_in({"errors": found.errors}),
        users=tuple(filter(None, map(_identified, data))),
    )


def accounts_page(body: bytes, provenance: bytes) -> Page:
    """The accounts of a look-up; ErrorsOnly if it tells of none, neither by a profile nor by an error."""
    page = users_page(body, provenance)
    if not (page.users or page.problems):
        raise ErrorsOnly("the answer tells of no account")
    about = [problem for problem in page.problems if problem.parameter in ASKED_FOR or problem.resource_id]
    if page.problems and not page.users and not about:
        raise ErrorsOnly(page.problems[0].detail or page.problems[0].title or _NOTHING_ELSE)
    return page


def relations_page(body: bytes, provenance: bytes, *, asked: int = 0) -> Page:
    """A page of followers; as for a timeline its outcome tells of the account they were asked of."""
    body = unmarked(body)
    found = _decoded(body, _posts, _Posts)
    ids = tuple(str(account.id) for account in found.data or ())
    _numbers(list(ids))
    problems = problems_in({"errors": found.errors})
    return Page(
        outcome=ApiCode.OK if ids else _outcome_without_data(problems),
        line=line_of(body, provenance) if ids else b"",
        **_token(found),
        count=_count(found),
        distinct=len(set(ids)),
        problems=problems,
        ids=ids,
        asked=asked,
    )


def _identified(user: dict[str, Any]) -> dict[str, Any] | None:
    """An account with its id as text, as which it is known; None of what has none."""
    if type(user.get("id")) is int:
        return {**user, "id": str(user["id"])}
    return user if isinstance(user.get("id"), str) else None


def name_in(user: dict[str, Any]) -> str | None:
    """An account's screen name; None if the account has none, or what stands there cannot be one."""
    name = user.get("username")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def posts_in(user: dict[str, Any]) -> int | None:
    """How many posts an account has, in either of X's vocabularies; None if it does not say."""
    for name in ("tweet_count", "post_count"):
        count = member(user, "public_metrics", name)
        if isinstance(count, int) and not isinstance(count, bool):
            return count
    return None


def _token(found: Any) -> dict[str, Any]:
    """What a `Page` says of the next one."""
    token: str = (found.meta.next_token if found.meta else None) or ""
    broken = ""
    if printable(token) != token:
        broken = "the token of the next page is not text"
    elif len(token) > _LONGEST_TOKEN:
        broken = f"the token of the next page has {len(token):,} characters"
    if not broken:
        return {"next_token": token or None}
    if not found.data:
        raise NotAPage(broken)
    return {"broken_token": broken}


def _count(found: Any) -> int | None:
    count = found.meta.result_count if found.meta else None
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    return 0 if found.data == [] else None


def _outcome_without_data(problems: Sequence[Problem]) -> ApiCode:
    """Why a page has no data: its account's state, or OK if there was nothing to say."""
    others = [problem for problem in problems if not _is_of_something_included(problem)]
    for problem in others:
        if problem.outcome in OF_AN_ACCOUNT and problem.parameter in ASKED_FOR:
            return problem.outcome
    if others:
        raise ErrorsOnly(others[0].detail or others[0].title or _NOTHING_ELSE)
    return ApiCode.OK


def _is_of_something_included(problem: Problem) -> bool:
    if problem.raw.get("section") == "includes":
        return True
    return problem.outcome in OF_AN_ACCOUNT and problem.parameter not in {"", *ASKED_FOR}


def _numbers(ids: list[str]) -> list[int]:
    text = "".join(ids)
    if ids and not ("" not in ids and text.isascii() and text.isdigit()):
        raise NotAPage(f"{text[:30]!r} contains something that is not a post id")
    # Python reads no number of 5,000 digits.
    found = [] if any(len(post_id) > 19 for post_id in ids) else list(map(int, ids))
    if ids and not (found and min(found) > 0 and max(found) <= _LARGEST_ID):
        raise NotAPage("an id is larger than a post id can be, or 0")
    return found


def line_of(body: bytes, provenance: bytes) -> bytes:
    """One line: the body byte for byte, with `provenance` as the last member of the outermost object."""
    # JSON allows raw line ends only as white space between its parts, so blanks mean the same.
    text = body.strip().replace(b"\r", b" ").replace(b"\n", b" ")
    last = len(text) - 1
    while text[last - 1 : last].isspace():
        last -= 1
    return b"".join((memoryview(text)[:last], b',"__twarc":', provenance, b"}\n"))


def provenance_of(url: str, version: str, retrieved_at: str) -> bytes:
    return msgspec.json.encode({"url": url, "version": version, "retrieved_at": retrieved_at})


def _decoded(body: bytes, decoder: Any, shape: Any) -> Any:
    try:
        # The decoder passes over text that it is not asked for, so that its encoding is still to be proven.
        prove_encoding(body)
        try:
            found = decoder.decode(body) if decoder else msgspec.convert(value_of(body), shape)
        except msgspec.DecodeError:
            # Half of a surrogate pair is an error to msgspec, and JSON to other readers.
            found = msgspec.convert(value_of(body), shape)
    except (ValueError, RecursionError) as error:
        raise NotAPage(str(error)) from error
    if found.data is None and found.meta is None and not found.errors:
        raise NotAPage("the answer has neither data nor errors nor meta")
    return found
