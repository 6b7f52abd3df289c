"""A page is stored as it was received, and what is needed of it is read without building its posts."""

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from harvester.x.outcomes import Outcome, Problem
from harvester.x.problems import problems_in

OF_AN_ACCOUNT = {Outcome.NOT_FOUND, Outcome.SUSPENDED, Outcome.PROTECTED}
ASKED_FOR = {"id", "ids", "username", "usernames"}
# Text takes up to four times its bytes, so that a page of it would leave the processor's cache. It also takes
# the room that a page left, so that the next page does not fit: with four times as much, 32 timelines at once
# peaked at 145 MB, and 65 with this.
_PROVEN_AT_ONCE = 1 << 12


@dataclass(frozen=True)
class Page:
    """One answer. `line` is the body plus its provenance, ready to be stored; empty when it has no data."""

    outcome: Outcome
    line: bytes
    posts: int = 0
    newest_id: str | None = None
    oldest_id: str | None = None
    next_token: str | None = None
    problems: tuple[Problem, ...] = ()
    users: tuple[dict[str, Any], ...] = ()


class NotAPage(Exception):
    """The body is cut, not JSON, or not an answer of the API at all."""


class _Identified(msgspec.Struct, gc=False):
    id: str


class _Meta(msgspec.Struct):
    next_token: str | None = None
    newest_id: str | None = None
    oldest_id: str | None = None
    result_count: int | None = None


class _Posts(msgspec.Struct):
    data: list[_Identified] | None = None
    meta: _Meta | None = None
    errors: list[dict[str, Any]] = []


class _Users(msgspec.Struct):
    data: list[dict[str, Any]] | dict[str, Any] | None = None
    meta: _Meta | None = None
    errors: list[dict[str, Any]] = []


_posts = msgspec.json.Decoder(_Posts)
_users = msgspec.json.Decoder(_Users)


def posts_page(body: bytes, provenance: bytes) -> Page:
    """A page of posts; its ids are those of its posts, whatever its `meta` says."""
    found = _decoded(body, _posts, _Posts)
    data = found.data or []
    meta = found.meta or _Meta()
    ids = _numbers([post.id for post in data])
    problems = problems_in({"errors": found.errors})
    return Page(
        outcome=Outcome.OK if data else _outcome_without_data(problems),
        line=line_of(body, provenance) if data else b"",
        posts=len(data),
        newest_id=str(max(ids)) if ids else meta.newest_id,
        oldest_id=str(min(ids)) if ids else meta.oldest_id,
        next_token=meta.next_token,
        problems=problems,
    )


def users_page(body: bytes, provenance: bytes) -> Page:
    """A page of accounts; those that are gone stand in its problems."""
    found = _decoded(body, _users, _Users)
    data = [found.data] if isinstance(found.data, dict) else found.data or []
    return Page(
        outcome=Outcome.OK,
        line=line_of(body, provenance) if data else b"",
        next_token=found.meta.next_token if found.meta else None,
        problems=problems_in({"errors": found.errors}),
        users=tuple(data),
    )


def relations_page(body: bytes, provenance: bytes) -> Page:
    """A page of followers; as for a timeline its outcome tells of the account they were asked of."""
    page = users_page(body, provenance)
    return page if page.users else replace(page, outcome=_outcome_without_data(page.problems))


def _outcome_without_data(problems: Sequence[Problem]) -> Outcome:
    for problem in problems:
        if problem.parameter in ASKED_FOR and problem.raw.get("section") != "includes":
            if problem.outcome not in OF_AN_ACCOUNT:
                raise NotAPage(problem.detail or problem.title)
            return problem.outcome
    return Outcome.OK


def _numbers(ids: list[str]) -> list[int]:
    text = "".join(ids)
    if ids and not ("" not in ids and text.isascii() and text.isdigit()):
        raise NotAPage(f"{text[:30]!r} holds what is no post id")
    return list(map(int, ids))


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
        _prove_encoding(body)
        try:
            found = decoder.decode(body)
        except msgspec.DecodeError:
            # Half of a surrogate pair is an error to msgspec, and JSON to everybody else.
            found = msgspec.convert(json.loads(body), shape)
    except ValueError as error:
        raise NotAPage(str(error)) from error
    if found.data is None and found.meta is None and not found.errors:
        raise NotAPage("the answer has neither data nor errors nor meta")
    return found


def _prove_encoding(body: bytes) -> None:
    """UnicodeDecodeError where it is not UTF-8."""
    view, at = memoryview(body), 0
    while at < len(body):
        piece = view[at : at + _PROVEN_AT_ONCE]
        # A character may be cut at the end of a piece, and only there; the next one begins with it.
        at += codecs.utf_8_decode(piece, "strict", at + len(piece) == len(body))[1]
