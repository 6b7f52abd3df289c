"""Processes forked from one that has imported the harvester: real ones, that begin in milliseconds.

`Forked` takes the place of `subprocess.Popen` for a script or module of this checkout. One server for each
worker of pytest, a process of one thread, imports what a harvest needs, and forks for each order: so what a
test starts has a process id, a parent, a start time and signals of its own, and begins with the environment,
folder, descriptors, umask and ignored signals that a fresh interpreter would have been given. What only a new
interpreter reads (`PYTHON...`, the locale) must be that of the server; `start` takes a fresh interpreter
where it is not, and where the system has no pidfd. The random seed of hashes is the server's, and botocore
looks for models and tokens of its own in the home folder of the server.

The server ends with its worker, however that ends, and with it all that it forked.
"""

import atexit
import errno
import gc
import importlib
import inspect
import io
import itertools
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, AnyStr

_ROOT = Path(__file__).resolve().parents[2]
_MOST = 1 << 20
_PACKAGES = ("harvester", "emulator")
_WITHOUT = ("harvester.search", "harvester.tables")
# What an interpreter reads only when it starts.
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GLIBC_")
_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AVAILABLE = hasattr(os, "pidfd_open") and not os.environ.get("FRESH_INTERPRETERS")
# What the system's way to start a process is given, in the order of this Python's version.
_PARAMETERS = [*inspect.signature(subprocess.Popen._execute_child).parameters][2:]  # type: ignore[attr-defined]
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_ONLY_FRESH = ("executable", "preexec_fn", "shell", "gid", "gids", "uid")

Tree = dict[str, Any]


def start(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """Forked where that makes no difference to it, else in a fresh interpreter."""
    environment = options.get("env") or os.environ
    same = AVAILABLE and _of_interpreter(environment) == _of_interpreter(_server().environment)
    return (Forked if same and _is_simple(command) else subprocess.Popen)(command, **options)


def run(
    command: Sequence[str], *, timeout: float | None = None, **options: Any
) -> "subprocess.CompletedProcess[Any]":
    """As `subprocess.run` does, which has its own idea of how to start a process."""
    with start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as started:
        try:
            out, err = started.communicate(timeout=timeout)
        finally:
            started.kill()
    return subprocess.CompletedProcess(list(command), started.returncode, out, err)


def halted(process: "subprocess.Popen[Any]") -> bool:
    """Whether each of its threads has stopped, or it has ended; it is not reaped for that."""
    if isinstance(process, Forked):
        return _server().halted(process.pid)
    return _halted(process.pid)


def _halted(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _of_interpreter(environment: Any) -> Tree:
    """Where its output goes through no buffer, a forked process does the same."""
    found = {name: value for name, value in environment.items() if name.startswith(_OF_THE_INTERPRETER)}
    found.pop("PYTHONUNBUFFERED", None)
    return found


class Forked(subprocess.Popen[AnyStr]):
    """A process of the server; it is reaped when this object notices that it has ended, and not before."""

    _alive: "_Alive"

    def _execute_child(self, args: Sequence[str], *others: Any) -> None:
        given = dict(zip(_PARAMETERS, others, strict=True))
        if not _is_simple(args) or any(given[each] for each in _ONLY_FRESH):
            raise ValueError("only a fresh interpreter can do this")
        pipes = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        files: list[int] = [number if pipe == -1 else pipe for number, pipe in enumerate(pipes)]
        passed: tuple[int, ...] = given["pass_fds"]
        order = {
            "command": args[1:],
            "environment": dict(os.environ if given["env"] is None else given["env"]),
            "folder": os.fspath(given["cwd"] or Path.cwd()),
            "files": [0, 1, 2, *passed],
            "session": given["start_new_session"],
            "umask": _umask(),
            "ignored": [number for number in _HEARD if signal.getsignal(number) is signal.SIG_IGN],
        }
        self.pid = _server().forked(order, [*files, *passed])
        # It is not reaped before this object asks for it, so the number is still its own.
        self._alive = _Alive(self.pid)
        self._child_created = True
        self._close_pipe_fds(*(given[each] for each in _PIPES))  # type: ignore[attr-defined]

    def _has_ended(self, timeout: float | None) -> bool:
        waits = select.poll()
        waits.register(self._alive, select.POLLIN)
        return bool(waits.poll(None if timeout is None else max(0, timeout * 1000)))

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None and self._has_ended(0):
                try:
                    self.returncode = _server().reaped(self.pid)
                except OSError:
                    # The server is gone, and what it forked with it.
                    self.returncode = -signal.SIGKILL if _deadstate is None else _deadstate
        return self.returncode

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._internal_poll()


class _Alive:
    """The system's word on a process: a file that can be read once the process has ended.

    The process object does not close it, for one that is dropped while it runs is kept by `subprocess`.
    """

    def __init__(self, process: int) -> None:
        self._file = os.pidfd_open(process)

    def fileno(self) -> int:
        return self._file

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # Bound early, as `os` may be gone when the interpreter exits.
        close(self._file)


def _is_simple(command: Sequence[str]) -> bool:
    """Whether it is `[sys.executable, "-u"?, SCRIPT | "-m" MODULE, ...]`."""
    options = [*itertools.takewhile(lambda each: each.startswith("-"), command[1:])]
    return command[0] == sys.executable and options in ([], ["-u"], ["-m"], ["-u", "-m"])


def _umask() -> int:
    """To ask the system itself means to set another one, which other threads would see."""
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))


