"""The fault matrix of the network: each fault the emulator can play, and what it means to a harvest.

`played` runs one case; `python -m tests.support.fault_matrix` writes docs/fault-matrix.md from all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harvester.errors import Exit
from tests.support.harvest_stage import DAY, Ended, Going, Stage, came_about, staged, until

TIMELINES, SEARCH, STREAM = "timelines", "search", "stream"
_ON = {
    TIMELINES: "GET /2/users/*/tweets",
    SEARCH: "GET /2/tweets/search/recent",
    STREAM: "GET /2/tweets/search/stream",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    TIMELINES: {"users": 3, "posts_per_user": 230},
    SEARCH: {"search_posts": 450},
    STREAM: {"users": 1, "keepalive": 0.2},
}
PATIENCE = 900.0


@dataclass(frozen=True)
class Case:
    """One fault: how it is played, and the state and exit code that it has to end in."""

    name: str
    kind: str
    does: str
    do: str
    state: str = "complete"
    exit_code: Exit = Exit.OK
    when: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    # Seconds on the clock, at least and at most.
    takes: tuple[float, float] = (0.0, 60.0)
    # Days after a first harvest and one more post.
    days_later: float = 0.0
    on: str = ""
    # A second rule of the script.
    beside: Mapping[str, Any] = field(default_factory=dict)
    # Known accounts are not looked up, which happens beside the timelines: before the fault, or after it.
    known: bool = False

    @property
    def script(self) -> list[dict[str, Any]]:
        """The emulator's fault script; empty where the time that passed is the fault."""
        rule = {"on": self.on or _ON[self.kind], "when": dict(self.when), "do": self.do, **self.more}
        return [one for one in (rule if self.do else {}, dict(self.beside)) if one]


@dataclass(frozen=True)
class Played:
    """A row of the matrix. `lost` and `doubled` count after the harvest that follows the fault."""

    case: Case
    ended: Ended
    lost: int
    doubled: int
    fired: int

    @property
    def told(self) -> tuple[str, ...]:
        """The columns that are the same every time."""
        case, outcome = self.case, self.ended.outcome
        return (
            *(case.name, case.kind, case.does, str(int(outcome.exit_code)), outcome.state),
            *(str(self.lost), str(self.doubled)),
        )


def played(case: Case, folder: Path) -> Played:
    """Play the fault to a harvest, then harvest without it, and compare with what there was."""
    with staged(folder, **{**_OPTIONS[case.kind], **case.options}) as stage:
        stage.patience = PATIENCE
        return _PLAYS[case.kind](stage, case)


def _play_timelines(stage: Stage, case: Case) -> Played:
    users = stage.accounts
    about = {"looked_up": f"{stage.clock.now():%Y-%m-%d}"} if case.known else {}
    stage.add("it", type="user_timeline", users={user: about for user in users})
    return _play_pages(stage, case, lambda: [post for user in users for post in stage.control.timeline(user)])


def _play_search(stage: Stage, case: Case) -> Played:
    stage.add("it", type="search", search={"query": "flood"})
    return _play_pages(stage, case, lambda: stage.control.search("flood"))


def _play_pages(stage: Stage, case: Case, existed: Callable[[], list[str]]) -> Played:
    if case.days_later:
        stage.harvest("it")
        stage.control.publish(
            stage.control.users(count=1)[0]["id"] if stage.accounts else "4", text="a flood"
        )
    before = existed()
    stage.clock.advance(case.days_later * DAY)
    stage.control.faults(case.script)
    ended = stage.harvest("it")
    fired = sum(stage.control.fired()) + bool(case.days_later)
    _heal(stage)
    stage.harvest("it")
    stage.require_tidy("it")
    _, doubled = stage.lost_and_doubled("it", before)
    return Played(case, ended, len(stage.unexplained("it", before)), doubled, fired)


def _heal(stage: Stage) -> None:
    """The faults are over: the keys are good, and the accounts are back."""
    stage.control.clear_faults()
    stage.control.revoke(revoked=False)
    for user in stage.accounts:
        stage.control.user(user, state="ok")


def _play_stream(stage: Stage, case: Case) -> Played:
    stage.add("it", type="filter", filter={"track": "flood"})
    stage.control.faults(case.script)
    with stage.harvesting("it") as going:
        _stream_through(stage, case, going)
        fired = min(stage.control.fired())
    if case.state != "stopped" or case.exit_code:
        _heal(stage)
        with stage.harvesting("it"):
            until(stage.connected)
    stage.require_tidy("it")
    doubled = sum(times - 1 for times in stage.stored("it").values())
    lost = 0 if case.do == "keepalive-only" else len(stage.unexplained("it"))
    return Played(case, going.end, lost, doubled, fired)


