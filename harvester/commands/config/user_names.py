"""Screen names as people paste them: with an @, as URLs, with invisible characters."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.text import counted

# How X writes names; a request with one that is written otherwise is refused as a whole.
_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_ADDRESS = re.compile(
    r"(?:https?:)?(?://)?(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com/(?:#!/)?@?([^/?#]*)", re.I
)
# First parts of X's addresses that are pages of X, and nobody's name.
_PAGES = {"compose", "explore", "hashtag", "home", "i", "intent", "login", "messages", "notifications"} | {
    *("search", "settings", "share", "signup", "who_to_follow")
}
_AROUND = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb()[]{}<>,;:. \t"
# Of those that Unicode has as marks, the ones that are never shown.
_UNSEEN_MARKS = {"\u034f", *map(chr, range(0xFE00, 0xFE10))}


def plain(text: str) -> str:
    """The text in the width of this keyboard, without what cannot be seen."""
    seen = (each for each in text if unicodedata.category(each) != "Cf" and each not in _UNSEEN_MARKS)
    return "".join(map(_narrow, seen)).strip()


def _narrow(letter: str) -> str:
    if unicodedata.decomposition(letter).startswith(("<wide>", "<narrow>")):
        return unicodedata.normalize("NFKC", letter)
    return letter


def screen_name(text: str) -> str:
    """The name that is meant, without @; empty where the text is no screen name and no address of one."""
    found = plain(text).strip(_AROUND)
    if address := _ADDRESS.match(found):
        found = "" if address[1].lower() in _PAGES else address[1]
    found = found.lstrip("@ ")
    return found if _NAME.fullmatch(found) else ""


def read(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Each name once, however it is written; and the texts that are none, blank ones left out."""
    names: dict[str, str] = {}
    others: list[str] = []
    for text in texts:
        if name := screen_name(text):
            names[name.lower()] = name
        elif plain(text).strip("@ "):
            others.append(text)
    return list(names.values()), others


def shown(text: str) -> str:
    """The text without @, and with what cannot be seen escaped."""
    text = text.lstrip("@")
    return text if text.isprintable() and plain(text) == text else ascii(text)[1:-1]


def found_in(users: Mapping[str, Tree], typed: Sequence[str]) -> tuple[list[str], list[str]]:
    """The ids that ids and names stand for, each once; and what is neither.

    Raises where a name is that of two users.
    """
    by_name: dict[str, list[str]] = {}
    for user_id, user in users.items():
        by_name.setdefault(str(user.get("screen_name") or "").lower(), []).append(user_id)
    ids: dict[str, None] = {}
    missing: list[str] = []
    for text in typed:
        named = plain(text)
        meant = [named] if named in users else by_name.get(screen_name(text).lower() or "\0", [])
        if len(meant) > 1:
            raise HarvesterError(
                f"{screen_name(text)} is the name of {counted(len(meant), 'user')} here: {', '.join(meant)}.",
                hint="Nothing was changed. Names move between accounts: use the id.",
                exit_code=Exit.USAGE,
            )
        ids.update(dict.fromkeys(meant))
        missing += [] if meant else [text]
    return list(ids), missing
