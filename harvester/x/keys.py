"""Keys are found where twarc's users keep them, and are shown nowhere."""

import ast
import configparser
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from harvester.errors import Exit, HarvesterError


@dataclass(frozen=True, repr=False)
class Keys:
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
    def of_a_user(self) -> bool:
        """Whether requests are signed for a user; as in twarc a bearer token goes before that."""
        four = (self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)
        return not self.bearer_token and all(four)


NAMES = tuple(field.name for field in fields(Keys))

_HINT = (
    "Set BEARER_TOKEN (or CONSUMER_KEY and CONSUMER_SECRET, and for a user's access also ACCESS_TOKEN and "
    "ACCESS_TOKEN_SECRET), or run `twarc2 configure`."
)


def keys_from(
    environ: Mapping[str, str], *, profile: str = "", files: tuple[Path, ...] | None = None
) -> Keys:
    """The keys in the environment, else those of a profile in twarc's files."""
    keys = keys_of({name: environ.get(name.upper(), "") for name in NAMES})
    if keys.usable:
        return keys
    for path in profile_files(environ) if files is None else files:
        found = _keys_in(path, profile)
        if found and found.usable:
            return found
    half = repr(keys) if any(getattr(keys, name) for name in NAMES) else ""
    raise HarvesterError(
        "There are no keys for the X API"
        + (f" in profile {profile}" if profile else "")
        + (f"; the environment has only {half[5:-1]}" if half else "")
        + ".",
        hint=_HINT,
        exit_code=Exit.UNAUTHORIZED,
    )


def keys_of(values: Mapping[str, object]) -> Keys:
    """Keys out of any mapping with twarc's names, e.g. the `keys` of a collection of 2019."""
    return Keys(**{name: str(values.get(name) or "").strip() for name in NAMES})


def profile_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where twarc keeps its profiles."""
    home = Path(environ.get("HOME") or Path.home())
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return home / ".twarc", settings / "twarc" / "config"


def _sections(path: Path) -> configparser.ConfigParser:
    """What stands in the file; keys without a profile are in a section of their own."""
    sections = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        text = path.read_text(encoding="utf-8")
        # twarc2 writes its keys without any section.
        sections.read_string(f"[\1]\n{text}")
    except (FileNotFoundError, NotADirectoryError):
        sections.add_section("\1")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    except configparser.Error as error:
        raise _unreadable(path, error) from None
    return sections


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
                hint=f"It has: {', '.join(sections.sections()[1:]) or 'keys without a profile'}.",
                exit_code=Exit.UNAUTHORIZED,
            )
        return None
    return keys_of({key: _plain(value) for key, value in found.items()})


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
        f"{path} cannot be read as twarc's profiles ({type(error).__name__}).",
        hint="Mend it, or write it anew with `twarc2 configure`.",
        exit_code=Exit.UNAUTHORIZED,
    )


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
    chosen = next((usual for usual in ("main", "default") if usual in named), named[0] if named else "")
    return sections[chosen] if chosen else None


def _plain(value: str) -> str:
    """twarc2 writes values as Python does, with quotes; twarc wrote them bare."""
    if value[:1] in ("'", '"'):
        try:
            return str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            return value.strip("'\"")
    return value