class _Server:
    """The worker's end: one question at a time, from any thread."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._guard = threading.Lock()
        self._connection, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(far.fileno())],
                cwd=_ROOT, stdin=subprocess.DEVNULL, pass_fds=[far.fileno()],
            )  # fmt: skip

    def forked(self, order: Tree, files: Sequence[int]) -> int:
        return self._asked({"order": order}, files)

    def reaped(self, process: int) -> int:
        """The exit code of a process that has ended, negative for a signal."""
        return os.waitstatus_to_exitcode(self._asked({"reap": process}))

    def halted(self, process: int) -> bool:
        return bool(self._asked({"halted": process}))

    def close(self) -> None:
        self._connection.close()
        self.process.wait()

    def _asked(self, question: Tree, files: Sequence[int] = ()) -> int:
        with self._guard:
            socket.send_fds(self._connection, [json.dumps(question).encode()], list(files))
            answer = self._connection.recv(_MOST)
        if not answer:
            raise OSError(errno.EPIPE, "the fork server has ended")
        return int(answer)


_one_server = threading.Lock()


def _server() -> _Server:
    # Two threads that come at once would make two, of which neither knows the processes of the other.
    with _one_server:
        return _made_server()


@cache
def _made_server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def main(connection: socket.socket) -> None:
    """Forks until the worker is gone; in each forked process, what was ordered."""
    # Ctrl-C at the terminal is for pytest; a forked process hears it from its first moment.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD[:1])
    _import_all()
    # What is here stays: a collection in a forked process would look at all of it, and so copy every page.
    gc.collect()
    gc.freeze()
    ordered = _served(connection)
    if ordered:
        _become(*ordered)
        _run_to_the_end(ordered[0]["command"])


def _import_all() -> None:
    """All modules, and what AWS's S3 is like, which each process would read from a file of a megabyte."""
    for name in _PACKAGES:
        _import_below(importlib.import_module(name).__path__, f"{name}.")
    from harvester.aws.session import session

    session("us-east-1").client("s3", aws_access_key_id="none", aws_secret_access_key="none")


def _import_below(folders: Iterable[str], prefix: str) -> None:
    """Without what only reads collections: its packages are large, and no harvest has them."""
    for module in pkgutil.iter_modules(folders, prefix):
        if module.name in _WITHOUT or module.name.endswith("__main__"):
            continue
        imported = importlib.import_module(module.name)
        if module.ispkg:
            _import_below(imported.__path__, f"{module.name}.")


def _served(connection: socket.socket) -> tuple[Tree, list[int]] | None:
    """None when the worker is gone; an order and its files in a process that was forked for it."""
    forked: set[int] = set()
    with connection:
        while True:
            message, files, _, _ = socket.recv_fds(connection, _MOST, 64)
            if not message:
                break
            question = json.loads(message)
            if "reap" in question:
                _, answer = os.waitpid(question["reap"], 0)
                forked.discard(question["reap"])
            elif "halted" in question:
                answer = _halted(question["halted"])
            else:
                answer = os.fork()
                if not answer:
                    return question["order"], files
                forked.add(answer)
                for each in files:
                    os.close(each)
            with suppress(BrokenPipeError):
                connection.send(b"%d" % answer)
    for each in forked:
        os.kill(each, signal.SIGKILL)
        os.waitpid(each, 0)
    return None


def _become(order: Tree, files: list[int]) -> None:
    """What a process that was just started would be."""
    _place(files, order["files"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    os.chdir(order["folder"])
    os.umask(order["umask"])
    if order["session"]:
        os.setsid()
    for number in order["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD[:1])


def _place(files: list[int], numbers: list[int]) -> None:
    """Each file at the number that it was ordered for; none is written over before it was moved."""
    import fcntl

    free = max(*numbers, *files) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, free) for each in files]
    for each in files:
        os.close(each)
    for each, number in zip(moved, numbers, strict=True):
        os.dup2(each, number)
        os.close(each)


def _run_to_the_end(command: list[str]) -> None:
    """End as the interpreter does, but free nothing: of all that the server imported that takes 80 ms."""
    code: Any = None
    try:
        _run(command)
    except SystemExit as end:
        code = end.code
    if code is not None and type(code) is not int:
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        # The interpreter has an exit code of its own for this.
        sys.exit(code)
    os._exit((code or 0) & 0xFF)


def _run(command: list[str]) -> None:
    unbuffered = command[0] == "-u"
    _renew_streams(buffered=not unbuffered and not os.environ.get("PYTHONUNBUFFERED"))
    what, *arguments = command[unbuffered:]
    if what == "-m":
        what, *arguments = arguments
        sys.argv[:] = [what, *arguments]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [what, *arguments]
        sys.path[0] = str(Path(what).resolve().parent)
        runpy.run_path(what, run_name="__main__")


def _renew_streams(*, buffered: bool) -> None:
    """As the interpreter makes them when it starts."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old, reads = getattr(sys, name), not number
        raw = io.FileIO(number, "r" if reads else "w", closefd=False)
        raw.name = f"<{name}>"
        binary: Any = io.BufferedReader(raw) if reads else io.BufferedWriter(raw) if buffered else raw
        new = io.TextIOWrapper(
            binary,
            encoding=old.encoding,
            errors=old.errors,
            line_buffering=buffered and (number == 2 or raw.isatty()),
            write_through=not buffered,
        )
        new.mode = "r" if reads else "w"  # type: ignore[misc]
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
