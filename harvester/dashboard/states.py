"""The states of harvests, streams, schedules and accounts, by the attention that they need."""

# States by the sign that is shown with them; a state that is not listed has none.
_SIGNS = {
    "good": ("complete", "ok", "active", "live", "closed"),
    "busy": ("running", "starting", "stopping", "restarting", "quiet", "waiting", "collect"),
    "poor": ("partial", "stopped", "protected", "no capacity", "stale", "paused", "wait for approval"),
    "bad": ("failed", "interrupted", "died", "missed", "unreadable", "gave up", "refused", "suspended"),
}
_BY_WORD = {word: sign for sign, words in _SIGNS.items() for word in words}
# If a day has several harvests, the first of these signs is shown.
_FIRST = ("bad", "poor", "busy", "good", "")


def sign(state: str) -> str:
    """good, busy, poor or bad; empty for a state without a sign."""
    return _BY_WORD.get(state.lower(), "")


def gravest(*states: str) -> str:
    """The most important of several states."""
    return min(states, key=lambda state: _FIRST.index(sign(state)), default="")
