"""Runs one emulator until it is stopped or its parent process is gone."""

import asyncio
import contextlib
import os
import signal
import sys

try:
    from emulator.http.server import Emulator
    from emulator.options import Options, options_from
except ModuleNotFoundError as error:
    from emulator.missing import told

    sys.exit(told(error))


def main() -> int:
    try:
        options = options_from(sys.argv[1:])
        emulator = Emulator(options)
    except (OSError, ValueError) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(serve(emulator, options))
    return 0


async def serve(emulator: Emulator, options: Options) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        await emulator.start()
    except OSError as error:
        print(f"emulator: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    print(f"emulator listening on {emulator.url}", flush=True)
    if options.exit_on_stdin_close:
        loop.run_in_executor(None, wait_for_end_of_stdin, loop, stopped)
    await until_orphaned(stopped, options.parent_pid)
    await emulator.stop()
    # A thread blocked on standard input would keep the interpreter from ending.
    sys.stdout.flush()
    os._exit(0)


async def until_orphaned(stopped: asyncio.Event, parent: int | None) -> None:
    """Returns when stopped, or within a second of the parent's end."""
    while not stopped.is_set():
        if parent is not None and not is_alive(parent):
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), 1)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_for_end_of_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 65536):
        continue
    loop.call_soon_threadsafe(stopped.set)


if __name__ == "__main__":
    sys.exit(main())
