"""twarc's own methods, those that have no counterpart here, go out with this project's manners."""

import re
from typing import Any

from twarc.client2 import Twarc2

from harvester.networks.x.endpoints import Endpoint
from harvester.networks.x.http.auth import Sessions
from harvester.networks.x.http.retry import Answer, Exchange

_TWARCS_URL = "https://api.twitter.com"


class Borrowed(Twarc2):
    """twarc's client on another transport; the class that is made of it sets the three members."""

    _base: str
    _sessions: Sessions
    _exchange: Exchange

    def connect(self) -> None:
        """Nothing is asked of the network here, so that an outage cannot fail it."""
        self.client = self._sessions.usual

    def get(self, url: str, params: dict[str, Any] | None = None, **_: Any) -> "Read":
        """For twarc's methods that have no counterpart here: the same manners, twarc's kind of answer."""
        return self._exchange.ask(self._endpoint_of(url, "GET"), self._here(url), Read, params=params)

    def post(self, url: str, json_data: Any) -> "Read":
        return self._exchange.ask(self._endpoint_of(url, "POST"), self._here(url), Read, body=json_data)

    def _here(self, url: str) -> str:
        return url.replace(_TWARCS_URL, self._base, 1)

    def _endpoint_of(self, url: str, method: str) -> Endpoint:
        path = self._here(url).removeprefix(self._base).lstrip("/").removeprefix("2/")
        return Endpoint(re.sub(r"(?<=/)\d+(?=/|$)", ":id", path), method)


class Read:
    """An answer in the little of requests' shape that twarc's methods use."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.url = answer.url
        self.headers = answer.headers
        self.content = answer.body
        self._json = answer.json()

    def json(self) -> Any:
        return self._json
