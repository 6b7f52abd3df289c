"""Faults that change accounts or posts at a request, permanently or for that request."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emulator.faults.script import Asked, Fault
from emulator.service import Service

STATES = {"not-found": "deleted", "suspended": "suspended", "protected": "protected"}


def change(service: Service, fault: Fault, asked: Asked) -> None:
    CHANGES[fault.do](service, fault, asked)


def target(service: Service, fault: Fault, asked: Asked) -> int:
    """The account the rule names, else the one the request is about."""
    given = fault.more.get("user_id") or next(iter(sorted(asked.subjects)), "")
    user_id = service.world.named(str(given))
    if user_id is None:
        user_id = service.world.voices.id(0)
    return user_id


def set_state(service: Service, fault: Fault, asked: Asked) -> None:
    service.world.set_state(target(service, fault, asked), str(fault.more["state"]))
    service.pages.forget_users()


def rename(service: Service, fault: Fault, asked: Asked) -> None:
    service.world.rename(target(service, fault, asked), str(fault.more["username"]))
    service.pages.forget_users()


def publish(service: Service, fault: Fault, asked: Asked) -> None:
    """New posts: for a search with the words of its query, so that they match it."""
    text = str(fault.more.get("text", asked.params.get("query", "")))
    for _ in range(int(fault.more.get("count", 1))):
        post = service.world.publish(author=target(service, fault, asked), text=text)
        service.stream.offer(post)


def delete_post(service: Service, fault: Fault, _asked: Asked) -> None:
    service.world.remove(int(fault.more["post_id"]))


def advance_clock(service: Service, fault: Fault, _asked: Asked) -> None:
    service.clock.advance(float(fault.more["seconds"]))


def revoke(service: Service, _fault: Fault, _asked: Asked) -> None:
    service.door.revoked = True


CHANGES: dict[str, Callable[[Service, Fault, Asked], None]] = {
    "set-state": set_state,
    "rename": rename,
    "publish": publish,
    "delete-post": delete_post,
    "advance-clock": advance_clock,
    "revoke": revoke,
}


@contextmanager
def disguised(service: Service, faults: list[Fault], asked: Asked) -> Iterator[None]:
    """For one request the accounts it is about are missing, suspended or protected."""
    if not faults:
        yield
        return
    before = dict(service.world.states)
    for fault in faults:
        wanted = [str(fault.more["user_id"])] if "user_id" in fault.more else sorted(asked.subjects)
        for text in wanted:
            user_id = service.world.named(text)
            if user_id is not None:
                service.world.set_state(user_id, STATES[fault.do])
    service.pages.forget_users()
    try:
        yield
    finally:
        service.world.states = before
        service.pages.forget_users()
