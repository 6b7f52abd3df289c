"""Runs a pipeline on one core and says what it cost: seconds, CPU seconds, peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# The server has the first core to itself, what is measured the last.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

_PINNED = """
import os, resource, sys
core, memory = map(int, sys.argv[1:3])
if core >= 0:
    os.sched_setaffinity(0, {core})
if memory:
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
os.execvp(sys.argv[3], sys.argv[3:])
"""

# A process's peak counts what its memory was before exec, which is that of its parent. So it is
# started by this small one, which says what it took.
_TOLD = """
import os, resource, sys
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as report:
    report.write(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""


@dataclass(frozen=True)
class Cost:
    """Of all processes of one pipeline; `peak` in MB, of the largest process."""

    seconds: float
    cpu: float
    peak: float
    code: int = 0


class Failed(RuntimeError):
    """A measured process failed, so its figures mean nothing."""


def pinned(command: Sequence[str], core: int, *, memory: int = 0) -> list[str]:
    """The command, to run on one core; `memory` limits the bytes that it can write to."""
    return [sys.executable, "-IS", "-c", _PINNED, str(CORES[core] if CORES else -1), str(memory), *command]


def cost(
    *pipeline: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    out: str = "out",
    memory: int = 0,
    allowed: tuple[int, ...] = (0,),
    pin: bool = True,
) -> Cost:
    """Run the commands, each piped into the next, in `folder`; what they cost together.

    They have one core, or where `pin` is not set, all that the server leaves them.
    """
    started = time.perf_counter()
    processes: list[subprocess.Popen[bytes]] = []
    reports = [folder / f"spent-{number}" for number in range(len(pipeline))]
    with (folder / out).open("wb") as result, (folder / "err").open("wb") as errors:
        before = None
        for command, report in zip(pipeline, reports, strict=True):
            last = report == reports[-1]
            bound = pinned(command, -1, memory=memory) if pin else command
            process = subprocess.Popen(
                [sys.executable, "-IS", "-c", _TOLD, str(report), *bound],
                cwd=folder,
                env={**os.environ, **environment},
                stdin=before.stdout if before else subprocess.DEVNULL,
                stdout=result if last else subprocess.PIPE,
                stderr=errors,
            )
            if before and before.stdout:
                before.stdout.close()
            processes.append(process)
            before = process
        codes = [process.wait() for process in processes]
    code = next(filter(None, codes), 0)
    if code not in allowed:
        told = (folder / "err").read_text(errors="replace")[-2000:]
        raise Failed(f"{' | '.join(' '.join(each) for each in pipeline)} ended with {code}:\n{told}")
    seconds = time.perf_counter() - started
    figures = [report.read_text().split() for report in reports]
    cpu = sum(float(spent) for spent, _ in figures)
    return Cost(seconds, cpu, max(int(peak) / 1024 for _, peak in figures), code)
