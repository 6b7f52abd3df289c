"""Only the person who started the dashboard sees it: one link, this machine, and no other site.

The link has a token that counts once and becomes a cookie. Names of other hosts are refused, so that a site
whose name leads to this machine reads nothing; what changes something comes from a form of these pages.
"""

import hmac
import secrets
import threading

from flask import Flask, Response, abort, redirect, request

# Nothing is loaded from other hosts or inline: the only style and script are the two files.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Without a referrer, browsers send forms without their origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NAMES = ("127.0.0.1", "localhost", "[::1]")
USED = "This link was used already. Use the browser in which it was opened, or start the dashboard again."
NO_COOKIE = "Open the link that the command `dashboard` printed."


class Guard:
    """The guard of one run of the dashboard; `open_at` is called with the port before the first request."""

    def __init__(self, *, read_only: bool) -> None:
        self.read_only = read_only
        self.token = secrets.token_urlsafe(32)
        self.form_token = secrets.token_urlsafe(32)
        self._cookie = secrets.token_urlsafe(32)
        self._lock = threading.Lock()
        self._is_used = False
        self._port = 0

    def open_at(self, port: int) -> None:
        self._port = port

    def protect(self, app: Flask) -> None:
        app.before_request(self._look)
        app.after_request(_with_headers)

    @property
    def _cookie_name(self) -> str:
        # Browsers keep the cookies of two ports of one host together.
        return f"twarc-cloud-{self._port}"

    def _look(self) -> Response | None:
        if request.host not in {f"{name}:{self._port}" for name in _NAMES}:
            abort(421, "This is not the name of the dashboard's address.")
        if (token := request.args.get("token")) is not None:
            return self._enter(token)
        if not _same(request.cookies.get(self._cookie_name, ""), self._cookie):
            abort(401, NO_COOKIE)
        if request.method == "POST":
            self._require_own_form()
        return None

    def _enter(self, token: str) -> Response:
        """The token for the cookie, once; who has the cookie already is let in again."""
        answer = redirect(request.path, 303)
        if _same(request.cookies.get(self._cookie_name, ""), self._cookie):
            return answer  # type: ignore[return-value]
        if not _same(token, self.token):
            abort(401, NO_COOKIE)
        with self._lock:
            if self._is_used:
                abort(401, USED)
            self._is_used = True
        answer.set_cookie(self._cookie_name, self._cookie, httponly=True, samesite="Strict")
        return answer  # type: ignore[return-value]

    def _require_own_form(self) -> None:
        if self.read_only:
            abort(403, "The dashboard was started with --read-only: it changes nothing.")
        if request.headers.get("Origin") != f"http://{request.host}":
            abort(403, "This form was sent from another site.")
        if not _same(request.form.get("form_token", ""), self.form_token):
            abort(403, "This form belongs to an earlier run of the dashboard: reload the page.")


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _with_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
