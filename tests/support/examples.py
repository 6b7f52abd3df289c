"""How many examples a law is tried with: a share of them in each run, and all of them with LAWS=all."""

import os

_SHARE = 1 if os.environ.get("LAWS") == "all" else 5


def examples(number: int) -> int:
    """A fifth of that number, unless all are asked for."""
    return number // _SHARE
