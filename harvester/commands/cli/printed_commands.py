"""A command in a message does, pasted into a shell, what it says: in the place that this one works in.

Messages name commands in backquotes, as `harvest stop ID`; what the person typed to say where is added here,
as a shell needs it.
"""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from harvester.errors import HarvesterError
from harvester.settings import settings
from harvester.store.disk import real

SCRIPT, INSTALLED = "twarc_cloud.py", "twarc-cloud"
_PLACES, _FILE_OPTION = ("--bucket", "--collections-path"), "--collection-config-filepath"
# The file that is meant where none is named.
FILE = "collection.json"
_COMMAND = re.compile(
    r"`(?P<door>twarc_cloud\.py )?"
    r"(?P<names>(?:collection|collection-config|harvest|export|search|accounts|stats) [a-z-]+"
    r"|dashboard|doctor|report|scheduler)"
    r"(?P<rest>(?: [^`]*)?)`"
)
# These change a file here, and ask no store.
OF_A_FILE_ONLY = (
    *("collection-config template", "collection-config screennames", "collection-config screenname-files"),
    *("collection-config userids", "collection-config userid-files", "collection-config remove-users"),
    *("collection-config add-rules", "collection-config remove-rules"),
    *("collection-config enable-rules", "collection-config disable-rules"),
)
OF_A_FILE = (
    *OF_A_FILE_ONLY,
    *("collection-config download", "collection-config keys", "collection-config update"),
    *("collection-config check", "collection-config restore-users", "collection add"),
    *("collection-config rules", "collection-config import-rules"),
)

# What this process was given, by the option.
_typed: dict[str, str] = {}


def forget_typed() -> None:
    """Before another command."""
    _typed.clear()


def typed(_: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """A callback that notes the value of an option that says where."""
    if value:
        _typed[parameter.opts[0]] = str(value)
    return value


def program() -> str:
    """How the person calls the commands of this program."""
    name = Path(sys.argv[0]).name
    # The other door is beside it, under the name that goes with this one.
    return name if name in (SCRIPT, INSTALLED) else INSTALLED if name == "tweet-harvester" else SCRIPT


def complete(text: str) -> str:
    """The text with the commands in it as they are to be typed here."""
    return _COMMAND.sub(_completed, text) if "`" in text else text


def _completed(found: re.Match[str]) -> str:
    names, rest = found["names"], found["rest"]
    door = f"{program()} " if found["door"] else ""
    file = _typed.get(_FILE_OPTION, FILE)
    options = [(_FILE_OPTION, file)] if file != FILE and names in OF_A_FILE else []
    if names not in OF_A_FILE_ONLY:
        options += _where()
    missing = "".join(f" {name} {shlex.quote(value)}" for name, value in options if f" {name} " not in rest)
    return f"`{door}{names}{rest}{missing}`"


def _where() -> list[tuple[str, str]]:
    """The options that say where the collections are; none where it is the same place without them."""
    given = [(name, _typed[name]) for name in _PLACES if name in _typed]
    if not given:
        return []
    try:
        usual = settings()
    except HarvesterError:
        return given
    bucket, folder = _typed.get("--bucket", ""), _typed.get("--collections-path", "")
    same_folder = real(Path(folder or usual.collections_path)) == real(Path(usual.collections_path))
    # A folder that is named goes before a bucket that is only set.
    return [] if usual.bucket == bucket and same_folder else given
