"""The least that this language must do: receive, split, check the JSON, take the ids, compress, hash, write.

No state, no retries, no promises: a limit to compare with and not a design.
"""

import hashlib
import http.client
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec
from isal import isal_zlib

FIELDS = {
    "expansions": "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,"
    "entities.mentions.username,attachments.media_keys,geo.place_id",
    "tweet.fields": "attachments,author_id,context_annotations,conversation_id,created_at,edit_controls,"
    "edit_history_tweet_ids,entities,geo,in_reply_to_user_id,lang,note_tweet,possibly_sensitive,"
    "public_metrics,referenced_tweets,reply_settings,source,text,withheld",
    "user.fields": "created_at,description,entities,id,location,name,pinned_tweet_id,profile_image_url,"
    "protected,public_metrics,url,username,verified,withheld",
}
_CHUNK = 1 << 18


class _Post(msgspec.Struct):
    id: str


class _Object(msgspec.Struct):
    data: _Post


class _Meta(msgspec.Struct):
    result_count: int
    next_token: str | None = None


class _Page(msgspec.Struct):
    meta: _Meta
    data: list[_Post] = []


_object = msgspec.json.Decoder(_Object).decode
_page = msgspec.json.Decoder(_Page).decode


class _File:
    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._gzip = isal_zlib.compressobj(2, isal_zlib.DEFLATED, 31, 8)
        self._sha256 = hashlib.sha256()
        self.posts = 0

    def write(self, lines: bytes, *, posts: int) -> None:
        self._put(self._gzip.compress(lines))
        self.posts += posts

    def close(self) -> None:
        self._put(self._gzip.flush(isal_zlib.Z_FINISH))
        self._file.close()

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._sha256.update(data)


class _Api:
    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._connection: http.client.HTTPConnection = kinds[parts.scheme](parts.netloc)

    def ask(self, path: str, **parameters: str) -> http.client.HTTPResponse:
        query = urlencode({**FIELDS, **parameters})
        self._connection.request(
            "GET", f"{path}?{query}", headers={"Authorization": "Bearer emulator-bearer"}
        )
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.read()[:300]!r}")
        return answer

    def pages(self, path: str, **parameters: str) -> Iterator[tuple[bytes, int]]:
        token: str | None = ""
        while token is not None:
            more = {"pagination_token" if "users" in path else "next_token": token} if token else {}
            body = self.ask(path, **parameters, max_results="100", **more).read()
            page = _page(body)
            yield body, page.meta.result_count
            token = page.meta.next_token


def stream(base: str, file: _File, *, posts: int) -> None:
    """Read lines until this number of posts has come."""
    answer = _Api(base).ask("/2/tweets/search/stream")
    tail = b""
    while file.posts < posts:
        chunk = answer.read1(_CHUNK)
        if not chunk:
            raise SystemExit("the stream ended early")
        *lines, tail = (tail + chunk).split(b"\r\n")
        lines = [line for line in lines if line][: posts - file.posts]
        for line in lines:
            _object(line)
        if lines:
            file.write(b"\n".join(lines) + b"\n", posts=len(lines))


def search(base: str, file: _File, *, query: str) -> None:
    for body, posts in _Api(base).pages("/2/tweets/search/recent", query=query):
        file.write(body + b"\n", posts=posts)


def timelines(base: str, file: _File, *, ids: list[str]) -> None:
    """One after the other, as the quickest in CPU."""
    api = _Api(base)
    for user_id in ids:
        for body, posts in api.pages(f"/2/users/{user_id}/tweets"):
            file.write(body + b"\n", posts=posts)


def little_new(base: str, *, ids: list[str], at_once: int) -> None:
    """One request for each user, many at once."""
    with ThreadPoolExecutor(at_once) as pool:
        portions = [ids[start::at_once] for start in range(at_once)]
        for _ in pool.map(
            lambda portion: [next(_Api(base).pages(f"/2/users/{i}/tweets")) for i in portion], portions
        ):
            pass


def main() -> None:
    base, job, out, argument = sys.argv[1:]
    file = _File(Path(out))
    if job == "stream":
        stream(base, file, posts=int(argument))
    elif job == "search":
        search(base, file, query=argument)
    else:
        timelines(base, file, ids=Path(argument).read_text().split())
    file.close()
    print(json.dumps({"posts": file.posts}))


if __name__ == "__main__":
    main()
