"""How many examples a law is tried with: a part of its own number, which `LAWS` names."""

import os

# Of how many examples one is tried: by request, in `make test`, in `make check`.
_SHARES = {"all": 1, "some": 5, "few": 20}
_SHARE = _SHARES[os.environ.get("LAWS", "some")]


def examples(number: int) -> int:
    """That part of the number which `LAWS` asks for: all of it, a fifth, or few; at least one."""
    return max(1, number // _SHARE)
