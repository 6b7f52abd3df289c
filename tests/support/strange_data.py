"""Worlds that no harvest made: stores, settings, homes and terminals with anything in them, by a seed."""

import json
import os
import random
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harvester.errors import HarvesterError
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, Result
from tests.support.collections_on_disk import died, harvested

IDS = ("of-user-timeline", "of-search", "of-filter")
_SECONDS = 30.0

_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        10**30,
        1e308,
        "",
        "x",
        "\x00",
        "é" * 300,
        "2026-13-45",
        "9999-12-31T23:59:59",
        [],
        {},
    ),
    *([None], [[]], {"": ""}, {"a": {"b": {}}}, "2026-11-23T09:00:00+99:00", "../../x", ["a", 1], "\u202e\n"),
)
_CONTENTS = (
    *(b"", b"null", b"[]", b"{}", b"0", b'"x"', b"{", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x00" * 50),
    *(
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"id": "\\ud83d"}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b"\r\n",
        b"{}{}",
    ),
    *(
        b"<html>Sign in</html>",
        b'{"a": 1, "a": 2}',
        b"\x1f\x8b\x08",
        b"abc  x\n\xff\n",
        b'{"' + b"k" * 70_000,
    ),
)
_NAMES = (
    *(
        b"\xff\xfe",
        b"a\nb",
        b"\x1b[2J",
        "\U0001f525".encode(),
        b" ",
        b"-rf",
        b".DS_Store",
        b"._x.json",
        b"a" * 250,
    ),
    *(b"lock.json", b"stop.json", b"checkpoint.json", b"notices.json", b"change-.json", b"collection.json"),
    *(b"harvest.json", b"2026", b"x.part", b"con", b"*", b"%41", b"~"),
)
_INIS = (
    *(
        b"",
        b"\n",
        b"[DEFAULT]\n",
        b"bucket = b\n",
        b"[DEFAULT]\nbuckt = b\n",
        b"\xff\xfe",
        b"\x00",
        b"[DEFAULT",
    ),
    *(
        b"[DEFAULT]\nconcurrency = many\n",
        b"[DEFAULT]\nx_api_url = http://evil\n",
        b"[x]\n",
        b"[DEFAULT]\n = \n",
    ),
    *(
        b"\xef\xbb\xbf[DEFAULT]\r\nconcurrency = 2\r\n",
        b"[DEFAULT]\ntemp = \x00\n",
        b"[DEFAULT]\ntemp = a\ntemp = b\n",
    ),
    *(
        b"[DEFAULT]\ncollections_path = \n",
        b"[DEFAULT]\ncollections_path = ini\n",
        b"[DEFAULT]\nregion = %(x)s\n",
    ),
    *(
        b"[DEFAULT]\ntemp = /dev/null\n",
        b"[DEFAULT]\ncollections_path = /dev/null/x\n",
        b"[DEFAULT]\ncluster = c\n",
    ),
    *(b"[DEFAULT]\nx_patience = nan\n", b"[DEFAULT]\nsubnets\n", b"[DEFAULT]\nbudget_usd = -1\n"),
)
_TWARCS = (
    *(
        b"",
        b"\x00",
        b"\xff",
        b"[main]\n",
        b"bearer_token = '\n",
        b"[main]\nbearer_token = 'a\\\n",
        b"profile = x\n",
    ),
    *(
        b"\xef\xbb\xbfbearer_token = 'x'\n",
        b"[[[]]]\n",
        b"[a]\n[a]\n",
        b"bearer_token = a b\n",
        b"[x\n",
        b"a\n" * 9,
    ),
)
_VARIABLES = (
    *(("HOME", None), ("HOME", ""), ("HOME", "/nowhere"), ("HOME", "/dev/null"), ("HOME", "relative")),
    *(
        ("XDG_CONFIG_HOME", "/dev/null"),
        ("TMPDIR", "/nowhere"),
        ("COLUMNS", "0"),
        ("COLUMNS", "x"),
        ("COLUMNS", "-4"),
    ),
    *(
        ("TZ", "Nonsense/Zone"),
        ("LC_ALL", "xx_XX"),
        ("LANG", ""),
        ("TERM", ""),
        ("NO_COLOR", "1"),
        ("PATH", ""),
    ),
    *(
        ("TWARC_CLOUD_CONCURRENCY", "x"),
        ("TWARC_CLOUD_BUCKT", "x"),
        ("TWARC_CLOUD_COLLECTIONS_PATH", "\udcff"),
    ),
    *(
        ("TWARC_CLOUD_TEMP", "/dev/null"),
        ("TWARC_CLOUD_COLLECTIONS_PATH", "/dev/full"),
        ("BEARER_TOKEN", "\udcff"),
    ),
    *(
        ("BEARER_TOKEN", "a\nb"),
        ("TWARC_CLOUD_PROGRESS", "x"),
        ("X_API_URL", "not a url"),
        ("X_API_URL", "http://["),
    ),
    *(
        ("TWARC_CLOUD_COLLECTIONS_PATH", "a\x1b[2Jb"),
        ("AWS_PROFILE", "none"),
        ("X_API_URL", "http://127.0.0.1:99999"),
    ),
    *(("TWARC_CLOUD_TOKEN", "é"), ("TWARC_CLOUD_TASK", "x"), ("TWARC_CLOUD_HEARTBEAT", "/dev/full/x")),
)

