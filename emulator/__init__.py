"""An emulator of the X API v2 on loopback for demos, tests and benchmarks; a ledger shows what it served."""

from emulator.api.auth import CREDENTIALS
from emulator.embedded import Control, Emulated, running, spawned

__all__ = ["CREDENTIALS", "Control", "Emulated", "running", "spawned"]