def _stream_through(stage: Stage, case: Case, going: Going) -> None:
    """Publish before, during and after the fault, until the stream brings posts again."""
    until(lambda: stage.connected() or bool(going.ended))
    if going.ended:
        return
    stage.control.publish("4", count=6, text="a flood is coming")
    if case.do == "keepalive-only":
        until(lambda: sum(stage.control.fired()) > 0)
        return
    with stage.clock.hurrying(times=10 if case.do in ("stall", "silence") else 1):
        until(lambda: bool(going.ended) or _brings(stage) and all(stage.control.fired()))


def _brings(stage: Stage) -> bool:
    (post,) = stage.control.publish("4", text="a flood again")
    return came_about(lambda: post in _written(stage), within=0.5)


def _written(stage: Stage) -> set[str]:
    told = stage.control.stream()
    return {post for post, times in zip(told["ids"], told["written"], strict=True) if times}


_PLAYS = {TIMELINES: _play_timelines, SEARCH: _play_search, STREAM: _play_stream}
_ONCE: Mapping[str, Any] = {"nth": 2}
_RETRIED = "retries after a short pause, and continues"
_BOTH = (TIMELINES, SEARCH)


def _transient() -> list[Case]:
    """What passes: asked for again, and seen only by the time it took."""
    faults: list[tuple[str, str, dict[str, Any]]] = [
        ("401 once", "unauthorized", {}),
        ("503 once", "unavailable", {}),
        ("500 once", "internal-error", {}),
        ("404 of a timeline or search that is there, once", "not-found-404", {}),
        ("HTML instead of JSON (502)", "html", {}),
        ("HTML with status 200", "html", {"status": 200}),
        ("empty body", "empty-body", {}),
        ("JSON cut short", "truncated-json", {}),
        ("page cut in the middle", "cut-mid-page", {}),
        ("connection reset", "reset", {}),
        ("connection dropped", "drop", {}),
        ("connection refused", "refuse-connection", {"seconds": 0.2}),
    ]
    return [
        Case(name, kind, _RETRIED, do, when=_ONCE, more=more) for name, do, more in faults for kind in _BOTH
    ]


def _slow() -> list[Case]:
    patient = "waits for the rest of the response"
    return [
        case
        for kind in _BOTH
        for case in (
            Case("answer stalls for 1 s", kind, patient, "stall", when=_ONCE, more={"seconds": 1}),
            Case("answer begins late", kind, patient, "delay", when=_ONCE, more={"seconds": 1}),
            Case("answer in drops", kind, patient, "slow-bytes", when=_ONCE, more={"bytes_per_second": 1e6}),
        )
    ]


def _limits() -> list[Case]:
    waits = "waits for the reset, and continues"
    blind = "waits 15 s, 30 s, 60 s ..., and continues"
    return [
        case
        for kind in _BOTH
        for case in (
            Case("429 with headers", kind, waits, "rate-limit", when=_ONCE, takes=(850, 960)),
            Case("429 as code 88", kind, waits, "rate-limit-88", when=_ONCE, takes=(10, 960)),
            Case(
                "429 without headers, three times",
                kind,
                blind,
                "rate-limit-no-headers",
                when={"from": 2, "count": 3},
                takes=(100, 120),
            ),
        )
    ]


def _final() -> list[Case]:
    """What no patience mends: the harvest ends with everything stored, and says what to do."""
    faults: list[tuple[str, str, str, str, Exit, dict[str, Any]]] = [
        ("402 credits depleted", "credits-depleted", "stops", "stopped", Exit.RETRY_LATER, {}),
        (
            *("402 in the older words", "credits-depleted", "stops", "stopped", Exit.RETRY_LATER),
            {"title": "CreditsDepleted", "host": "api.twitter.com"},
        ),
        (
            "429 monthly cap",
            "usage-cap",
            "stops, and does not request in a loop",
            "stopped",
            Exit.RETRY_LATER,
            {},
        ),
        (
            *("429 monthly cap, api.x.com", "usage-cap", "stops", "stopped", Exit.RETRY_LATER),
            {"host": "api.x.com"},
        ),
        ("401 for good", "unauthorized", "tries twice, then ends", "failed", Exit.UNAUTHORIZED, {}),
        ("keys revoked meanwhile", "revoke", "tries twice, then ends", "failed", Exit.UNAUTHORIZED, {}),
        ("403 not enrolled", "not-enrolled", "ends", "failed", Exit.UNAUTHORIZED, {}),
        ("403 as of v1.1 (code 453)", "v1.1", "ends", "failed", Exit.UNAUTHORIZED, {}),
    ]
    return [
        Case(name, kind, does, do, state, exit_code, when={"from": 2}, more=more, known=do == "revoke")
        for name, do, does, state, exit_code, more in faults
        for kind in _BOTH
    ]


