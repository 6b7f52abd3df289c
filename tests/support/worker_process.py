"""A worker of a crawl as a process of its own, which kills itself at a named moment where that is asked for.

`python tests/support/worker_process.py ORDER COMMAND...`, where the order is JSON: `code` is the qualified
name of a function in `file`, `when` is before or after it, and `nth` counts; `mark` is a file that is written
when it dies. An empty order kills nothing.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from harvester.commands import run
from harvester.commands.container import container


def _die_at(order: dict[str, Any]) -> None:
    moment, left = {"before": "call", "after": "return"}[order["when"]], [order.get("nth", 1)]
    guard = threading.Lock()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == moment and code.co_qualname == order["code"] and code.co_filename.endswith(order["file"]):
            with guard:
                left[0] -= 1
                if left[0] == 0:
                    Path(order["mark"]).write_text(str(os.getpid()))
                    os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)


def main() -> None:
    order, *command = sys.argv[1:]
    if told := json.loads(order):
        _die_at(told)
    sys.exit(run(container, command))


if __name__ == "__main__":
    main()
