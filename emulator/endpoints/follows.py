"""The accounts that follow an account, and those that it follows, as whole profiles in pages."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

from emulator.api.answers import Answer, Call
from emulator.api.errors import bad_parameter
from emulator.api.page_tokens import Place, fingerprint, place_of, token
from emulator.endpoints.posts import refused_account
from emulator.endpoints.users import profiles_body
from emulator.service import Service
from emulator.surprises import Surprises
from emulator.world.graph import Edge

# The number of accounts of the previous page that are repeated if a list grows while it is read.
AGAIN = 3


def followers(service: Service, call: Call) -> Answer:
    return page(service, call, "followers")


def following(service: Service, call: Call) -> Answer:
    return page(service, call, "following")


def page(service: Service, call: Call, direction: str) -> Answer:
    user_id = int(call.subject)
    if refused := refused_account(service, user_id):
        return refused
    bound = fingerprint(call.endpoint, call.subject, call.params)
    if service.surprises:
        return surprising_page(service, service.surprises, call, direction, bound)
    given = given_place(service, call, bound)
    newest = next(edges(service, user_id, direction), Edge(0, 0)).position
    place = given or Place(newest, 0, newest + 1)
    size = int(call.params.get("max_results", 100))
    size = size if call.page_cap is None else min(size, call.page_cap)
    below = place.last
    if given and newest > place.top:
        below += AGAIN
    found = list(islice(edges(service, user_id, direction, below=below), size + 1))
    shown = [service.world.people.id(edge.number) for edge in found[:size]]
    meta: dict[str, object] = {"result_count": len(shown)}
    if len(found) > size and not call.is_lost:
        last = found[size - 1].position if size else place.last
        meta["next_token"] = "t" * 100_000 if call.is_long else token(next_place(call, place, last), bound)
    shown = shown[: max(0, len(shown) - call.lacking)]
    if given and shown:
        meta["previous_token"] = token(Place(place.top, 0, below, True), bound)
    return Answer(
        body=profiles_body(service, call, shown, meta=meta),
        users=shown,
        ledger=(direction, user_id),
        owned=user_id == service.options.owner,
    )


def next_place(call: Call, place: Place, last: int) -> Place:
    """Where the next page begins; by some faults where this one does."""
    if call.is_again:
        # By another token.
        return Place(place.top + 1, 0, place.last)
    return place if call.is_stuck else Place(place.top, 0, last)


def surprising_page(
    service: Service, surprises: Surprises, call: Call, direction: str, bound: bytes
) -> Answer:
    """The same list in an order of its own, by places in it or by numbers that shift as it changes."""
    user_id = int(call.subject)
    place = given_place(service, call, bound) or Place(0, 0, 0)
    size = int(call.params.get("max_results", 100))
    plan = surprises.plan(size)
    listed = sorted(
        (surprises.place_in_list(edge.position), edge.number) for edge in edges(service, user_id, direction)
    )
    begin = place.last if surprises.lists_by_offset else bisect_left(listed, (place.last, -1))
    # A page that only repeats would be another one's error.
    again = min(plan.repeats, begin, size - 1) if begin < len(listed) and plan.size else 0
    end = min(begin + min(plan.size, size - again), len(listed))
    shown = [service.world.people.id(number) for _, number in listed[begin - again : end]]
    meta: dict[str, object] = {"result_count": len(shown)}
    if end < len(listed) or (end > begin and plan.trailing):
        after = end if surprises.lists_by_offset else listed[end - 1][0] + 1 if end else 0
        meta["next_token"] = token(Place(0, 0, after, salt=plan.salt), bound)
    return Answer(
        body=profiles_body(service, call, shown, meta=meta),
        users=shown,
        ledger=(direction, user_id),
        owned=user_id == service.options.owner,
    )


def edges(service: Service, user_id: int, direction: str, *, below: int | None = None) -> Iterator[Edge]:
    """The accounts that a list shows now, newest first; without suspended and deleted ones."""
    world = service.world
    number = world.people.number(user_id)
    if number is None:
        return
    listed = world.graph.followers if direction == "followers" else world.graph.following
    for edge in listed(number, service.clock.now(), below=below):
        if world.states.get(world.people.id(edge.number)) not in ("suspended", "deleted"):
            yield edge


def given_place(service: Service, call: Call, bound: bytes) -> Place | None:
    given = call.params.get("pagination_token")
    if given is None:
        return None
    place = place_of(given, bound)
    if place is None:
        message = f"The `pagination_token` query parameter value [{given}] is not valid"
        raise bad_parameter(service.problems, "pagination_token", given, message)
    return place
