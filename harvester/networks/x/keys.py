"""Finds API keys where twarc's users keep them, and never shows them."""

import ast
import configparser
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from harvester import networks
from harvester.collection.secrets import sections
from harvester.errors import Exit, HarvesterError
from harvester.text import NOT_TEXT, text_of


class NoKeys(HarvesterError):
    """There are none where they were looked for; not that some are there and cannot be used."""


@dataclass(frozen=True, repr=False)
class Keys(networks.Keys):
    """One app's keys and perhaps those of a user of it; the repr tells which there are, never what."""

    consumer_key: str = ""
    consumer_secret: str = ""
    access_token: str = ""
    access_token_secret: str = ""
    bearer_token: str = ""

    def __repr__(self) -> str:
        present = [name for name in NAMES if getattr(self, name)]
        return f"Keys({', '.join(present) or 'none'})"

    @property
    def usable(self) -> bool:
        return bool(self.bearer_token or (self.consumer_key and self.consumer_secret))

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (getattr(self, name) for name in NAMES)))

    @property
    def app(self) -> str:
        """All keys of an app have its consumer key; a bearer token that stands alone is taken for one."""
        told = self.consumer_key or self.bearer_token
        return f"x-{hashlib.sha256(told.encode()).hexdigest()[:16]}" if told else ""

    @property
    def account(self) -> str:
        """An access token begins with the id of its account."""
        number, dash, _ = self.access_token.partition("-")
        return number if self.of_a_user and dash and number.isdecimal() else ""

    @property
    def whose(self) -> str:
        return "those of a person." if self.of_a_user else "those of an app."

    @property
    def of_a_user(self) -> bool:
        """Whether requests are signed for a user; as in twarc a bearer token goes before that."""
        four = (self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)
        return not self.bearer_token and all(four)


NAMES = tuple(field.name for field in fields(Keys))

# What a bearer token is made of: RFC 6750, 2.1, and the "%" that X's tokens hold.
_BEARER = re.compile(r"[A-Za-z0-9._~+/%=-]")
# Consumer keys and secrets are signed or encoded, so that any visible ASCII character may be in one.
_VISIBLE = re.compile(r"[!-~]")

_HINT = (
    "Set BEARER_TOKEN (or CONSUMER_KEY and CONSUMER_SECRET, and for a user's access also ACCESS_TOKEN and "
    "ACCESS_TOKEN_SECRET), or run `collection-config keys` at a terminal, which asks for them."
)


def keys_from(
    environ: Mapping[str, str], *, profile: str = "", files: tuple[Path, ...] | None = None
) -> Keys:
    """The keys in the environment, else those of a profile in twarc's files."""
    keys = in_environment(environ)
    if keys.usable:
        return keys
    for path in profile_files(environ) if files is None else files:
        found = _keys_in(path, profile)
        if found and found.usable:
            return found
    raise _no_keys(profile, half=repr(keys)[5:-1] if any(getattr(keys, name) for name in NAMES) else "")


def _no_keys(profile: str, *, half: str) -> NoKeys:
    """`half` is what the environment has of a pair."""
    place = f" in profile {profile}" if profile else ""
    more = f"; the environment has only {half}" if half else ""
    ask = f"Run `collection-config keys --profile {profile}` at a terminal, which asks for them."
    return NoKeys(
        f"There are no keys for the X API{place}{more}.",
        hint=ask if profile else _HINT,
        exit_code=Exit.UNAUTHORIZED,
    )


def in_environment(environ: Mapping[str, str]) -> Keys:
    """What the environment has; perhaps none, or half a pair."""
    return keys_of({name: environ.get(name.upper(), "") for name in NAMES}, where="the environment")


def in_collection(tree: Mapping[str, object]) -> Keys:
    """What a collection of 2019 holds itself, under either name of then; perhaps none."""
    found = [keys_of(held, where="the collection") for held in sections(tree)]
    return next((keys for keys in found if keys.usable), Keys())


def keys_of(values: Mapping[str, object], *, where: str) -> Keys:
    """Keys out of any mapping with twarc's names, e.g. the `keys` of a collection of 2019.

    Raises for a value that no header could carry; `where` says where it is from. The value is not shown.
    """
    found = {name: str(values.get(name) or "").strip() for name in NAMES}
    problems = [f"{name} {problem}" for name, value in found.items() if (problem := problem_in(name, value))]
    if problems:
        raise HarvesterError(
            f"The X API keys in {where} are invalid: {'; '.join(problems)}.",
            hint="Copy them again from https://developer.x.com.",
            exit_code=Exit.UNAUTHORIZED,
        )
    return Keys(**found)


