"""The X API v2 on loopback, for demos, tests and benchmarks; it tells the truth about what it served."""

from emulator.api.auth import CREDENTIALS
from emulator.embedded import Control, Emulated, running, spawned

__all__ = ["CREDENTIALS", "Control", "Emulated", "running", "spawned"]