def _not_the_end(kind: str, token: str) -> list[Case]:
    """What comes in place of the page that a token leads to, and is not the end of the chain."""
    return [
        Case("empty answer to a token", kind, "requests it again", "nothing",
             when={"param": token, "count": 1}, takes=(0, 20)),
        Case("empty answer to each token", kind, "requests it again, then the posts below the oldest one",
             "nothing", when={"param": token}, takes=(5, 60)),
        Case("200 with errors only", kind, "requests it again", "errors-only", when=_ONCE, takes=(0, 20)),
        Case("200 with errors only, to each token", kind, "tries five times, and stores the token",
             "errors-only", "partial", Exit.PARTIAL, when={"param": token}, takes=(3, 60)),
    ]  # fmt: skip


def _searches() -> list[Case]:
    return [
        Case("503 for good", SEARCH, "retries for 15 minutes, then stops", "unavailable", "stopped",
             Exit.RETRY_LATER, when={"from": 2}, takes=(880, 960)),
        Case("400 bad parameter", SEARCH, "ends", "bad-param", "failed", Exit.ERROR),
        Case("400 stale since_id", SEARCH, "records a gap and starts over", "", "partial", Exit.PARTIAL,
             takes=(0, 60), days_later=9),
        Case("200 with errors for things referred to", SEARCH, "stores the page unchanged", "partial-errors"),
        Case("short page", SEARCH, "follows the token", "short-page", when=_ONCE),
        Case("empty page with a token", SEARCH, "follows the token", "empty-page", when={"nth": [1, 3]}),
        *_not_the_end(SEARCH, "next_token"),
        Case("new posts while pages are read", SEARCH, "leaves them to the next harvest", "publish",
             when={"every": 2}, more={"count": 3}),
    ]  # fmt: skip


def _timelines() -> list[Case]:
    one = {"user_id": "10000116"}
    alone = "reports that user, and continues with the others"
    states = {"user missing": "deleted", "user suspended": "suspended", "timeline protected": "protected"}
    return [
        *(
            Case(f"{name} (200), {host}", TIMELINES, alone, "set-state", when=one, more={"state": state},
                 options={"problem_host": host})
            for name, state in states.items()
            for host in ("api.twitter.com", "api.x.com")
        ),
        Case("user missing in a batch of look-ups", TIMELINES, alone, "set-state", on="GET /2/users",
             more={"state": "deleted", "user_id": "10000116"}),
        Case("user renamed meanwhile", TIMELINES, "records the new name", "rename",
             when={"nth": 1}, more={"username": "renamed"}),
        Case("200 with errors for things referred to", TIMELINES, "stores the page unchanged",
             "partial-errors"),
        Case("short page", TIMELINES, "follows the token", "short-page", when=_ONCE),
        Case("empty page with a token", TIMELINES, "follows the token", "empty-page", when={"nth": [1, 3]}),
        *_not_the_end(TIMELINES, "pagination_token"),
        Case("new posts while pages are read", TIMELINES, "leaves them to the next harvest", "publish",
             when={"every": 2}, more={"count": 3}),
        Case("suspended between two pages", TIMELINES, "stores what it has, and continues later",
             "suspended", "partial", Exit.PARTIAL, when={**one, "nth": 2}),
        Case("404 of one timeline that is there", TIMELINES, alone, "not-found-404", "partial", Exit.PARTIAL,
             when=one),
        Case("401 for one user", TIMELINES, alone, "unauthorized", "partial", Exit.PARTIAL, when=one),
        Case("503 for one user", TIMELINES, alone, "unavailable", "partial", Exit.PARTIAL, when=one,
             takes=(880, 960)),
        Case("503 for good", TIMELINES, "retries for 15 minutes per user, then stops", "unavailable",
             "stopped", Exit.RETRY_LATER, takes=(2640, 2880)),
        Case("400 for everybody", TIMELINES, "ends", "bad-param", "failed", Exit.ERROR),
    ]  # fmt: skip