_OF_OPERATOR = (
    *(
        "collection list",
        "collection list -l",
        "collection list --json",
        "collection add",
        "collection add --dry-run",
    ),
    *(
        "collection once ID --dry-run",
        "collection once ID --dry-run --json",
        "collection schedule ID rate(1_day)",
    ),
    *(
        "collection schedule ID cron(0_9_*_*_?_*) --timezone Europe/Berlin",
        "collection stop ID",
        "collection scheduled",
    ),
    *("collection stop ID --pause", "collection scheduled --json", "collection scheduled --migrate --yes"),
    *(
        "collection filter-start ID --dry-run",
        "collection filter-stop ID --timeout 1",
        "collection unlock ID --yes",
    ),
    *(
        "collection delete ID --yes",
        "collection delete ID --dry-run",
        "collection copy ID new",
        "collection cost ID",
    ),
    *(
        "collection copy ID ID --with-harvests --to-collections-path elsewhere",
        "collection copy ID new --with-state",
    ),
    *(
        "collection cost",
        "collection cost ID --json",
        "collection rules ID --dry-run",
        "collection download ID --verify",
    ),
    *("collection download ID --copy-folder copy --clean --yes", "collection download ID --dry-run --json"),
    *(
        "collection verify ID",
        "collection verify ID --json --duplicates",
        "collection verify ID --copy-folder copy",
    ),
    *(
        "collection verify ID --rebuild-manifest --yes",
        "collection-config template search --force",
        "settings --json",
    ),
    *(
        "collection-config template user_timeline",
        "collection-config download ID --force",
        "collection-config keys",
    ),
    *("collection-config download ID", "collection-config keys --list", "collection-config keys --profile x"),
    *(
        "collection-config keys --move-to new",
        "collection-config forget-keys ID --yes",
        "collection-config update",
    ),
    *(
        "collection-config update --yes --reset-state",
        "collection-config changes ID",
        "collection-config check",
    ),
    *(
        "collection-config changes ID --json",
        "collection-config changes ID --since 2026-11-01",
        "harvest history ID",
    ),
    *(
        "collection-config check ID --json",
        "collection-config check ID --live",
        "collection-config screennames @a @b",
    ),
    *(
        "collection-config screenname-files names.txt --error-file none.txt",
        "collection-config userids 12 13",
        "collection-config import-rules names.txt --type track --replace",
    ),
    *(
        "collection-config userid-files names.txt",
        "collection-config remove-users 12 jack",
        "harvest history ID --json",
    ),
    *("collection-config restore-users --all", "harvest list", "harvest list --json", "harvest running ID"),
    *(
        "harvest running",
        "harvest last ID",
        "harvest last ID --json",
        "harvest stop ID --timeout 1",
        "harvest log ID",
    ),
    *(
        "doctor",
        "doctor --json",
        "settings",
        "completion bash",
        "help",
        "help environment",
        "--debug harvest last ID",
    ),
)
_OF_CONTAINER = (
    *(
        "local harvester ID",
        "local unlock ID",
        "local harvester ID --tweets-per-file 1 --monitor",
        "--debug local unlock ID",
    ),
    *("local harvester ID --port 0", "local harvester ID --temp temp/other"),
)
COMMANDS = (*((True, words) for words in _OF_OPERATOR), *((False, words) for words in _OF_CONTAINER))
CHARSETS = ("utf-8", "utf-8", "cp1252", "iso8859_2", "ascii", "latin-1")
_ANSWERS = ("", "y\n", "n\n", "\n", "\x00\n", "é\n" * 3)


