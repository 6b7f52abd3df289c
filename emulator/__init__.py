"""An emulator of the X API v2 on loopback for demos, tests and benchmarks; a ledger shows what it served."""

import sys

try:
    from emulator.api.auth import CREDENTIALS
    from emulator.embedded import Control, Emulated, running, spawned
except ModuleNotFoundError as error:
    # So it is as long as `python -m emulator` imports this; who imports it otherwise sees what failed.
    if sys.argv[0] != "-m":
        raise
    from emulator.missing import told

    sys.exit(told(error))

__all__ = ["CREDENTIALS", "Control", "Emulated", "running", "spawned"]
