"""Answers of X as they come from a broken server, proxy or wire: each made from a right one and a seed."""

import copy
import gzip
import json
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.scripted_x import Reply

# Stands for a number of 5,000 digits, which Python would not write.
_TOO_LONG = "<too long>"
_OTHERS: tuple[Any, ...] = (
    *(_TOO_LONG, 10**30, "t" * 100_000),
    *(None, True, False, 0, -1, 7, 1 << 70, 1.5, "", "x", "\u2028", "é", "\ud83d", "null", "9" * 25),
    *([], {}, [None], [[]], {"id": None}, {"x": {"y": []}}, ["x"], [1, {}], {"users": None}),
)
_TYPES = "https://api.twitter.com/2/problems/"
# What X says when something is wrong, by status; docs.x.com, "Response codes & errors", and reports of users.
ERRORS: tuple[tuple[int, Any], ...] = (
    (200, {"errors": [{"title": "Internal Server Error", "type": f"{_TYPES}internal-error", "status": 500}]}),
    (200, {"errors": [{"code": 130, "message": "Over capacity"}]}),
    (200, {"errors": [{"title": "x", "type": f"{_TYPES}resource-unavailable"}], "meta": {"result_count": 0}}),
    (200, {"meta": {"result_count": 0}}),
    (200, {"meta": {"result_count": 0, "next_token": "t"}}),
    (200, {"data": [], "meta": {"result_count": 0}}),
    (
        400,
        {"errors": [{"parameters": {"query": ["x"]}, "message": "no"}], "type": f"{_TYPES}invalid-request"},
    ),
    (401, {"title": "Unauthorized", "status": 401, "type": "about:blank", "detail": "Unauthorized"}),
    (402, {"title": "Payment Required", "detail": "credits depleted", "type": f"{_TYPES}credits-depleted"}),
    (
        403,
        {"title": "Client Forbidden", "reason": "client-not-enrolled", "type": f"{_TYPES}client-forbidden"},
    ),
    (403, {"errors": [{"code": 453, "message": "You currently have access to a subset"}]}),
    (404, {"title": "Not Found", "status": 404}),
    (409, {"title": "ConnectionException", "connection_issue": "RuleConfigurationIssue"}),
    (429, {"title": "UsageCapExceeded", "period": "Monthly", "type": f"{_TYPES}usage-capped"}),
    (500, {"title": "Internal Server Error", "status": 500}),
    (503, {"title": "Service Unavailable", "status": 503, "type": "about:blank"}),
)
_STATUSES = (*range(200, 209), 226, 300, 301, 302, 303, 304, 305, 307, 308, *range(400, 409), 410, 413, 414)
_MORE_STATUSES = (
    *(418, 421, 422, 425, 426, 431, 451, 500, 501, 502, 503, 504, 505, 507, 511, 520, 530, 599),
)
_HEADERS = {
    "content-type": ("text/html", "application/json; charset=utf-16", "", "\xe9"),
    "content-encoding": ("gzip", "br", "deflate", "identity", "GZIP, gzip", "x-gzip", "zstd"),
    "x-rate-limit-remaining": ("0", "-1", "many", "", "9" * 5000, "1.5", "\xb2"),
    "x-rate-limit-reset": ("0", "-5", "soon", "1e9", "9" * 5000, "NaN"),
    "x-rate-limit-limit": ("0", "x"),
    "date": ("soon", "Mon, 99 Foo 2026 25:61:61 GMT", "0", "Thu, 01 Jan 1970 00:00:00 -0000", ""),
    "retry-after": ("-1", "x", "99999999999"),
    "location": ("http://[", "//", "http://x:99999/", "\xff"),
    "x-" + "y" * 2000: ("z" * 2000,),
    "set-cookie": ("a=b; Expires=never",),
}


def mutated(right: Any, random: Random) -> Reply:
    """An answer that is wrong in one way or a few."""
    status, value = (right.status, right.body) if isinstance(right, Reply) else (200, right)
    value = copy.deepcopy(value)
    if random.random() < 0.2:
        status, value = copy.deepcopy(random.choice(ERRORS))
    if random.random() < 0.1:
        value = with_numbers_as_ids(value)
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        value = _changed(value, random)
    body = _encoded(value, random)
    headers: dict[str, str] = {}
    kind = random.random()
    if kind < 0.35:
        body = random.choice(_BYTES)(body, random)
    elif kind < 0.45:
        status = random.choice((*_STATUSES, *_MORE_STATUSES))
    elif kind < 0.55:
        for name in random.sample(sorted(_HEADERS), random.randint(1, 3)):
            headers[name] = random.choice(_HEADERS[name])
    elif kind < 0.6:
        headers["content-encoding"] = "gzip"
        body = random.choice(_PACKED)(body, random)
    cut = random.randrange(len(body) + 1) if random.random() < 0.05 else None
    return Reply(status, body, headers, cut=cut)