def a_world(folder: Path) -> Path:
    """A desk as a person has it after some weeks: collections of every kind, their harvests, a copy, keys."""
    desk, store = folder / "desk", FolderStore(folder / "desk/collections")
    for number in range(40):
        # Of which kind it is, the seed says; one that is there already is refused.
        with suppress(HarvesterError):
            harvested(store, folder / "work", random.Random(number), harvests=2)
    for name in IDS[1:]:
        keys, began = CollectionKeys(name), datetime(2026, 11, 24, 9, tzinfo=UTC)
        died(store, desk / "temp/local" / name, random.Random(name), keys, began)
    home = folder / "home"
    home.mkdir()
    (home / ".twarc").write_text("[main]\nbearer_token = AAAA\n")
    (desk / "names.txt").write_text("jack\nbritishmuseum\n")
    shutil.copy(desk / "collections" / IDS[0] / "collection.json", desk / "collection.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        patch.setenv("HOME", str(home))
        person = Person(desk)
        person.output("collection", "download", IDS[1], "--copy-folder", "copy")
        person.output("collection", "schedule", IDS[0], "rate(1 day)")
    return folder


class Strange:
    """One world made strange, in which commands are given."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder, self.desk = folder, folder / "desk"
        self.chance = random.Random(seed)
        self.done: list[str] = []

    def spoil(self) -> None:
        chance = self.chance
        deed = chance.choice(
            (*[self._content] * 6, *[self._name] * 2, self._kind, self._gone, self._ini, self._twarc)
        )
        deed()

    def _any_file(self) -> Path | None:
        found = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        # What people and programs meet first, as often as the many files of the harvests.
        first = [
            path
            for path in found
            if path.suffix == ".json" and path.parent.parent.name in ("desk", "collections")
        ]
        return self.chance.choice(first if first and self.chance.random() < 0.4 else found) if found else None

    def _content(self) -> None:
        if path := self._any_file():
            data = path.read_bytes()
            with suppress(ValueError, UnicodeDecodeError, RecursionError):
                tree = json.loads(data)
                if self.chance.random() < 0.7:
                    self._put(path, json.dumps(mutated(tree, self.chance)).encode())
                    return
            cut = data[: self.chance.randrange(len(data) + 1)]
            self._put(
                path, self.chance.choice((cut, cut + b"x" + data[len(cut) :], self.chance.choice(_CONTENTS)))
            )

    def _put(self, path: Path, data: bytes) -> None:
        with suppress(OSError):
            path.unlink()
            path.write_bytes(data)
        self.done.append(f"{path.relative_to(self.folder)} = {data[:80]!r}")

    def _name(self) -> None:
        folders = [path for path in sorted(self.desk.rglob("*")) if path.is_dir() and not path.is_symlink()]
        if not folders:
            return
        path = self.chance.choice(folders) / os.fsdecode(self.chance.choice(_NAMES))
        with suppress(OSError):
            if self.chance.random() < 0.3:
                path.mkdir()
            elif not path.exists():
                path.write_bytes(self.chance.choice(_CONTENTS))
        self.done.append(f"new {path!r}")

    def _kind(self) -> None:
        """A folder, a link that leads nowhere, to itself or out, a pipe or a socket in place of a file."""
        found = [path for path in sorted(self.folder.rglob("*")) if path != self.desk]
        if not found:
            return
        path = self.chance.choice(found)
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            kinds = ("folder", "nowhere", "itself", "out", "file", "pipe", "socket")
            # A pipe in place of a person's own file may be meant, and is waited for.
            kind = self.chance.choice(kinds if "collections" in path.parts[:-1] else kinds[:5])
            if kind == "folder":
                path.mkdir()
            elif kind == "pipe":
                os.mkfifo(path)
            elif kind == "socket":
                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(str(path))
            elif kind == "file":
                path.write_bytes(self.chance.choice(_CONTENTS))
            else:
                path.symlink_to({"nowhere": "not/there", "itself": path.name, "out": "/etc"}[kind])
            self.done.append(f"{path.relative_to(self.folder)} is a {kind}")

    def _gone(self) -> None:
        found = sorted(self.folder.rglob("*"))
        if found and (path := self.chance.choice(found)) != self.desk:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            self.done.append(f"{path.relative_to(self.folder)} is gone")

    def _ini(self) -> None:
        self._put(self.desk / "twarc_cloud.ini", self.chance.choice(_INIS))
        if not (self.desk / "twarc_cloud.ini").exists():
            (self.desk / "twarc_cloud.ini").write_bytes(self.chance.choice(_INIS))

    def _twarc(self) -> None:
        with suppress(OSError):
            (self.folder / "home/.twarc").write_bytes(self.chance.choice(_TWARCS))
            self.done.append("~/.twarc")

    def give(self, command: tuple[bool, str]) -> Result:
        """Run a command, and fail if it hangs."""
        of_operator, words = command
        chance = self.chance
        name = chance.choice((*IDS, *IDS, "missing", "../x", "\udcff", "copy", ".scratch"))
        typed = [
            name if word == "ID" else word.replace("_", " ") if "(" in word else word
            for word in words.split()
        ]
        variables = [chance.choice(_VARIABLES)] if chance.random() < 0.3 else []
        self.done.append(f"{dict(variables)} {typed}")
        with pytest.MonkeyPatch.context() as patch, _within(_SECONDS):
            patch.chdir(self.desk)
            for variable, value in (("HOME", str(self.folder / "home")), *_USUAL, *variables):
                patch.delenv(variable, raising=False) if value is None else patch.setenv(variable, value)
            person, charset = Person(self.desk), chance.choice(CHARSETS)
            if of_operator:
                return person(*typed, answer=chance.choice(_ANSWERS), charset=charset)
            return person.harvester(*typed, charset=charset)


# Refused at once, on loopback.
_USUAL = (
    ("X_API_URL", "http://127.0.0.1:9"),
    ("TWARC_CLOUD_X_PATIENCE", "0.05"),
    ("TWARC_CLOUD_STORE_PATIENCE", "0.2"),
)


# How an error that has no words of ours is told, by a command or as the end of a harvest.
UNFORESEEN = re.compile(r"[Uu]nexpected \w+ in harvester|[Uu]nexpected \w+\.|Traceback|\bbug\b")


class Hangs(BaseException):
    """Not an error that a command may handle."""


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def tell(_: int, frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, tell)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def mutated(tree: Any, chance: random.Random) -> Any:
    """The same with one member dropped, added, or of another type."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        name = chance.choice(sorted(tree))
        deed = chance.random()
        if deed < 0.15:
            return {key: value for key, value in tree.items() if key != name}
        if deed < 0.25:
            return {**tree, str(chance.choice(_VALUES)): chance.choice(_VALUES)}
        return {**tree, name: mutated(tree[name], chance)}
    if isinstance(tree, list) and tree and chance.random() < 0.7:
        place = chance.randrange(len(tree))
        return [*tree[:place], mutated(tree[place], chance), *tree[place + 1 :]]
    return chance.choice(_VALUES)
