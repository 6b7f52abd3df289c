"""Timelines, mentions, searches and look-ups: pages of posts, newest first, in a window that stays put."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from emulator.api.answers import Answer, Call, json_answer
from emulator.api.errors import bad_parameter, missing, not_authorized, suspended
from emulator.api.page_tokens import Place, fingerprint, place_of, token
from emulator.api.parameters import ACCEPTS, RECENT_SECONDS
from emulator.clock import first_id_at, parsed_iso
from emulator.language import Matcher, QueryError
from emulator.service import Service
from emulator.surprises import Surprises
from emulator.world.world import TOP, Post

DAY = 86_400
DEPTH, DEPTH_WITHOUT_REPLIES, DEPTH_OF_MENTIONS = 3200, 800, 800
Way = Callable[[int, int], Iterator[Post]]


@dataclass(frozen=True)
class Chain:
    """A chain of pages: the posts between two ids, and where the truth notes what was served."""

    way: Way
    low: int
    high: int
    ledger: tuple[str, int]
    depth: int | None = None


def timeline(service: Service, call: Call) -> Answer:
    user_id = int(call.subject)
    if refused := refused_account(service, user_id):
        return refused
    excluded = {"replies": "reply", "retweets": "retweet"}
    kinds = {excluded[name] for name in call.params.get("exclude", "").split(",") if name}

    def way(low: int, high: int) -> Iterator[Post]:
        found = service.world.timeline(user_id, low=low, high=high)
        return (post for post in found if not kinds & post.kinds) if kinds else found

    low, high = span(call.params)
    depth = DEPTH_WITHOUT_REPLIES if "reply" in kinds else DEPTH
    floor = depth_floor(way, depth=depth) if service.world.post_count(user_id) > depth else 0
    return page(service, call, Chain(way, max(low, floor), high, ("timelines", user_id)))


def mentions(service: Service, call: Call) -> Answer:
    user_id = int(call.subject)
    if refused := refused_account(service, user_id):
        return refused
    profile = service.world.user(user_id) or {}
    query = matcher(service, call, f"@{profile.get('username', '')}", deep=True)

    def way(low: int, high: int) -> Iterator[Post]:
        return service.world.search(query, low=low, high=high)

    low, high = span(call.params)
    floor = depth_floor(way, depth=DEPTH_OF_MENTIONS)
    return page(service, call, Chain(way, max(low, floor), high, ("other", 0)))


def search(service: Service, call: Call) -> Answer:
    query = matcher(service, call, call.params["query"])
    low, high = search_span(service, call)

    def way(low: int, high: int) -> Iterator[Post]:
        return service.world.search(query, low=low, high=high)

    return page(service, call, Chain(way, low, high, ("search", 0)))


def lookup(service: Service, call: Call) -> Answer:
    """Posts by id, in the order asked; what is not there or not visible is an error entry."""
    found: list[Post] = []
    errors: list[dict[str, Any]] = []
    for text in dict.fromkeys(call.params["ids"].split(",")):
        post = service.world.post(int(text))
        if post is None:
            errors.append(missing(service.problems, kind="tweet", parameter="ids", value=text))
        elif service.world.is_hidden(post):
            errors.append(
                {**not_authorized(service.problems, value=text), "resource_type": "tweet", "parameter": "ids"}
            )
        else:
            found.append(post)
    parts = []
    if found:
        parts.append(b'"data":[' + b",".join([post.json(call.view) for post in found]) + b"]")
        parts += [
            part for part in service.pages.expanded(found, call.view) if not part.startswith(b'"errors"')
        ]
    if errors:
        parts.append(b'"errors":' + orjson.dumps(errors))
    return Answer(body=b"{" + b",".join(parts) + b"}", posts=[post.id for post in found], ledger=("other", 0))


def matcher(service: Service, call: Call, text: str, *, deep: bool = False) -> Matcher:
    longest = ACCEPTS[call.endpoint].query_length
    if longest and len(text) > longest:
        message = f"The `query` query parameter value [{text}] length must be less than or equal to {longest}"
        raise bad_parameter(service.problems, "query", text, message)
    try:
        return service.queries.matcher(text, deep=deep)
    except QueryError as error:
        raise bad_parameter(service.problems, "query", text, error.message) from error


def refused_account(service: Service, user_id: int) -> Answer | None:
    """200 with errors for an account whose posts cannot be read."""
    state = service.world.state(user_id)
    entries = {
        "protected": lambda: not_authorized(service.problems, value=str(user_id)),
        "suspended": lambda: suspended(service.problems, parameter="id", value=str(user_id)),
        "deleted": lambda: missing(service.problems, kind="user", parameter="id", value=str(user_id)),
    }
    if state not in entries:
        return None
    return json_answer({"errors": [entries[state]()]}, outcome="not-found" if state == "deleted" else state)


def span(params: Mapping[str, str]) -> tuple[int, int]:
    """Exclusive bounds on ids; start_time is inclusive and end_time exclusive."""
    low, high = int(params.get("since_id", 0)), int(params.get("until_id", TOP))
    if "start_time" in params:
        low = max(low, first_id_at(parsed_iso(params["start_time"])) - 1)
    if "end_time" in params:
        high = min(high, first_id_at(parsed_iso(params["end_time"])))
    return max(low, 0), high


def search_span(service: Service, call: Call) -> tuple[int, int]:
    low, high = span(call.params)
    now = service.clock.now()
    if call.endpoint.endswith("recent"):
        low = max(low, first_id_at(now - RECENT_SECONDS) - 1)
    elif service.options.archive_days and not call.params.keys() & {"start_time", "since_id"}:
        newest = parsed_iso(call.params["end_time"]) if "end_time" in call.params else now
        low = max(low, first_id_at(newest - service.options.archive_days * DAY) - 1)
    if service.options.search_lag and "end_time" not in call.params:
        high = min(high, first_id_at(now - service.options.search_lag))
    return low, high


def depth_floor(way: Way, *, depth: int) -> int:
    """The id just under the deepest post that can be reached."""
    deepest = next(islice(way(0, TOP), depth - 1, depth), None)
    return deepest.id - 1 if deepest else 0


def page(service: Service, call: Call, chain: Chain) -> Answer:
    bound = fingerprint(call.endpoint, call.subject, call.params)
    place = given_place(service, call, bound) or Place(min(chain.high, TOP), chain.low, min(chain.high, TOP))
    size = int(call.params.get("max_results", (ACCEPTS[call.endpoint].page or (0, 0, 10))[2]))
    size = size if call.page_cap is None else min(size, call.page_cap)
    if service.surprises and not place.backwards:
        return surprising_page(service, service.surprises, call, chain, place, bound, size)
    if place.backwards:
        posts = list(chain.way(place.last, place.top))[-size:]
        more = True
    else:
        # What has sunk below the depth or the window since the token was given is out of reach.
        found = list(islice(chain.way(max(place.floor, chain.low), place.last), size + 1))
        posts, more = found[:size], len(found) > size
    meta = page_meta(posts, place, bound, more=more)
    body = service.pages.body(posts, call.view, meta=meta)
    return Answer(body=body, posts=[post.id for post in posts], ledger=chain.ledger)


def surprising_page(
    service: Service, surprises: Surprises, call: Call, chain: Chain, place: Place, bound: bytes, size: int
) -> Answer:
    """The same posts, all of which come by following the tokens; some come twice, or a page later."""
    plan = surprises.plan(size)
    again = [post for post in [service.world.post(place.held)] if post] if place.held else []
    if plan.repeats and place.last < place.top:
        again += list(chain.way(place.last - 1, place.top))[-plan.repeats :]
    # A post that is both repeated and held back by the page before comes once, and all of them fit.
    again = list({post.id: post for post in again}.values())[:size]
    most = min(plan.size, size - len(again))
    found = list(islice(chain.way(place.floor, place.last), most + 1))
    fresh, held = found[:most], surprises.held(found[:most], plan)
    more = len(found) > most or held is not None or (bool(fresh) and plan.trailing)
    posts = surprises.in_some_order([*again, *(post for post in fresh if post is not held)])
    meta: dict[str, Any] = {"result_count": len(posts)}
    if posts:
        ids = [post.id for post in posts]
        meta |= {"newest_id": str(max(ids)), "oldest_id": str(min(ids))}
    if more:
        is_first = place.last == place.top
        top = fresh[0].id + 1 if is_first and fresh else place.top
        last = fresh[-1].id if fresh else place.last
        after = Place(top, place.floor, last, held=held.id if held else 0, salt=plan.salt)
        meta["next_token"] = token(after, bound)
    body = service.pages.body(posts, call.view, meta=meta)
    return Answer(body=body, posts=[post.id for post in posts], ledger=chain.ledger)


def given_place(service: Service, call: Call, bound: bytes) -> Place | None:
    for name in ("pagination_token", "next_token"):
        if name in call.params:
            place = place_of(call.params[name], bound)
            if place is None:
                message = f"The `{name}` query parameter value [{call.params[name]}] is not valid"
                raise bad_parameter(service.problems, name, call.params[name], message)
            return place
    return None


def page_meta(posts: list[Post], place: Place, bound: bytes, *, more: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    is_first = place.last == place.top and not place.backwards
    # Later pages look only below the newest post of the first, so what is published meanwhile shifts nothing.
    top = posts[0].id + 1 if is_first and posts else place.top
    last = posts[-1].id if posts else place.last
    if posts:
        meta |= {"newest_id": str(posts[0].id), "oldest_id": str(posts[-1].id)}
    meta["result_count"] = len(posts)
    if more:
        meta["next_token"] = token(Place(top, place.floor, last), bound)
    if not is_first and posts and posts[0].id + 1 < place.top:
        meta["previous_token"] = token(Place(place.top, place.floor, posts[0].id, True), bound)
    return meta
