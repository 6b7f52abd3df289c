"""The X API as method calls, one page each, with the fields that twarc requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harvester.clock import Clock, Stop
from harvester.errors import Exit, HarvesterError
from harvester.networks import Client
from harvester.networks.budget import Request
from harvester.networks.x import endpoints
from harvester.networks.x.endpoints import Endpoint
from harvester.networks.x.errors import ApiCode, XError
from harvester.networks.x.fields import Fields
from harvester.networks.x.http.answer import Answer
from harvester.networks.x.http.auth import Sessions
from harvester.networks.x.http.retry import Exchange
from harvester.networks.x.keys import Keys
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.page import Page, accounts_page, posts_page, provenance_of, relations_page
from harvester.networks.x.rules.api import RulesApi
from harvester.networks.x.twarc_lists import user_agent, version

# Of what a stream needs, a client of pages imports nothing.
if TYPE_CHECKING:
    from harvester.networks.x.streaming.connection import StreamConnection

X_API_URL = "https://api.twitter.com"

LOOK_UP = 100
# What only some plans have; others are refused it by name, or altogether.
_OF_THE_PLAN = (ApiCode.BAD_REQUEST, ApiCode.FORBIDDEN)


class XClient(RulesApi, Client):
    """One page a call. Safe for many threads; every call may raise XError or Stopped."""

    def __init__(
        self,
        keys: Keys,
        *,
        base_url: str = X_API_URL,
        clock: Clock,
        stop: Stop,
        patience: float = 900.0,
        pool: int = 64,
        on_wait: Callable[[str, float], None] | None = None,
    ) -> None:
        if not keys.usable:
            raise HarvesterError(
                "There are no keys for the X API.",
                hint="Set BEARER_TOKEN, or run `collection-config keys`.",
                exit_code=Exit.UNAUTHORIZED,
            )
        self._keys = keys
        self.app, self.account = keys.app, keys.account
        self._base = base_url.rstrip("/")
        self._sessions = Sessions(keys, base_url=self._base, stop=stop, pool=pool, agent=user_agent)
        self._exchange = Exchange(
            self._sessions, base_url=self._base, clock=clock, stop=stop, patience=patience, on_wait=on_wait
        )
        self.fields, self.patience = Fields(), patience
        self.billing = self._exchange.billing

    def __repr__(self) -> str:
        return f"XClient({self._base}, {self._keys!r})"

    def aside(self) -> "XClient":
        """The same client for what is asked beside a stream, whose waits are not the harvest's activity."""
        other = copy(self)
        other._exchange = self._exchange.aside()
        return other

    @property
    def time(self) -> NetworkTime:
        """What time it is at X, as far as its answers tell."""
        return self._exchange.time

    def go_on_from(self, before: Client) -> None:
        super().go_on_from(before)
        if isinstance(before, XClient):
            self.fields = before.fields

    def on_refused_field(self, hear: Callable[[str], None]) -> None:
        self.fields.on_refusal = hear

    def close(self) -> None:
        self._sessions.close()

    # Posts

    def timeline(
        self,
        user_id: str,
        *,
        since_id: str | None = None,
        until_id: str | None = None,
        token: str | None = None,
        max_results: int = 100,
    ) -> Page:
        """Newest first, both ids exclusive, at most 3,200 deep; the outcome tells if the account is gone."""
        params = _given(since_id=since_id, until_id=until_id, pagination_token=token, max_results=max_results)
        return self._posts(endpoints.TIMELINE, f"users/{user_id}/tweets", params)

    def search(
        self,
        query: str,
        *,
        archive: bool = False,
        since_id: str | None = None,
        until_id: str | None = None,
        start_time: str | None = None,
        token: str | None = None,
        max_results: int = 100,
        failures: int | None = None,
    ) -> Page:
        """Newest first. `archive` reaches back to 2006, the other seven days.

        `failures`: after how many answers of 5xx to give up, instead of when the patience ends.
        """
        endpoint = endpoints.SEARCH_ALL if archive else endpoints.SEARCH_RECENT
        params = _given(
            query=query,
            since_id=since_id,
            until_id=until_id,
            start_time=start_time,
            next_token=token,
            max_results=max_results,
        )
        most = dict.fromkeys(range(500, 600), failures) if failures else {}
        return self._posts(endpoint, endpoint.name, params, most)

    def hydrate(self, ids: Sequence[str]) -> Page:
        """At most 100 posts by id; those that are gone stand in the page's problems."""
        _require_at_most(LOOK_UP, ids)
        return self._posts(endpoints.TWEETS, "tweets", {"ids": ",".join(ids)})

    def counts(
        self,
        query: str,
        *,
        archive: bool = False,
        since_id: str | None = None,
        until_id: str | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        """How many posts match, by day; of the last seven, or in pages of 31 days of the archive.

        The total is in `meta.total_tweet_count`. Both ids are exclusive.
        """
        asked = _given(query=query, granularity="day", since_id=since_id, until_id=until_id, next_token=token)
        return self._object(endpoints.COUNTS_ALL if archive else endpoints.COUNTS, asked)

    # Accounts

    def users(self, ids: Sequence[str]) -> Page:
        """At most 100 accounts by id; the outcome is OK, and each that is gone is a problem of the page."""
        _require_at_most(LOOK_UP, ids)
        return self._users(endpoints.USERS, "users", {"ids": ",".join(ids)})

    def users_by_name(self, names: Sequence[str]) -> Page:
        _require_at_most(LOOK_UP, names)
        asked = ",".join(name.lstrip("@") for name in names)
        return self._users(endpoints.USERS_BY_NAME, "users/by", {"usernames": asked})

    def followers(self, user_id: str, *, token: str | None = None, max_results: int = 1000) -> Page:
        return self._list(endpoints.FOLLOWERS, user_id, token, max_results)

    def following(self, user_id: str, *, token: str | None = None, max_results: int = 1000) -> Page:
        return self._list(endpoints.FOLLOWING, user_id, token, max_results)

    def usage(self) -> dict[str, Any]:
        """The month's use as X counts it, under `data`."""
        return self._object(endpoints.USAGE, {"usage.fields": "project_cap,project_usage,cap_reset_day"})

    def stream(self, *, backfill_minutes: int = 0, start_time: datetime | None = None) -> "StreamConnection":
        """One attempt to connect to the filtered stream; XError tells why it was refused.

        X delivers again what was published since `start_time`, or in the last minutes, where the plan of the
        app has that, else it connects without. Its posts are billed by `bill_streamed`, as a connection does
        not know which of them came before.
        """
        from harvester.networks.x.streaming.connection import StreamConnection
        from harvester.networks.x.streaming.recovery import asked_for

        asked = asked_for(start_time, backfill_minutes, self.fields.refused)
        more = {name: text for name, text, _ in asked}
        try:
            response = self.fields.for_posts(
                lambda shaped: self._exchange.opened(
                    endpoints.STREAM, self._url(endpoints.STREAM.name), params={**shaped, **more}
                )
            )
        except XError as error:
            if not (more and error.outcome in _OF_THE_PLAN):
                raise
            for name in more:
                self.fields.refuse(name)
            return self.stream(backfill_minutes=backfill_minutes)
        return StreamConnection(
            response,
            version=version,
            clock=self._exchange.clock,
            stop=self._exchange.stop,
            time=self.time,
            asked=asked,
        )

    def bill_streamed(self, posts: int) -> None:
        """Add the posts of a stream to the bill."""
        self.billing.add(endpoints.STREAM.name, posts=posts, requests=0)

    # How they are asked

    def _posts(
        self,
        endpoint: Endpoint,
        path: str,
        params: dict[str, Any],
        most: Mapping[int, int] = MappingProxyType({}),
    ) -> Page:
        # Where no number is asked for, the ids say how many may come.
        posts = params.get("max_results") or params["ids"].count(",") + 1
        with self.billing.reserve(endpoint.name, stop=self._exchange.stop, posts=posts) as bill:
            ask = self._asking(endpoint, path, params, posts_page, bill, most)
            return self.fields.for_posts(ask)

    def _users(self, endpoint: Endpoint, path: str, params: dict[str, str]) -> Page:
        most = (params.get("ids") or params["usernames"]).count(",") + 1
        with self.billing.reserve(endpoint.name, stop=self._exchange.stop, users=most) as bill:
            return self.fields.for_users(self._asking(endpoint, path, params, accounts_page, bill))

    def _list(self, endpoint: Endpoint, user_id: str, token: str | None, max_results: int) -> Page:
        """A page of as many accounts as the budget still pays for."""
        line = endpoint.own if user_id == self.account else endpoint.name
        path = endpoint.name.replace(":id", user_id)
        with self.billing.reserve_users(line, stop=self._exchange.stop, most=max_results) as bill:
            params = _given(pagination_token=token, max_results=bill.users)
            page = partial(relations_page, asked=bill.users)
            return self.fields.for_users(self._asking(endpoint, path, params, page, bill))

    def _asking(
        self,
        endpoint: Endpoint,
        path: str,
        params: Mapping[str, Any],
        page_of: Callable[[bytes, bytes], Page],
        bill: Request,
        most: Mapping[int, int] = MappingProxyType({}),
    ) -> Callable[[Mapping[str, str]], Page]:
        """A page, for the fields that are asked for; what came is added to the bill."""

        def read(answer: Answer) -> Page:
            page = page_of(answer.body, self._provenance(answer.url))
            bill.came(posts=page.posts, users=len(page.users) + len(page.ids))
            return page

        url = self._url(path)
        return lambda shaped: self._exchange.ask(
            endpoint, url, read, params={**shaped, **params}, most=most, bill=bill
        )

    def _object(
        self,
        endpoint: Endpoint,
        params: dict[str, Any] | None = None,
        *,
        body: Any = None,
        patience: float | None = None,
        read: Callable[[Answer], dict[str, Any]] = Answer.json,
    ) -> dict[str, Any]:
        """The answer as it is, for endpoints that return no posts or users."""
        url = self._url(endpoint.name)
        with self.billing.reserve(endpoint.name, stop=self._exchange.stop) as bill:
            found = self._exchange.ask_without_secrets(
                endpoint, url, read, params=params, body=body, patience=patience, bill=bill
            )
            bill.came()
        return found

    def _url(self, path: str) -> str:
        return f"{self._base}/2/{path}"

    def _provenance(self, url: str) -> bytes:
        now = self._exchange.clock.now().astimezone(UTC)
        return provenance_of(url, version, now.isoformat(timespec="seconds"))


def _given(**asked: Any) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _require_at_most(most: int, asked: Sequence[str] | Iterable[str]) -> None:
    count = len(list(asked))
    if not 0 < count <= most:
        raise ValueError(f"{count} were asked for at once, and 1 to {most} can be")
