"""An emulator for a `with` block, in a thread or a process, with a control client."""

import asyncio
import contextlib
import http.client
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

START_SECONDS = 60.0
CALL_SECONDS = 120.0


class Control:
    """The control calls of the emulator at `url`; an error there is a ValueError here."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=CALL_SECONDS)
        try:
            raw = None if body is None else orjson.dumps(body)
            connection.request(method, f"/emulator/{path}", raw)
            response = connection.getresponse()
            answer = orjson.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(answer.get("error", f"HTTP {response.status}"))
        return answer

    def truth(self, *, detail: bool = False) -> dict[str, Any]:
        return self.call("GET", f"truth?detail={int(detail)}")

    def timeline(self, user_id: int | str) -> list[str]:
        """Ids the timeline can reach now, newest first."""
        return self.call("GET", f"truth/timeline/{user_id}")["ids"]

    def followers(self, user_id: int | str) -> list[str]:
        """The ids that the account's list of followers shows now, newest first."""
        return self.call("GET", f"truth/followers/{user_id}")["ids"]

    def following(self, user_id: int | str) -> list[str]:
        return self.call("GET", f"truth/following/{user_id}")["ids"]

    def follow(
        self, user_id: int | str, *, add: Sequence[int | str] = (), remove: Sequence[int | str] = ()
    ) -> list[str]:
        """Add followers to this account, or remove them; returns the changed list."""
        body = {"add": [str(each) for each in add], "remove": [str(each) for each in remove]}
        return self.call("POST", f"followers/{user_id}", body)["ids"]

    def search(self, query: str, *, archive: bool = False) -> list[str]:
        """Ids that match now, newest first."""
        return self.call("GET", f"truth/search?query={quote(query, safe='')}&archive={int(archive)}")["ids"]

    def stream(self) -> dict[str, Any]:
        return self.call("GET", "truth/stream")

    def rules(self) -> list[dict[str, Any]]:
        """Every rule there ever was, with the moments `added`, `since`, `deleted` and `until`."""
        return self.call("GET", "truth/rules")["rules"]

    def reset_truth(self) -> None:
        self.call("POST", "reset-truth", {})

    def clock(self) -> dict[str, Any]:
        return self.call("GET", "clock")

    def advance(self, seconds: float) -> dict[str, Any]:
        return self.call("POST", "clock", {"advance": seconds})

    def set_clock(self, moment: str) -> dict[str, Any]:
        return self.call("POST", "clock", {"set": moment})

    def users(self, *, start: int = 0, count: int = 100) -> list[dict[str, str]]:
        """Generated accounts as {"id", "username"}."""
        return self.call("GET", f"users?start={start}&count={count}")["generated"]

    def user(
        self, user_id: int | str, *, state: str | None = None, username: str | None = None
    ) -> dict[str, Any]:
        """Change the state or the name of an account; answers how it is then."""
        body = {
            name: value for name, value in (("state", state), ("username", username)) if value is not None
        }
        return self.call("POST", f"users/{user_id}", body)

    def publish(self, user_id: int | str, *, count: int = 1, text: str = "", **fields: Any) -> list[str]:
        """New posts by an account, in timeline, search and streams; their ids."""
        body = {"user_id": str(user_id), "count": count, "text": text, **fields}
        return self.call("POST", "posts", body)["ids"]

    def publish_all(self, posts: Sequence[Mapping[str, Any]]) -> list[str]:
        return self.call("POST", "posts", {"posts": list(posts)})["ids"]

    def delete_post(self, post_id: int | str) -> bool:
        return self.call("DELETE", f"posts/{post_id}")["deleted"]

    def replay(self) -> int:
        return self.call("POST", "replay", {})["offered"]

    def faults(self, rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Replace the fault script."""
        return self.call("POST", "faults", list(rules))

    def fired(self) -> list[int]:
        """How often each rule of the script has fired."""
        return [rule["fired"] for rule in self.call("GET", "faults")]

    def clear_faults(self) -> None:
        self.call("DELETE", "faults")

    def disconnect(self, how: str = "close") -> int:
        return self.call("POST", "stream/disconnect", {"how": how})["disconnected"]

    def connections(self) -> list[dict[str, Any]]:
        return self.call("GET", "stream/connections")["open"]

    def refuse(self, seconds: float) -> None:
        """Close the port for so long."""
        self.call("POST", "refuse", {"seconds": seconds})

    def revoke(self, *, revoked: bool = True) -> None:
        """Refuse every credential, or accept them again."""
        self.call("POST", "credentials", {"revoked": revoked})


@dataclass(frozen=True)
class Emulated:
    """A running emulator."""

    url: str
    control: Control
    pid: int | None = None

    def truth(self, *, detail: bool = False) -> dict[str, Any]:
        return self.control.truth(detail=detail)


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Emulated]:
    """An emulator in a thread of this process, on a port the system chose; options as in Options."""
    from emulator.http.server import Emulator
    from emulator.options import made_options

    emulator = Emulator(made_options(**options))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(START_SECONDS)
        yield Emulated(emulator.url, Control(emulator.url))
    finally:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(emulator.stop(), loop).result(START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_SECONDS)
        loop.close()


@contextlib.contextmanager
def spawned(*arguments: str, start: Callable[..., Any] = subprocess.Popen) -> Iterator[Emulated]:
    """An emulator in a process of its own, which ends with the block or with this process.

    `start` makes the process, as `subprocess.Popen` does. Rules come into force at once, as with `running`.
    """
    fixed = ("--port", "0", "--exit-on-stdin-close", "--rule-delay", "0")
    command = [sys.executable, "-m", "emulator", *fixed, *arguments]
    process = start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if " on " not in line:
            raise ValueError(f"the emulator did not start: {' '.join(command)}")
        url = line.rsplit(" ", 1)[1].strip()
        yield Emulated(url, Control(url), process.pid)
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
