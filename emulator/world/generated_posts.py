"""Generated posts as arithmetic: each has its id, text and time without any other being made."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson

from emulator.clock import HALF_HOUR_MS, first_id_at, iso_of_ms, ms_of_id
from emulator.language import Facts
from emulator.views.fields import View
from emulator.world.accounts import Accounts
from emulator.world.post_templates import SLOTS, Draft, Known, Template, drafted, finished

TEMPLATES = 509
# References go only to the first posts of this number of accounts.
_WELL_KNOWN = 20
# The lowest two bits of an id tell where a post comes from, so that no two sources make the same id.
GRID, FLOOD, FLOW, PUBLISHED = range(4)


# Not frozen: that would triple what it costs to make one, and a page has a hundred.
@dataclass(slots=True)
class MadePost:
    """A template with an author and an id; `verified` is the author's mark."""

    id: int
    author: int
    template: Template
    verified: bool = False

    @property
    def facts(self) -> Facts:
        return self.template.facts

    @property
    def kinds(self) -> frozenset[str]:
        return self.template.facts.kinds

    def json(self, view: View) -> bytes:
        form = self.template.rendered.get(view)
        if form is None:
            form = self.template.rendered[view] = formed(self.template, view)
        ms = ms_of_id(self.id)
        text, chosen = form
        # In the order of SLOTS.
        return text % chosen(
            (
                b"%d" % self.id,
                b"%d" % self.author,
                iso_of_ms(ms).encode(),
                iso_of_ms(ms + HALF_HOUR_MS).encode(),
            )
        )


def formed(template: Template, view: View) -> tuple[bytes, Callable[[Any], Any]]:
    """The JSON of a template with a %b for each slot, and what chooses these from the values of all."""
    whole = orjson.dumps(view.shown("post", template.post)).decode()
    order: list[int] = []
    text = ""
    for index, part in enumerate(whole.split("\\u0001")):
        if index % 2:
            order.append(SLOTS.index(f"\x01{part}\x01"))
        text += "%b" if index % 2 else part.replace("%", "%%")
    return text.encode(), itemgetter(*order)


class Grid:
    """Posts of a kind of accounts, evenly spread over a span of time; index order is time order."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        total: int,
        source: int,
        start: float,
        end: float,
        size: int | None,
        first_words: str = "",
    ) -> None:
        self.accounts = accounts
        self.total = total
        self.source = source
        first = first_id_at(start)
        self.stride = max(4, (first_id_at(end) - first) // max(1, total)) & ~3
        self.first = (first & ~3) | source
        self.templates: list[Template] = []
        if total:
            alike, step = self._numbered()
            made = _templates(
                *(accounts.count, accounts.seed, accounts.first_id),
                source=source,
                first=alike,
                stride=step,
                size=size,
                first_words=first_words,
            )
            # What is rendered is kept by views, and these are of one emulator.
            placed = (self._placed(each.known, (alike, step)) for each in made)
            self.templates = [Template(known=each) for each in placed]

    def _numbered(self) -> tuple[int, int]:
        """The ids for references that grids have in common, if all ids of this grid have the same length."""
        digits = len(str(self.first))
        is_usual = digits > 2 and digits == len(str(self.id(_WELL_KNOWN)))
        return (10 ** (digits - 1), 1) if is_usual else (self.first, self.stride)

    def _placed(self, known: Known, numbered: tuple[int, int]) -> Known:
        """The post with a reference to an id of this grid."""
        if not (references := known.post.get("referenced_tweets")):
            return known
        (reference,) = references
        number = (int(reference["id"]) - numbered[0]) // numbered[1]
        there = [{**reference, "id": str(self.id(number))}]
        return replace(known, post={**known.post, "referenced_tweets": there})

    def template_number(self, index: int) -> int:
        return _plain_number(index) if index < self.accounts.count else (index * 211) % TEMPLATES

    def id(self, index: int) -> int:
        return self.first + index * self.stride

    def index(self, post_id: int) -> int | None:
        index, rest = divmod(post_id - self.first, self.stride)
        return index if not rest and 0 <= index < self.total else None

    def post(self, index: int) -> MadePost:
        author = self.accounts.id(index % self.accounts.count)
        return MadePost(self.id(index), author, self.templates[self.template_number(index)])

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Indices [first, last) of the ids strictly between low and high."""
        begin = max(0, (low - self.first) // self.stride + 1)
        return begin, max(begin, min(self.total, -((self.first - high) // self.stride)))

    def newest_first(self, low: int, high: int) -> Iterator[int]:
        begin, end = self.bounds(low, high)
        return iter(range(end - 1, begin - 1, -1))

    def of_account(self, number: int, low: int, high: int) -> range:
        """Indices of one account's posts between two ids, newest first."""
        begin, end = self.bounds(low, high)
        count = self.accounts.count
        begin += (number - begin) % count
        last = end - 1 - (end - 1 - number) % count
        return range(last, begin - 1, -count) if last >= begin else range(0)


def _plain_number(index: int) -> int:
    """The template of the first post of an account, which refers to nothing."""
    return (index * 7) % (TEMPLATES // 3)


# Who starts one emulator after the other in a process waits for theirs once.
@lru_cache(maxsize=12)
def _templates(
    count: int,
    seed: int,
    first_id: int,
    *,
    source: int,
    first: int,
    stride: int,
    size: int | None,
    first_words: str,
) -> list[Template]:
    accounts = Accounts(count, seed=seed, first_id=first_id)
    draw = random.Random(seed * 31 + source)
    made: list[Template] = []
    for number in range(TEMPLATES):
        draft = drafted(draw, accounts, first_words=first_words)
        # The first posts of accounts refer to nothing, so there is always something to refer to.
        if number >= TEMPLATES // 3 and not first_words:
            draft = _referring(draw, draft, accounts, made, first=first, stride=stride)
        made.append(finished(draft, size=size or draw.randrange(2600, 4600)))
    return made


def _referring(
    draw: random.Random, draft: Draft, accounts: Accounts, made: list[Template], *, first: int, stride: int
) -> Draft:
    """Some posts reply to, quote or repost the first post of a well-known account."""
    kind = draw.choices(("", "replied_to", "quoted", "retweeted"), (55, 20, 10, 15))[0]
    if not kind:
        return draft
    number = draw.randrange(min(accounts.count, _WELL_KNOWN))
    if kind == "retweeted":
        original = made[_plain_number(number)]
        shown = Draft(draw, lang=original.post["lang"], text="RT")
        shown.add_mention(accounts, number)
        shown.text += f": {original.post['text']}"[:120]
        draft = shown
    draft.refer(kind, first + number * stride)
    if kind == "replied_to":
        draft.more["in_reply_to_user_id"] = str(accounts.id(number))
    return draft