def refusal(random: Random) -> Reply:
    """What X says when it gives nothing."""
    status, value = random.choice([each for each in ERRORS if each[0] != 200])
    return Reply(status, value)


def with_numbers_as_ids(value: Any, name: str = "") -> Any:
    """The value with each id as a number, which is the same JSON to many servers."""
    if isinstance(value, dict):
        return {each: with_numbers_as_ids(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [with_numbers_as_ids(inner, name) for inner in value]
    is_id = name == "id" or name.endswith(("_id", "_ids"))
    return int(value) if is_id and isinstance(value, str) and value.isdigit() else value


def _encoded(value: Any, random: Random) -> bytes:
    text = json.dumps(value, ensure_ascii=random.random() < 0.5, indent=random.choice((None, None, 1)))
    return text.replace(f'"{_TOO_LONG}"', "9" * 5000).encode("utf-8", "surrogatepass")


def _changed(value: Any, random: Random) -> Any:
    """The value with one of its members dropped, doubled, nested, or of another kind."""
    places = list(_places(value))
    if not places:
        return copy.deepcopy(random.choice(_OTHERS))
    holder, key = random.choice(places)
    deed = random.random()
    if deed < 0.35:
        del holder[key]
    elif deed < 0.75:
        # Another id would be a right answer again.
        others = [each for each in _OTHERS if key != "id" or each != 7]
        holder[key] = copy.deepcopy(random.choice(others))
    elif deed < 0.85:
        holder[key] = random.choice(
            ([holder[key]], {"data": holder[key]}, {key if key else "x": holder[key]})
        )
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif isinstance(holder[key], list):
        holder[key].reverse()
    else:
        return random.choice(([value], {"data": value}, {"data": [value], "meta": {}}))
    return value


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


_Bytes = Callable[[bytes, Random], bytes]


def _cut(body: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _spoilt(body: bytes, random: Random) -> bytes:
    """One byte is another, or one too many; no digit, as one id for another is a right answer again."""
    at = random.randrange(len(body) + 1)
    byte = bytes([random.choice([each for each in range(256) if not 48 <= each < 58])])
    keeps = body[at : at + 1].isdigit() or random.random() < 0.5
    return body[:at] + byte + body[at if keeps else at + 1 :]


_INSTEAD = (b"", b" ", b"null", b"[" * 100_000, b"<html><title>502 Bad Gateway</title></html>")
_BYTES: tuple[_Bytes, ...] = (
    _cut,
    _spoilt,
    _spoilt,
    _spoilt,
    lambda body, _: b"\xef\xbb\xbf" + body,
    lambda body, _: body.decode("utf-8", "replace").encode("utf-16-le"),
    lambda body, _: body.decode("utf-8", "replace").encode("utf-16"),
    lambda body, _: body.decode("utf-8", "replace").encode("utf-32-be"),
    lambda body, _: body.decode("utf-8", "replace").encode("latin-1", "replace"),
    lambda body, _: body + body,
    lambda body, _: body + b"\r\n" + body,
    lambda body, _: b"\r\n\t " + body + b" \r\n\r\n",
    lambda body, _: b'{"data":' * 2_000 + body + b"}" * 2_000,
    lambda body, _: body[:-1] + b',"x":' + b"[" * 1_100 + b"]" * 1_100 + b"}",
    lambda body, _: body.replace(b"post", b"\\ud83d", 1),
    lambda body, _: body.replace(b"post", b"\\udc00\\ud83d\\u0000", 2),
    lambda body, _: body.replace(b'"created_at"', b'"x": NaN, "created_at"'),
    lambda body, _: body.replace(b'"created_at"', b'"y": "\\ud83d", "x": -Infinity, "created_at"'),
    lambda body, _: body.replace(b'"created_at"', b'"x": 1e999, "y": ' + b"9" * 5000 + b', "created_at"'),
    lambda _, random: random.choice(_INSTEAD),
    lambda body, _: zlib.compress(body),
    lambda body, _: gzip.compress(body),
)
_PACKED: tuple[_Bytes, ...] = (
    lambda body, _: gzip.compress(body),
    lambda body, _: body,
    lambda body, random: _cut(gzip.compress(body), random),
    lambda body, random: _spoilt(gzip.compress(body), random),
    lambda body, _: gzip.compress(body) + b"\0" * 5,
    lambda body, _: gzip.compress(body[:50]) + gzip.compress(body[50:]),
    lambda *_: gzip.compress(b" " * 1_000_000),
)