def _connecting() -> list[Case]:
    again = "reconnects after 5 s, 10 s, 20 s ... up to 320 s"
    keys = "reconnects after 5 s, 10 s, 20 s ..., for 150 s"
    clears = "clears the connections once, then waits 60 s, 120 s ... up to 900 s"
    fatal: list[tuple[str, str, Exit]] = [
        ("402 credits depleted", "credits-depleted", Exit.RETRY_LATER),
        ("403 not enrolled", "not-enrolled", Exit.UNAUTHORIZED),
        ("409 no rules", "rule-configuration", Exit.ERROR),
        ("409 invalid rules", "rules-invalid", Exit.ERROR),
        ("429 monthly cap", "usage-cap", Exit.RETRY_LATER),
    ]
    mended: list[tuple[str, str, str, tuple[float, float]]] = [
        ("401", "unauthorized", keys, (15, 60)),
        ("503", "unavailable", again, (15, 60)),
        ("500", "internal-error", again, (15, 60)),
        ("HTML instead of a stream (502)", "html", again, (15, 60)),
        ("409 subscription being provisioned", "provisioning", again, (15, 60)),
        ("429 too many connections", "too-many-connections", clears, (175, 240)),
        ("429 with headers", "rate-limit", "waits for the reset", (850, 2000)),
        ("429 without headers", "rate-limit-no-headers", "waits for 15 s, 30 s ...", (10, 240)),
        (
            "connection refused",
            "refuse-connection",
            "reconnects after 0.25 s, 0.5 s ... up to 16 s",
            (0, 30),
        ),
    ]
    ends = {Exit.RETRY_LATER: "stopped"}
    return [
        *(
            Case(f"connecting: {name}", STREAM, "ends", do, ends.get(code, "failed"), code)
            for name, do, code in fatal
        ),
        Case(
            "connecting: 401 for good",
            STREAM,
            f"{keys}, then ends",
            "unauthorized",
            "failed",
            Exit.UNAUTHORIZED,
            takes=(150, 160),
        ),
        *(
            Case(
                f"connecting: {name}, twice",
                STREAM,
                does,
                do,
                "stopped",
                when={"nth": [1, 2]},
                takes=takes,
                more={"seconds": 0.2} if do == "refuse-connection" else {},
            )
            for name, do, does, takes in mended
        ),
    ]


def _streaming() -> list[Case]:
    mends = "reconnects, and records the gap"
    disconnects = (
        *("OperationalDisconnect", "UpstreamOperationalDisconnect", "ForceDisconnect", "SlowReader"),
        *("UpstreamUncleanDisconnect", "InternalError", "ClientApplicationStateDegraded", "InvalidRules"),
    )
    once: Mapping[str, Any] = {"nth": 1}

    def case(name: str, does: str, do: str, **more: Any) -> Case:
        return Case(name, STREAM, does, do, "stopped", when=once, more={"after_posts": 3, **more})

    return [
        *(
            case(f"streaming: {name}", mends, "disconnect", disconnect_type=name) for name in disconnects
        ),
        case("streaming: closed", mends, "close"),
        case("streaming: dropped", mends, "drop"),
        case("streaming: reset", mends, "reset"),
        case("streaming: cut in the middle of a line", f"drops half a record; {mends}", "cut-mid-line"),
        case("streaming: silence", f"disconnects after 25 s; {mends}", "stall"),
        case("streaming: bytes in drops", "waits for the rest of a line", "slow-bytes", bytes_per_second=2e5),
        case("streaming: records twice", "stores each once, and counts the others", "duplicate", every=2),
        case("streaming: records out of order", "stores them as received", "reorder", every=3),
        case("streaming: keep-alives only", "cannot detect it, and creates no files", "keepalive-only"),
        case("streaming: error object", "records it as an event", "error-line"),
        case("streaming: line that is not JSON", "records it as an event", "garbage-line"),
        Case("streaming: ghost connection", STREAM, "clears the connections, and reconnects after 60 s",
             "ghost-connection", "stopped", when=once, takes=(55, 80),
             beside={"on": _ON[STREAM], "when": once, "do": "close", "after_posts": 3}),
    ]  # fmt: skip


CASES: tuple[Case, ...] = (
    *(*_transient(), *_slow(), *_limits(), *_final()),
    *(*_timelines(), *_searches(), *_connecting(), *_streaming()),
)
