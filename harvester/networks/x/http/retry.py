"""Retries a request until answered, rejected for good or out of patience; a stop ends it in seconds."""

import logging
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from requests.exceptions import RequestException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ProxyError

from harvester.clock import Backoff, Clock, Stop, http_date, waiting
from harvester.errors.connections import cause_of
from harvester.networks import Stopped
from harvester.networks.budget import Request
from harvester.networks.x.endpoints import TOKEN, Endpoint
from harvester.networks.x.errors import ApiCode, Problem, XError
from harvester.networks.x.http.answer import Answer, whole
from harvester.networks.x.http.auth import Sessions
from harvester.networks.x.http.intermediary import problem_by, refused_by_proxy
from harvester.networks.x.http.rate_limit import Windows
from harvester.networks.x.http.request import Reply, Wire
from harvester.networks.x.keys import problem_in
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.page import ErrorsOnly, NotAPage
from harvester.networks.x.prices import billing
from harvester.networks.x.problems import problem_of

log = logging.getLogger("twarc-cloud")

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
# The most often that an answer which may be true, or an outage, is asked for. 200: a body of errors only.
TRIES = {200: 5, 301: 4, 308: 4, 401: 2, 404: 4, 407: 2}

# Errors before X can have had the request.
_NOT_SENT = (RequestException, ConnectTimeoutError, ProxyError)


@dataclass
class _Tries:
    """The time of one request so far; waits for a rate window do not count."""

    patience: float
    most: Mapping[int, int] = field(default_factory=dict)
    spent: float = 0.0
    by_status: dict[int, int] = field(default_factory=dict)
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE, LONGEST_PAUSE, jitter=True))

    def exhausted(self, problem: Problem) -> bool:
        # X refuses keys with 401, and those that a token is asked for with 403.
        status = 401 if problem.outcome == ApiCode.UNAUTHORIZED else problem.status
        self.by_status[status] = self.by_status.get(status, 0) + 1
        most = self.most.get(status) or TRIES.get(status, 1 << 30)
        return self.by_status[status] >= most or self.spent >= self.patience


