"""The options of one emulator as one value, from the command line or a test."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from emulator.world.graph import Shape, parsed_shape


@dataclass(frozen=True, kw_only=True)
class Options:
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    users: int | None = None
    posts_per_user: int = 100
    load: tuple[str, ...] = ()
    replay: bool = False
    faults: str | None = None
    clock: str = "real"
    epoch: str | None = None
    span_days: float = 6.0
    latency: float = 0.0
    window: float = 900.0
    limits: bool = True
    search_posts: int = 0
    search_word: str = "flood"
    search_lag: float = 0.0
    archive_days: float = 30.0
    stream_rate: str = "0"
    stream_posts: int | None = None
    keepalive: float = 20.0
    stream_backlog: int = 64 << 20
    rule_cap: int = 1000
    rule_length: int = 1024
    # On the command line as X documents it.
    rule_delay: float = 0.0
    connections: int = 1
    apps: int = 1
    geo_miles: float = 25.0
    degrees: str = "pareto:0.8:20"
    hubs: str = ""
    hidden_share: float = 0.0
    churn: float = 0.0
    owner: int | None = None
    recovery: bool = False
    post_bytes: int | None = None
    gzip: bool = False
    refuse_tweet_fields: bool = False
    vary: int | None = None
    surprise: int | None = None
    problem_host: str = "api.twitter.com"
    parent_pid: int | None = None
    exit_on_stdin_close: bool = False

    @property
    def user_count(self) -> int:
        """Generated accounts: as asked; by default 10, and none beside a loaded archive."""
        if self.users is not None:
            return self.users
        return 0 if self.load else 10


RULE_DELAY = 20.0

Row = tuple[str, dict[str, Any], str]
NUMBERS: tuple[Row, ...] = (
    ("--port", {"type": int}, "port; 0 lets the system choose"),
    ("--seed", {"type": int}, "the same seed makes the same accounts and posts"),
    ("--users", {"type": int}, "generated accounts (10; none with --load)"),
    ("--posts-per-user", {"type": int}, "generated posts of each account"),
    ("--search-posts", {"type": int}, "more generated posts, all matching --search-word"),
    ("--span-days", {"type": float}, "days before the epoch over which generated posts are spread"),
    ("--latency", {"type": float, "metavar": "MS"}, "wait before each REST answer"),
    ("--window", {"type": float, "metavar": "SECONDS"}, "length of a rate-limit window"),
    ("--search-lag", {"type": float, "metavar": "SECONDS"}, "age at which a post becomes searchable"),
    (
        "--archive-days",
        {"type": float},
        "days an archive search reaches back without start_time (X: 30); 0 for all",
    ),
    ("--stream-posts", {"type": int}, "how many posts --stream-rate makes in all"),
    ("--keepalive", {"type": float, "metavar": "SECONDS"}, "pause before a silent stream sends a blank line"),
    (
        "--stream-backlog",
        {"type": int, "metavar": "BYTES"},
        "unread bytes after which a stream client is too slow",
    ),
    ("--rule-cap", {"type": int}, "stream rules an app may have"),
    ("--rule-length", {"type": int}, "characters a stream rule may have"),
    (
        "--rule-delay",
        {"type": float, "metavar": "SECONDS", "default": RULE_DELAY},
        "until a rule that was added or deleted comes into force (X: 20)",
    ),
    ("--geo-miles", {"type": float}, "largest side of a bounding box or radius; 0 for any"),
    ("--hidden-share", {"type": float}, "share of a list of followers that is counted and not listed"),
    ("--churn", {"type": float}, "share of a list of followers that is lost, and gained, in a day"),
    ("--owner", {"type": int, "metavar": "ID"}, "the account whose lists are billed as owned reads"),
    ("--connections", {"type": int}, "stream connections an app may have"),
    ("--apps", {"type": int}, "apps, of which the others have emulator-bearer-2 and so on"),
    ("--post-bytes", {"type": int}, "aimed-at size of a generated post with all fields"),
    ("--vary", {"type": int, "metavar": "SEED"}, "let all that X does not promise vary, by this seed"),
    ("--surprise", {"type": int, "metavar": "SEED"}, "vary the contents of answers, too, by this seed"),
    ("--parent-pid", {"type": int}, "exit when this process is gone"),
)
WORDS: tuple[Row, ...] = (
    ("--host", {}, "a loopback address"),
    ("--faults", {"metavar": "FILE"}, "fault script (JSON, see docs/emulator.md)"),
    ("--clock", {}, "real, or an ISO moment at which the clock stands"),
    ("--epoch", {"metavar": "ISO"}, "when generated posts end (start of the clock's day)"),
    ("--search-word", {}, "the word every post of --search-posts holds"),
    ("--stream-rate", {}, "posts per second into the stream, or max; 0 for none"),
    ("--degrees", {}, "numbers of followers: pareto:EXPONENT:LEAST"),
    ("--hubs", {}, "accounts with a given number of followers: NUMBER:FOLLOWERS,..."),
    ("--problem-host", {}, "host in the type of an error: api.twitter.com or api.x.com"),
)
SWITCHES: tuple[Row, ...] = (
    ("--replay", {}, "publish the loaded posts to the first stream connection, in order"),
    ("--gzip", {}, "compress answers for clients that accept it"),
    ("--refuse-tweet-fields", {}, "answer 400 to tweet.fields, as the day it is removed"),
    ("--recovery", {}, "streams deliver the last backfill_minutes again, as some plans have it"),
    ("--exit-on-stdin-close", {}, "exit when standard input ends"),
)


def parser() -> argparse.ArgumentParser:
    """Flags named as the fields of Options; what is not given stays at its default there."""
    made = argparse.ArgumentParser(prog="python -m emulator", description="The X API v2 on loopback.")
    for flag, more, text in (*NUMBERS, *WORDS):
        made.add_argument(flag, **{"default": argparse.SUPPRESS, "help": text, **more})
    for flag, _, text in SWITCHES:
        made.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)
    made.add_argument(
        "--no-limits", dest="limits", action="store_false", default=argparse.SUPPRESS, help="no rate limits"
    )
    made.add_argument(
        "--load",
        nargs="+",
        action="extend",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="archives to serve: v2 pages, flattened, stream objects, 1.1 (.gz too)",
    )
    return made


def options_from(argv: Sequence[str]) -> Options:
    return made_options(**vars(parser().parse_args(argv)))


def shape_of(options: Options) -> Shape:
    """The graph that the options describe."""
    return parsed_shape(
        degrees=options.degrees, hubs=options.hubs, hidden=options.hidden_share, churn=options.churn
    )


def made_options(**given: Any) -> Options:
    """Options from keywords; a wrong name, host or rate is a ValueError."""
    known = {field.name for field in fields(Options)}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"the emulator has no option {', '.join(unknown)}")
    if isinstance(given.get("load"), (str, Path)):
        given["load"] = [given["load"]]
    options = Options(**{**given, "load": tuple(str(name) for name in given.get("load", ()))})
    if options.host not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError(f"the emulator listens on loopback only, not on {options.host}")
    shape_of(options)
    if options.stream_rate != "max":
        float(options.stream_rate)
    return options