def problem_in(name: str, value: str) -> str:
    """Why the value cannot be the key called `name`, without showing it; empty if it may be."""
    allowed = _BEARER if name == "bearer_token" else _VISIBLE
    odd = next((place for place, character in enumerate(value) if not allowed.match(character)), None)
    return "" if odd is None else f"has {_named(value[odd])} at character {odd + 1}"


def _named(character: str) -> str:
    if character in "\r\n":
        return "a line end"
    if character == " ":
        return "a space"
    if character.isascii() and character.isprintable():
        return f"the character {character}"
    name = unicodedata.name(character, "a control character")
    return f"U+{ord(character):04X} ({name})"


def profile_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where twarc keeps its profiles; raises if this user has no home."""
    try:
        home = Path(environ.get("HOME") or Path.home())
    except RuntimeError as error:
        raise HarvesterError(
            "This user has no home folder, where X API keys are looked for.",
            hint="Set HOME; or BEARER_TOKEN, or CONSUMER_KEY and CONSUMER_SECRET.",
            exit_code=Exit.UNAUTHORIZED,
        ) from error
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return home / ".twarc", settings / "twarc" / "config"


def _sections(path: Path) -> configparser.ConfigParser:
    """What stands in the file; keys without a profile are in a section of their own."""
    sections = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        # twarc2 writes its keys without any section.
        sections.read_string(f"[\1]\n{text_in(path)}")
    except configparser.Error as error:
        raise _unreadable(path, error) from None
    return sections


def text_in(path: Path) -> str:
    """The text of a file of profiles; empty if there is none."""
    try:
        return text_of(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _keys_in(path: Path, profile: str) -> Keys | None:
    if not path.is_file():
        return None
    sections = _sections(path)
    loose = sections["\1"]
    name = profile or _plain(loose.get("profile", ""))
    found = _section(sections, name)
    if found is None:
        if name:
            raise HarvesterError(
                f"There is no profile {name} in {path}.",
                hint=_selecting(sections.sections()[1:]),
                exit_code=Exit.UNAUTHORIZED,
            )
        return None
    where = f"profile {found.name} of {path}" if found.name != "\1" else str(path)
    return keys_of({key: _plain(value) for key, value in found.items()}, where=where)


def _selecting(names: Sequence[str]) -> str:
    """How to use what is in a file that lacks a profile."""
    if not names:
        return "It has keys without a profile, which `collection-config keys` selects."
    return f"It has: {', '.join(names)}. `collection-config keys --profile NAME` selects one of them."


def profile_named(profile: str, files: tuple[Path, ...]) -> str:
    """The profile that is used when `profile`, or "" for the usual one, is asked for; raises without it."""
    keys_from({}, profile=profile, files=files)
    if profile:
        return profile
    for path in files:
        if path.exists():
            section = _section(sections := _sections(path), _plain(sections["\1"].get("profile", "")))
            if section is not None:
                return "main" if section.name == "\1" else section.name
    return ""


def _unreadable(path: Path, error: Exception) -> HarvesterError:
    # A parser's message may hold the line it stumbled over, and with it a key.
    return HarvesterError(
        f"{path} cannot be read as twarc's profiles ({_kind(error)}).",
        hint="Fix it, or rewrite it with `twarc2 configure`.",
        exit_code=Exit.UNAUTHORIZED,
    )


def _kind(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return NOT_TEXT
    if isinstance(error, OSError):
        return error.strerror or "it cannot be opened"
    return "a line is neither [section] nor name = value, or stands twice"


def _section(sections: configparser.ConfigParser, name: str) -> configparser.SectionProxy | None:
    """The named section; without a name the loose keys, then `main`, `default`, and as in twarc the first."""
    loose = sections["\1"]
    has_loose_keys = any(key in loose for key in NAMES)
    if name:
        if sections.has_section(name):
            return sections[name]
        return loose if has_loose_keys and name in ("main", "default") else None
    if has_loose_keys:
        return loose
    named = sections.sections()[1:]
    return next((sections[usual] for usual in ("main", "default", *named[:1]) if usual in named), None)


def _plain(value: str) -> str:
    """twarc2 writes values as Python does, with quotes; twarc wrote them bare."""
    if value[:1] in ("'", '"'):
        try:
            return str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            return value.strip("'\"")
    return value
