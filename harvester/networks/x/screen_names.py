"""X's screen names as people paste them: with an @, as addresses, with invisible characters."""

import re

from harvester.text import plain

LIMITS = "1 to 15 of a-z, A-Z, 0-9 and _"
# How X writes names; a request with one that is written otherwise is refused as a whole.
_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_ADDRESS = re.compile(
    r"(?:https?:)?(?://)?(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com/(?:#!/)?@?([^/?#]*)", re.I
)
# First parts of X's addresses that are pages of X, and no account's name.
_PAGES = {"compose", "explore", "hashtag", "home", "i", "intent", "login", "messages", "notifications"} | {
    *("search", "settings", "share", "signup", "who_to_follow")
}
_AROUND = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb()[]{}<>,;:. \t"


def screen_name(text: str) -> str:
    """The name that is meant, without @; empty if the text is no screen name and no address of one."""
    found = plain(text).strip(_AROUND)
    if address := _ADDRESS.match(found):
        found = "" if address[1].lower() in _PAGES else address[1]
    found = found.lstrip("@ ")
    return found if _NAME.fullmatch(found) else ""
