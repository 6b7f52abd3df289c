"""A lock's owner is recorded so that processes on the same machine can see whether it still runs."""

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harvester.documents import LockContent

_BOOT, _NUMBERS = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
# Of /proc/PID/stat, after the name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
_STATE, _STARTED = 0, 19


def this_process() -> LockContent:
    """Host and number of this process; on Linux also what tells it from others of the same number."""
    number = os.getpid()
    owner: LockContent = {"host": platform.node(), "process": number}
    machine, status = _machine(), _status(number)
    if machine and status:
        owner |= {"machine": machine, "process_started": status[_STARTED]}
    return owner


def is_dead(held: Mapping[str, Any]) -> bool:
    """Whether the process ran on this machine and is certain to be gone; False if that is not known."""
    number = held.get("process")
    if not isinstance(number, int) or number <= 0 or not held.get("process_started"):
        return False
    if held.get("machine") != _machine():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # It belongs to another user, who may hide its start from us.
        pass
    status = _status(number)
    return bool(status) and (status[_STATE] == "Z" or status[_STARTED] != held["process_started"])


def _machine() -> str:
    """This start of this machine, and the space in which process numbers count; empty if not known."""
    with suppress(OSError):
        return f"{_BOOT.read_text().strip()} {_NUMBERS.readlink()}"
    return ""


def _status(number: int) -> list[str]:
    """What the system tells of a process; empty if it does not."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return []