class Exchange:
    """Sends requests as X's rules require; used by many threads at once."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        base_url: str,
        clock: Clock,
        stop: Stop,
        patience: float,
        on_wait: Callable[[str, float], None] | None,
    ) -> None:
        self.base_url = base_url
        self.clock = clock
        self.stop = stop
        self.patience = patience
        self.on_wait = on_wait
        self.time = NetworkTime(clock)
        self.billing = billing(today=lambda: self.time.latest().date())
        self.windows = Windows(clock=clock, stop=stop, on_wait=on_wait)
        self._sessions = sessions

    def aside(self) -> "Exchange":
        """The same connections and bill, for requests whose waits are not shown."""
        other = copy(self)
        other.on_wait = None
        other.windows = Windows(clock=self.clock, stop=self.stop)
        return other

    def ask(
        self,
        endpoint: Endpoint,
        url: str,
        read: Callable[[Answer], T],
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        patience: float | None = None,
        most: Mapping[int, int] = MappingProxyType({}),
        bill: Request | None = None,
    ) -> T:
        """What `read` makes of the answer; XError when there will be none, Stopped when a stop came first.

        `most` says how often an answer of some status is asked for, where that is less than usual. `bill` is
        told of each answer that X may have charged for and that did not come whole.
        """
        tries = _Tries(self.patience if patience is None else patience, most)
        while True:
            self.windows.reserve(endpoint.window, spacing=endpoint.spacing)
            started = self.clock.elapsed()
            headers: Mapping[str, str] = {}
            try:
                try:
                    if bill:
                        bill.require()
                    answer = self._answer(endpoint, url, params, body)
                finally:
                    self.windows.done(endpoint.window)
                headers = answer.headers
                if 200 <= answer.status < 300:
                    self.windows.learn(endpoint.window, headers)
                    return read(answer)
                problem = _problem(self._printable(answer))
            except ErrorsOnly as error:
                detail = self._sessions.without_secrets(str(error))
                problem = Problem(ApiCode.UNAVAILABLE, "Errors only", detail, status=200)
            except (RequestException, HTTPError, OSError, NotAPage) as error:
                if bill and not isinstance(error, _NOT_SENT):
                    bill.lost()
                problem = _no_answer(error)
            if self.stop.requested:
                raise Stopped
            tries.spent += self.clock.elapsed() - started
            self._before_next(endpoint, problem, headers, tries)

    def _before_next(
        self, endpoint: Endpoint, problem: Problem, headers: Mapping[str, str], tries: _Tries
    ) -> None:
        """Wait until the next try, or raise the request's error."""
        if problem.outcome == ApiCode.RATE_LIMITED:
            self.windows.learn(endpoint.window, headers, limited=True)
            return
        again = problem.outcome in (ApiCode.UNAVAILABLE, ApiCode.UNAUTHORIZED)
        if not again or tries.exhausted(problem):
            raise self.error(problem, endpoint, headers)
        if problem.outcome == ApiCode.UNAUTHORIZED:
            self._sessions.refused(endpoint)
        self.pause(f"X does not answer {endpoint.name}: {problem.detail}", tries.backoff.pause(), tries)

    def pause(self, why: str, seconds: float, tries: _Tries | None = None) -> None:
        if tries:
            seconds = max(0.0, min(seconds, tries.patience - tries.spent))
            tries.spent += seconds
        with waiting(self.on_wait) as report:
            report(why, seconds)
            if self.clock.wait(self.stop, seconds):
                raise Stopped

    def error(
        self, problem: Problem, endpoint: Endpoint, headers: Mapping[str, str], *, retry_after: float = 0.0
    ) -> XError:
        hint = f"{problem.hint} Then start again: a harvest continues where it was." if problem.hint else ""
        signed = problem.outcome == ApiCode.UNAUTHORIZED and self._sessions.signs(endpoint)
        if signed and (off := self._minutes_off(headers)):
            hint = f"This machine's clock is {off} minutes off, and signatures carry the time: set the clock."
        return XError(problem, asked=f"{endpoint.method} {endpoint.name}", hint=hint, retry_after=retry_after)

    def _minutes_off(self, headers: Mapping[str, str]) -> int:
        theirs = http_date(headers.get("date"))
        if theirs is None:
            return 0
        minutes = abs((self.clock.now() - theirs).total_seconds()) / 60
        return round(minutes) if minutes > 4 else 0

    def _answer(self, endpoint: Endpoint, url: str, params: Any, body: Any) -> Answer:
        content = {"form" if endpoint.form else "json": body}
        wire = self._wire(endpoint)
        started = self.clock.elapsed()
        answer = wire.ask(endpoint.method, url, clock=self.clock, params=params, **content)
        self._heard(endpoint, answer, started)
        return answer

    def _wire(self, endpoint: Endpoint) -> Wire:
        wire = self._sessions.of(endpoint, self._token)
        if self.stop.requested:
            # The stop came while a token was fetched: a request now is billed, and may be too late.
            raise Stopped
        return wire

    def _heard(self, endpoint: Endpoint, answer: Answer | Reply, started: float) -> None:
        self.time.heard(answer.headers.get("date"), sent=started)
        if log.isEnabledFor(logging.DEBUG):
            # Keys are in headers and bodies; only an address that the setting gives might hold some.
            path = answer.url.removeprefix(self.base_url)
            milliseconds = (self.clock.elapsed() - started) * 1000
            log.debug("X %s %s => %s after %.0f ms", endpoint.method, path, answer.status, milliseconds)

    def opened(self, endpoint: Endpoint, url: str, *, params: Mapping[str, Any]) -> Any:
        """One attempt at an answer without an end; XError when it is refused or X cannot be reached."""
        headers: Mapping[str, str] = {}
        if closed := self.windows.closed_for(endpoint.window):
            problem = Problem(ApiCode.RATE_LIMITED, detail="no connection is left in this window")
            raise self.error(problem, endpoint, headers, retry_after=closed)
        try:
            started = self.clock.elapsed()
            wire = self._wire(endpoint)
            response = wire.send(endpoint.method, url, params=params)
            self._heard(endpoint, response, started)
            if response.status == 200:
                self.windows.learn(endpoint.window, response.headers)
                self.billing.add(endpoint.name)
                self._sessions.cut_at_stop(response)
                return response
            headers = response.headers
            body = whole(response.raw, self.clock)
            problem = _problem(self._printable(Answer(response.status, headers, body, response.url)))
            response.close()
        except (RequestException, HTTPError, OSError) as error:
            problem = _no_answer(error)
        if self.stop.requested:
            raise Stopped
        closed = 0.0
        if problem.outcome == ApiCode.RATE_LIMITED:
            self.windows.learn(endpoint.window, headers, limited=True)
            closed = self.windows.closed_for(endpoint.window)
        if problem.outcome == ApiCode.UNAUTHORIZED:
            self._sessions.refused(endpoint)
        raise self.error(problem, endpoint, headers, retry_after=closed)

    def ask_without_secrets(self, endpoint: Endpoint, url: str, read: Callable[[Answer], T], **how: Any) -> T:
        """As `ask`, for an answer that is stored without its keys."""
        return self.ask(endpoint, url, lambda answer: read(self._printable(answer)), **how)

    def _printable(self, answer: Answer) -> Answer:
        text = self._sessions.without_secrets(answer.body.decode("latin-1"))
        return replace(answer, body=text.encode("latin-1"))

    def _token(self) -> str:
        """The bearer token of an app, for its consumer key and secret."""
        form = {"grant_type": "client_credentials"}
        return self.ask(TOKEN, f"{self.base_url}/oauth2/token", _token_in, body=form)


def _problem(answer: Answer) -> Problem:
    try:
        return problem_of(answer.status, answer.json())
    except NotAPage:
        by_others = problem_by(answer.status, answer.headers, answer.body)
        return by_others or problem_of(answer.status, None)


def _no_answer(error: BaseException) -> Problem:
    if found := re.search(r"Tunnel connection failed: (\d{3})", _innermost(error)):
        return refused_by_proxy(int(found[1]))
    cause = cause_of(error)
    return Problem(ApiCode.UNAVAILABLE, "No proper answer", cause.said, hint=cause.hint)


def _token_in(answer: Answer) -> str:
    token = answer.json().get("access_token")
    if not isinstance(token, str) or not token or problem_in("bearer_token", token):
        raise NotAPage("the answer holds no bearer token")
    return token


def _innermost(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error)
