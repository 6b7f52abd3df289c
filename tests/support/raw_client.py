"""A bare client for tests of the emulator: what goes over the wire, without any code under test."""

import http.client
import json
import select
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

BEARER = {"Authorization": "Bearer emulator-bearer"}
TWEET_FIELDS = (
    "attachments,author_id,context_annotations,conversation_id,created_at,entities,geo,id,"
    "in_reply_to_user_id,"
    "lang,public_metrics,text,possibly_sensitive,referenced_tweets,reply_settings,source,withheld,"
    "edit_controls,"
    "edit_history_tweet_ids"
)
EVERYTHING = {
    "tweet.fields": TWEET_FIELDS,
    "user.fields": "created_at,description,entities,id,location,name,pinned_tweet_id,"
    "profile_image_url,protected,"
    "public_metrics,url,username,verified,verified_type,withheld",
    "media.fields": "alt_text,duration_ms,height,media_key,preview_image_url,type,url,width,variants,"
    "public_metrics",
    "poll.fields": "duration_minutes,end_datetime,id,options,voting_status",
    "place.fields": "contained_within,country,country_code,full_name,geo,id,name,place_type",
    "expansions": "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,"
    "entities.mentions.username,attachments.poll_ids,attachments.media_keys,geo.place_id,"
    "edit_history_tweet_ids",
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def ids(self) -> list[str]:
        return [post["id"] for post in self.json.get("data", [])]

    @property
    def tail(self) -> str:
        """The last part of the problem type."""
        return self.json.get("type", "").rsplit("/", 1)[-1]


def ask(
    url: str,
    path: str,
    params: dict[str, Any] | None = None,
    *,
    method: str = "GET",
    body: Any = None,
    headers: dict[str, str] = BEARER,
    seconds: float = 60,
) -> Reply:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    try:
        target = f"{path}?{urlencode(params)}" if params else path
        raw = json.dumps(body) if body is not None and not isinstance(body, str) else body
        connection.request(method, target, raw, headers)
        response = connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def chain(url: str, path: str, params: dict[str, Any]) -> list[Reply]:
    """All pages from here on."""
    pages = [ask(url, path, params)]
    while token := pages[-1].json.get("meta", {}).get("next_token"):
        pages.append(ask(url, path, {**params, "pagination_token": token}))
    return pages


def all_ids(pages: list[Reply]) -> list[str]:
    return [post_id for page in pages for post_id in page.ids]


class Listener:
    """One stream connection; `line` waits for the next one, keep-alives are blank."""

    def __init__(self, url: str, params: dict[str, Any] | None = None, *, seconds: float = 60) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
        self.connection.request("GET", f"/2/tweets/search/stream?{urlencode(params or {})}", headers=BEARER)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.seconds = seconds

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def line(self) -> bytes:
        return self.response.readline()

    def record(self) -> dict[str, Any]:
        """The next line that is not blank."""
        deadline = time.monotonic() + self.seconds
        while not (line := self.line()).strip():
            if not line:
                raise EOFError("the stream ended")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the stream sent nothing but blanks for {self.seconds:.0f} s")
        return json.loads(line)

    def records(self, count: int) -> list[dict[str, Any]]:
        return [self.record() for _ in range(count)]

    def is_silent_for(self, seconds: float) -> bool:
        return not select.select([self.connection.sock], [], [], seconds)[0]


def add_rules(url: str, *values: str) -> Reply:
    body = {"add": [{"value": value, "tag": f"tag {value}"} for value in values]}
    return ask(url, "/2/tweets/search/stream/rules", method="POST", body=body)
