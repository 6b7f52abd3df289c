"""The control API: clock, accounts, posts, streams, faults and the ledger."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import orjson

from emulator.api import auth
from emulator.api.parameters import RECENT_SECONDS
from emulator.clock import first_id_at, iso, parsed_iso
from emulator.endpoints.follows import edges
from emulator.endpoints.posts import DEPTH
from emulator.language import QueryError
from emulator.ledger import CLASSES
from emulator.service import Service

Params = Mapping[str, Any]


class BadControl(ValueError):
    """A control call that makes no sense; answered with 400 and the reason."""


def credentials(service: Service, _params: Params, _body: Any) -> Any:
    return auth.credentials(service.options.owner)


def clock(service: Service, _params: Params, body: Any) -> Any:
    if body:
        # Numbers of followers change with time.
        service.pages.forget_users()
    if body and "advance" in body:
        service.clock.advance(float(body["advance"]))
    if body and "set" in body:
        service.clock.set(parsed_iso(body["set"]))
    return {
        "now": iso(service.clock.now()),
        "epoch_seconds": service.clock.now(),
        "frozen": service.clock.frozen,
    }


def truth(service: Service, params: Params, _body: Any) -> Any:
    document: dict[str, Any] = {
        "posts": {"total": service.world.total()},
        "served": service.truth.totals(),
        "billed": service.truth.billed(),
        "connections": service.truth.connections,
        "most_at_once": dict(service.truth.most_at_once),
        "outcomes": dict(service.truth.outcomes),
        "requests": list(service.truth.requests),
    }
    if params.get("detail", "0") not in ("0", ""):
        document["posts"]["by_user"] = counts_by_user(service)
        document["served"] = service.truth.detail()
    return document


def counts_by_user(service: Service) -> dict[str, int]:
    ids = {accounts.id(n) for accounts in service.world.kinds_of_accounts() for n in range(accounts.count)}
    ids |= set(service.world.by_author)
    return {str(user_id): count for user_id in sorted(ids) if (count := service.world.post_count(user_id))}


def truth_timeline(service: Service, _params: Params, _body: Any, user_id: str) -> Any:
    """Ids that the timeline can reach now, newest first, whatever the account's state."""
    posts = islice(service.world.timeline(int(user_id)), DEPTH)
    return {"ids": [str(post.id) for post in posts], "state": service.world.state(int(user_id))}


def truth_followers(service: Service, _params: Params, _body: Any, user_id: str) -> Any:
    return truth_list(service, user_id, "followers")


def truth_following(service: Service, _params: Params, _body: Any, user_id: str) -> Any:
    return truth_list(service, user_id, "following")


def truth_list(service: Service, user_id: str, direction: str) -> Any:
    """The ids that a list shows now, newest first; `said` is the number in the profile."""
    people = service.world.people
    ids = [str(people.id(edge.number)) for edge in edges(service, int(user_id), direction)]
    profile = service.world.user(int(user_id)) or {}
    return {"ids": ids, "said": profile.get("public_metrics", {}).get(f"{direction}_count")}


def follow(service: Service, _params: Params, body: Any, user_id: str) -> Any:
    """{"add": [ids], "remove": [ids]}: accounts follow this one from now on, or no longer."""
    world = service.world
    followed = known_number(service, user_id)
    for name, change in (("add", world.graph.add), ("remove", world.graph.remove)):
        for follower in (body or {}).get(name, ()):
            change(known_number(service, follower), followed)
    service.pages.forget_users()
    return truth_list(service, user_id, "followers")


def known_number(service: Service, user_id: Any) -> int:
    number = service.world.people.number(int(user_id))
    if number is None:
        raise BadControl(f"{user_id} is no generated account")
    return number


def truth_search(service: Service, params: Params, _body: Any) -> Any:
    try:
        matcher = service.queries.matcher(params["query"], deep=False)
    except QueryError as error:
        raise BadControl(error.message) from error
    recent = params.get("archive", "0") in ("0", "")
    low = first_id_at(service.clock.now() - RECENT_SECONDS) - 1 if recent else 0
    return {"ids": [str(post.id) for post in service.world.search(matcher, low=low)]}


def truth_stream(service: Service, _params: Params, _body: Any) -> Any:
    """Posts published while a rule matched: in order, the class of each, its connection and times written."""
    log = service.truth.stream
    return {
        "ids": [str(post_id) for post_id in log.ids],
        "classes": [CLASSES[number] for number in log.classes],
        "epochs": list(log.epochs),
        "written": list(log.written),
        "connections": service.truth.connections,
    }


def users(service: Service, params: Params, _body: Any) -> Any:
    accounts = service.world.grids[0].accounts
    start, count = int(params.get("start", 0)), int(params.get("count", 100))
    numbers = range(start, min(accounts.count, start + count))
    made = [{"id": str(accounts.id(n)), "username": accounts.username(n)} for n in numbers]
    loaded = [{"id": key, "username": user["username"]} for key, user in service.world.things.users.items()]
    return {"generated": made, "generated_total": accounts.count, "loaded": loaded}


