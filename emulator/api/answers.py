"""A handler's call and answer, before the answer becomes HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from emulator.views.fields import View


@dataclass
class Call:
    """One authenticated request to an endpoint whose parameters have been checked."""

    endpoint: str
    method: str
    path: str
    subject: str
    params: Mapping[str, str]
    kind: str
    view: View
    body: bytes = b""
    # A scripted fault can make a page shorter than requested, or repeat or lose its token.
    page_cap: int | None = None
    is_stuck: bool = False
    is_again: bool = False
    is_lost: bool = False
    is_long: bool = False
    lacking: int = 0

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Answer:
    """`posts` and `users` are the ids that are billed; `ledger` is where the truth notes them."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    outcome: str = "ok"
    posts: Sequence[int] = ()
    users: Sequence[int] = ()
    ledger: tuple[str, int] | None = None
    # Whether the list belongs to the app owner's own account, which costs less.
    owned: bool = False
    # Whether the headers of the rate window go with it.
    rate_headers: bool = True
    content_type: str = "application/json; charset=utf-8"


def json_answer(document: Any, *, status: int = 200, outcome: str = "ok") -> Answer:
    return Answer(status=status, body=orjson.dumps(document), outcome=outcome)
