"""The words for states of harvests, streams, schedules and accounts, by what they ask of a person."""

# Words for states, by the sign that they get; one that is not listed has none.
_SIGNS = {
    "good": ("complete", "ok", "active", "live"),
    "busy": ("running", "starting", "stopping", "restarting", "quiet", "waiting"),
    "poor": ("partial", "stopped", "protected", "no capacity", "stale", "paused"),
    "bad": ("failed", "interrupted", "died", "missed", "unreadable", "gave up", "refused", "suspended"),
}
_BY_WORD = {word: sign for sign, words in _SIGNS.items() for word in words}
# Of several harvests of a day, the sign that is shown: the first of these.
_FIRST = ("bad", "poor", "busy", "good", "")


def sign(state: str) -> str:
    """good, busy, poor or bad; empty for a word that has none."""
    return _BY_WORD.get(state.lower(), "")


def gravest(*states: str) -> str:
    """Of several states, the one that a person has to know about."""
    return min(states, key=lambda state: _FIRST.index(sign(state)), default="")
