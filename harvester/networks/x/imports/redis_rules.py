"""Rows of rules from Redis as traptor keeps them: a hash for each rule, or a set of values for each shard."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from harvester.errors import Exit, HarvesterError
from harvester.errors.connections import cause_of
from harvester.errors.packages import missing_package
from harvester.networks.x.imports.deadlines import CONNECT, READ, away, within_deadlines
from harvester.networks.x.imports.rows import TYPE_COLUMNS, Row
from harvester.text import whole_number

if TYPE_CHECKING:
    from redis import Redis

PASSWORD = "TWARC_CLOUD_REDIS_PASSWORD"
_SCHEMES = ("redis", "rediss", "unix")
_KEYS = "traptor-*"
_NOTICES = "traptor-notify"
_TYPES = ("traptor-track", "traptor-follow", "traptor-locations")
_KEY = re.compile(r"traptor-([^:]+):(\d+)(?::(.+))?")
_AT_ONCE = 500


def rows_in(url: str, environment: Mapping[str, str]) -> tuple[str, list[Row]]:
    """The name of the server without anything secret, and the rules in it, of all types and shards."""
    server, redis = named(url)
    try:
        client = redis.Redis.from_url(
            url,
            password=environment.get(PASSWORD) or None,
            socket_connect_timeout=CONNECT,
            socket_timeout=READ,
            retry=None,
        )
        rows = within_deadlines(lambda connected: _read(client, connected), server=server, connect=CONNECT)
    except redis.AuthenticationError as error:
        raise _refused(server) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise away(server, cause_of(error).said) from error
    except redis.RedisError as error:
        why = str(error).partition("\n")[0]
        if why.startswith(("NOAUTH", "NOPERM", "WRONGPASS")):
            raise _refused(server) from error
        raise away(server, why) from error
    if rows:
        return server, rows
    raise HarvesterError(
        f"There is no key {_KEYS} in {server}.",
        hint="Nothing was imported. The URL ends with the number of the database, e.g. /5.",
        exit_code=Exit.USAGE,
    )


def named(url: str) -> tuple[str, Any]:
    """The name of the server, and the package that speaks to it; raises if either is missing."""
    try:
        import redis
    except ModuleNotFoundError as error:
        raise missing_package("redis", "--redis", requirements="requirements-rules.txt") from error

    return _server(url), redis


class Notices:
    """The notifications of traptor's manager about changed rules; none without a connection."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self._url, self._environment = url, environment
        self._client: Any = None
        self._heard: Any = None

    def heard(self, seconds: float) -> bool:
        """Whether a notification arrives within the given seconds; waits only if connected."""
        import redis

        try:
            if self._heard is None:
                # Kept, as its connections end with it.
                self._client = redis.Redis.from_url(
                    self._url,
                    password=self._environment.get(PASSWORD) or None,
                    socket_connect_timeout=CONNECT,
                    retry=None,
                )
                self._heard = self._client.pubsub(ignore_subscribe_messages=True)
                self._heard.subscribe(_NOTICES)
                # The confirmation, after which no notification is lost.
                self._heard.get_message(timeout=CONNECT)
            return self._heard.get_message(timeout=seconds) is not None
        except (redis.RedisError, OSError):
            self.close()
            return False

    def close(self) -> None:
        if self._heard is not None:
            heard, self._heard = self._heard, None
            heard.close()
            self._client.close()


def _read(client: "Redis", connected: Callable[[], None]) -> list[Row]:
    try:
        client.ping()
        connected()
        return list(_rows(client))
    finally:
        client.close()


def _server(url: str) -> str:
    """The server and its database; raises if the URL is none, or would show a password to others."""
    try:
        parts = urlsplit(url)
        port, host, secret, options = parts.port, parts.hostname, parts.password, dict(parse_qsl(parts.query))
    except ValueError as error:
        raise _no_address() from error
    if secret or "password" in options:
        raise in_url("--redis", PASSWORD)
    path = parts.path.strip("/")
    placed, database = (path, options.get("db", "")) if parts.scheme == "unix" else (host, path)
    # The client takes what is no number as database 0, and other options as a mistake of ours.
    is_number = re.fullmatch(r"\d*", database) is not None
    if parts.scheme not in _SCHEMES or not placed or not is_number or not _are_known(options, parts.scheme):
        raise _no_address()
    return f"{parts.scheme}://{host or ''}{f':{port}' if port else ''}{parts.path}"


def _are_known(options: Iterable[str], scheme: str) -> bool:
    return all(name == "db" or (name.startswith("ssl_") and scheme == "rediss") for name in options)


def _no_address() -> HarvesterError:
    return HarvesterError(
        "--redis is not an address of a Redis server.",
        hint="Use e.g. redis://localhost:6379/5; 5 is the number of the database.",
        exit_code=Exit.USAGE,
    )


def in_url(option: str, variable: str) -> HarvesterError:
    return HarvesterError(
        f"The URL of {option} contains a password, which other users and the shell's history can see.",
        hint=f"Leave it out, and set {variable} in the environment.",
        exit_code=Exit.USAGE,
    )


def _refused(server: str) -> HarvesterError:
    return HarvesterError(
        f"{server} does not accept the password, or needs one.",
        hint=f"Set {PASSWORD} in the environment; a user name may be in the URL.",
        exit_code=Exit.USAGE,
    )


def _rows(client: "Redis") -> Iterator[Row]:
    keys = sorted({_text(key) for key in client.scan_iter(match=_KEYS, count=_AT_ONCE)}, key=_order)
    for start in range(0, len(keys), _AT_ONCE):
        yield from _of_keys(client, keys[start : start + _AT_ONCE])


def _order(key: str) -> tuple[Any, ...]:
    """By type, then by number of the shard and of the rule, which are not as long as each other."""
    kind, *numbers = key.split(":")
    read = ((whole_number(part), part) for part in numbers)
    places = ((number is None, number or 0, part) for number, part in read)
    return (_TYPES.index(kind) if kind in _TYPES else len(_TYPES), kind, *places)


def _of_keys(client: "Redis", keys: Sequence[str]) -> Iterator[Row]:
    with client.pipeline(transaction=False) as asked:
        for key in keys:
            asked.type(key)
        types = [_text(each) for each in asked.execute()]
        for key, kind in zip(keys, types, strict=True):
            if kind == "hash":
                asked.hgetall(key)
            elif kind == "set":
                asked.smembers(key)
            else:
                asked.exists(key)
        found = asked.execute()
    for key, kind, content in zip(keys, types, found, strict=True):
        yield from _of_key(key, kind, content)


def _of_key(key: str, kind: str, content: Any) -> Iterator[Row]:
    named = _KEY.fullmatch(key)
    if not named or kind not in ("hash", "set"):
        yield Row(key, {"value": key}, f"is a {kind}" if named else "is not the key of a rule")
    elif kind == "set":
        for value in sorted(content):
            yield _row(key, {b"value": value}, named[1])
    else:
        yield _row(key, content, named[1])


def _row(key: str, content: Mapping[bytes, bytes], kind: str) -> Row:
    try:
        fields = {name.decode(): value.decode() for name, value in content.items()}
    except UnicodeDecodeError:
        return Row(key, {"value": _text(content.get(b"value", b""))}, "is not text in UTF-8")
    # The number in a key is that of the rule in one load, and no id of it.
    usual = {} if any(fields.get(name) for name in TYPE_COLUMNS) else {"type": kind}
    return Row(key, {**fields, **usual})


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