def user(service: Service, _params: Params, body: Any, user_id: str) -> Any:
    if body and "state" in body:
        service.world.set_state(int(user_id), body["state"])
    if body and "username" in body:
        service.world.rename(int(user_id), body["username"])
    service.pages.forget_users()
    profile = service.world.user(int(user_id))
    return {"id": user_id, "state": service.world.state(int(user_id)), "profile": profile}


def posts(service: Service, _params: Params, body: Any) -> Any:
    """Publish: into the timeline, the search index and the streams at once."""
    wanted = body["posts"] if "posts" in body else [body] * int(body.get("count", 1))
    ids = []
    for item in wanted:
        if "user_id" not in item and "author_id" not in item:
            raise BadControl("a post needs a user_id")
        author = int(item.get("user_id", item.get("author_id", 0)))
        fields = {k: v for k, v in item.items() if k not in ("user_id", "count", "id", "text", "author_id")}
        post = service.world.publish(author=author, text=str(item.get("text", "")), fields=fields)
        for app in service.apps:
            app.stream.offer(post)
        ids.append(str(post.id))
    return {"ids": ids}


def delete_post(service: Service, _params: Params, _body: Any, post_id: str) -> Any:
    return {"deleted": service.world.remove(int(post_id))}


def replay(service: Service, _params: Params, _body: Any) -> Any:
    """Offer every loaded post to the stream, in the order of the files."""
    return {"offered": service.stream.replay()}


def faults(service: Service, _params: Params, body: Any) -> Any:
    if body is not None:
        try:
            service.faults.replace(body)
        except ValueError as error:
            raise BadControl(str(error)) from error
    return service.faults.shown()


def clear_faults(service: Service, _params: Params, _body: Any) -> Any:
    service.faults.replace([])
    return []


def disconnect(service: Service, _params: Params, body: Any) -> Any:
    how = (body or {}).get("how", "close")
    ended = service.stream.living()
    for connection in ended:
        connection.end(how)
    return {"disconnected": len(ended)}


def connections(service: Service, _params: Params, _body: Any) -> Any:
    shown = [
        {"id": c.id, "epoch": c.epoch, "ghost": c.ghost, "sent": c.sent, "pending": len(c.pending)}
        for c in service.stream.open.values()
    ]
    return {"open": shown}


def rules(service: Service, _params: Params, _body: Any) -> Any:
    return {"rules": [rule.shown() for rule in service.rules.all()]}


def truth_rules(service: Service, _params: Params, _body: Any) -> Any:
    """Every rule there ever was: when it was added and deleted, and since and until when posts match it."""
    return {"rules": [life.told() for life in service.rules.in_force.lives()]}


def revoke(service: Service, _params: Params, body: Any) -> Any:
    """{"revoked": true}: every credential is refused until it is false again."""
    service.door.revoked = bool((body or {}).get("revoked", True))
    return {"revoked": service.door.revoked}


def refuse(_service: Service, _params: Params, body: Any) -> Any:
    """{"seconds": n}: the port is closed for so long; the server does it, this only answers."""
    return {"refused_for": float((body or {}).get("seconds", 1))}


def seconds(raw: bytes) -> float:
    return float(orjson.loads(raw or b"{}").get("seconds", 1))


def reset_truth(service: Service, _params: Params, _body: Any) -> Any:
    service.truth.reset()
    return {}


CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("GET", "credentials"): credentials,
    ("POST", "credentials"): revoke,
    ("GET", "clock"): clock,
    ("POST", "clock"): clock,
    ("GET", "truth"): truth,
    ("GET", "truth/timeline/*"): truth_timeline,
    ("GET", "truth/followers/*"): truth_followers,
    ("GET", "truth/following/*"): truth_following,
    ("POST", "followers/*"): follow,
    ("GET", "truth/search"): truth_search,
    ("GET", "truth/stream"): truth_stream,
    ("GET", "truth/rules"): truth_rules,
    ("POST", "reset-truth"): reset_truth,
    ("POST", "refuse"): refuse,
    ("GET", "users"): users,
    ("GET", "users/*"): user,
    ("POST", "users/*"): user,
    ("POST", "posts"): posts,
    ("DELETE", "posts/*"): delete_post,
    ("POST", "replay"): replay,
    ("GET", "faults"): faults,
    ("POST", "faults"): faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "stream/disconnect"): disconnect,
    ("GET", "stream/connections"): connections,
    ("GET", "stream/rules"): rules,
}


def answered(service: Service, method: str, path: str, params: Params, raw: bytes) -> tuple[int, bytes]:
    """Status and JSON of one control call; `path` is what follows /emulator/."""
    *front, last = path.rstrip("/").split("/")
    call = CALLS.get((method, path))
    rest: tuple[str, ...] = ()
    if call is None:
        call, rest = CALLS.get((method, "/".join([*front, "*"]))), (last,)
    if call is None:
        return 404, orjson.dumps({"error": f"no control call {method} /emulator/{path}"})
    try:
        body = orjson.loads(raw) if raw.strip() else None
        return 200, orjson.dumps(call(service, params, body, *rest))
    except (ValueError, KeyError, TypeError) as error:
        return 400, orjson.dumps({"error": f"{type(error).__name__}: {error}"})
