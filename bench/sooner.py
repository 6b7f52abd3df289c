"""An hour of a harvest in two minutes: all that it does at intervals, it does thirty times as often."""

import json
import subprocess
import sys
import time

from bench.harvests import HERE, Checkout

TIMES = 30
_EVERY = 15.0
_USUAL = """
import json
from harvester.settings import Settings
names = ("lock_seconds", "checkpoint_seconds", "stop_poll_seconds", "seconds_per_file")
print(json.dumps({name: getattr(Settings(), name) for name in names}))
"""


def environment(of: Checkout = HERE) -> dict[str, str]:
    """The settings of a harvest whose hours are short; what is counted in bytes or posts stays."""
    usual = json.loads(subprocess.check_output([of.python, "-c", _USUAL], cwd=of.root))
    return {f"TWARC_CLOUD_{name.upper()}": str(seconds / TIMES) for name, seconds in usual.items()}


def spend(minutes: float, what: str) -> None:
    """Wait until these minutes of the harvest are over; progress goes to stderr."""
    end = time.monotonic() + minutes * 60 / TIMES
    while (left := end - time.monotonic()) > 0:
        sys.stderr.write(f"  {what}: {minutes - left * TIMES / 60:.0f} of {minutes:.0f} minutes\n")
        time.sleep(min(left, _EVERY))
