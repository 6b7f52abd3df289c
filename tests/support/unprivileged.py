"""Commands for which permissions count, also where the tests run as root."""

import os
import sys
from collections.abc import Sequence

# Of capabilities(7): DAC_OVERRIDE and DAC_READ_SEARCH, without which root is a user like others to files.
_DROPPING = """
import ctypes, os, sys
prctl = ctypes.CDLL(None, use_errno=True).prctl
PR_CAPBSET_DROP = 24
for capability in (1, 2):
    if prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
        sys.exit(f"a capability cannot be dropped: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
"""


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command as a user who may do only what the modes of files allow."""
    return [*command] if os.geteuid() else [sys.executable, "-c", _DROPPING, *command]
