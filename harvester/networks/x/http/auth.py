"""Authorizes each request as its endpoint requires; tokens are fetched when first needed."""

import threading
from collections.abc import Callable

from harvester.clock import Stop
from harvester.networks.x.endpoints import TOKEN, Endpoint
from harvester.networks.x.http.interruptible import Sockets, session
from harvester.networks.x.http.request import Reply, Wire, require_address
from harvester.networks.x.keys import Keys

# Shorter ones are words, which an answer may say for other reasons.
_SHORTEST = 6


class Sessions:
    """The session of a user, who signs each request, and that of the app, which shows a bearer token."""

    def __init__(self, keys: Keys, *, base_url: str, stop: Stop, pool: int, agent: str) -> None:
        require_address(base_url)
        self._keys = keys
        self._base = base_url
        self._pool = pool
        self._agent = agent
        self._sockets = Sockets(stop)
        self._lock = threading.Lock()
        self._app, self._user = self._new(), None
        if keys.of_a_user:
            # Of no use where a token is enough, and slow to import.
            from requests_oauthlib import OAuth1

            self._user = self._new()
            self._user.session.auth = OAuth1(
                *(keys.consumer_key, keys.consumer_secret, keys.access_token, keys.access_token_secret),
                # Headers as text; it would make bytes of them.
                decoding=None,
            )

    def of(self, endpoint: Endpoint, token: Callable[[], str]) -> Wire:
        """The way for `endpoint`; `token` is asked where the app has none yet."""
        if endpoint is TOKEN:
            return self._app
        if self._user and self.signs(endpoint):
            return self._user
        with self._lock:
            if "Authorization" not in self._app.session.headers:
                self._app.session.headers["Authorization"] = (
                    f"Bearer {self._keys.bearer_token or self._fetched(token)}"
                )
            return self._app

    def signs(self, endpoint: Endpoint) -> bool:
        """Whether requests of `endpoint` have a signature, which contains the time."""
        return self._user is not None and not endpoint.app_only and endpoint is not TOKEN

    def refused(self, endpoint: Endpoint) -> None:
        """A token that was fetched may have been revoked since; fetch another before asking again."""
        if self._keys.bearer_token or endpoint is TOKEN or self.signs(endpoint):
            return
        with self._lock:
            self._app.session.headers.pop("Authorization", None)

    def without_secrets(self, text: str) -> str:
        """What an answer says; some proxies show the headers of the request that they refuse."""
        shown = str(self._app.session.headers.get("Authorization", "")).removeprefix("Bearer ")
        for secret in sorted({*self._keys.secrets, shown}, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, "[hidden]")
        return text

    def cut_at_stop(self, answer: Reply) -> None:
        """Let a stop end this answer at once; for others it waits."""
        self._sockets.add_endless(answer.raw.connection.wire)

    def close(self) -> None:
        for opened in filter(None, (self._user, self._app)):
            opened.session.close()
        self._sockets.close()

    def _fetched(self, token: Callable[[], str]) -> str:
        self._app.session.auth = (self._keys.consumer_key, self._keys.consumer_secret)
        try:
            return token()
        finally:
            self._app.session.auth = None

    def _new(self) -> Wire:
        new = session(self._sockets, base_url=self._base, pool=self._pool)
        new.headers["User-Agent"] = self._agent
        return Wire(new, base_url=self._base)
