"""A forked process is what a fresh one would have been, as far as it can see, and ends with pytest."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.collection import history
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support import fork_server
from tests.support.container_process import Desk, ended
from tests.support.fork_server import Forked, _of_interpreter
from tests.support.harvest_processes import until
from tests.support.servers import S3Server

Start = Callable[..., "subprocess.Popen[Any]"]
Program = Callable[[str], list[str]]
_ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not fork_server.AVAILABLE, reason="here every process is a fresh interpreter"),
]

_REPORT = """
import json, os, signal, sys, threading, time
print(json.dumps({
    "arguments": sys.argv, "name": __name__, "file": __file__, "path": sys.path, "folder": os.getcwd(),
    "environment": dict(os.environ), "zone": time.tzname, "umask": os.umask(0),
    "descriptors": [n for n in sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd/" + n)],
    "session": os.getsid(0) == os.getpid(), "group": os.getpgid(0) == os.getpid(),
    "heard": {int(n): str(signal.getsignal(n)) for n in signal.valid_signals()},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.name, s.fileno(), s.mode]
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "typed": sys.stdin.read(), "threads": threading.active_count(),
    "excepthook": sys.excepthook is sys.__excepthook__,
}))
"""


@pytest.fixture(params=[subprocess.Popen, Forked], ids=["fresh", "forked"])
def start(request: pytest.FixtureRequest) -> Start:
    made: Start = request.param
    return made


@pytest.fixture
def program(tmp_path: Path) -> Program:
    def written(text: str) -> list[str]:
        path = tmp_path / "program.py"
        path.write_text(text)
        return [sys.executable, str(path)]

    return written


def _reported(start: Start, command: list[str], **options: Any) -> dict[str, Any]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, text=True, **pipes, **options) as process:
        out, err = process.communicate("typed\n")
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cwd": "/", "env": {**_of_interpreter(os.environ), "PATH": "/bin", "TZ": "Asia/Kathmandu"}},
        {"start_new_session": True},
    ],
    ids=["as the test is", "elsewhere", "in a session of its own"],
)
@pytest.mark.parametrize("flags", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_it_begins_as_a_fresh_one(program: Program, options: dict[str, Any], flags: list[str]) -> None:
    interpreter, *rest = program(_REPORT)
    command = [interpreter, *flags, *rest, "one", "två", "--three"]
    options = {"env": dict(os.environ), **options}
    fresh, forked = (_reported(each, command, **options) for each in (subprocess.Popen, Forked))
    assert forked == fresh


_ENDINGS = {
    "it is through": "print('done')",
    "a code": "import sys; print('done'); sys.exit(3)",
    "words": "import sys; print('done'); sys.exit('no')",
    "an error": "print('done'); raise ValueError('no')",
    "Ctrl-C": "import os, signal; print('done', flush=True); os.kill(os.getpid(), signal.SIGINT); input()",
    "a kill": "import os; print('done', flush=True); os.kill(os.getpid(), 9)",
    "at once": "import os; os._exit(7)",
    "what runs at exit": "import atexit; atexit.register(print, 'done'); raise SystemExit(1)",
    "a thread": "import threading; threading.Timer(0.1, print, ['done']).start()",
    "output that is not read": "import os, sys; os.close(1); print('done')",
}


@pytest.mark.parametrize("ending", _ENDINGS)
def test_it_ends_as_a_fresh_one(program: Program, ending: str) -> None:
    said = []
    for start in (subprocess.Popen, Forked):
        with start(
            program(_ENDINGS[ending]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            out, err = process.communicate()
        # Between the first line and the program's own stand those that lead to it.
        said.append((process.returncode, out, err.splitlines()[:1], err.splitlines()[-1:]))
    assert said[0] == said[1]


_WAITS = "import sys; print('ready', flush=True); print(sys.stdin.readline(), end='')"


@pytest.fixture
def waiting(start: Start, program: Program) -> Iterator["subprocess.Popen[str]"]:
    with start(program(_WAITS), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_it_is_killed_by_real_signals(waiting: "subprocess.Popen[str]") -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.05)
    assert waiting.poll() is None
    waiting.terminate()
    assert waiting.wait(60) == -signal.SIGTERM == waiting.poll()
    # It is known to be over, so that no process with its number is hit.
    waiting.kill()


def test_who_has_ended_keeps_the_number_until_it_is_waited_for(waiting: "subprocess.Popen[str]") -> None:
    os.kill(waiting.pid, signal.SIGKILL)
    state = Path(f"/proc/{waiting.pid}/stat")
    until(lambda: state.read_text().rpartition(") ")[2].startswith("Z"), "it did not end")
    assert waiting.wait() == -signal.SIGKILL
    assert not state.exists()


def test_one_that_is_dropped_while_it_runs_is_reaped_later(start: Start, program: Program) -> None:
    process = start(program(_WAITS), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stdout.readline() == b"ready\n"
    pid, stdin, state = process.pid, process.stdin, Path(f"/proc/{process.pid}/stat")
    with pytest.warns(ResourceWarning, match=f"subprocess {pid} is still running"):
        del process
    # These may be given the numbers of what was closed.
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    assert fork_server.run(program("print('it')")).stdout == b"it\n"
    assert state.exists()
    stdin.close()
    until(lambda: state.read_text().rpartition(") ")[2].startswith("Z"), "it did not end")
    subprocess._cleanup()  # type: ignore[attr-defined]
    assert not state.exists()
    for each in files:
        os.close(each)


def test_it_is_seen_to_sleep(waiting: "subprocess.Popen[str]") -> None:
    assert not fork_server.halted(waiting)
    waiting.send_signal(signal.SIGSTOP)
    until(lambda: fork_server.halted(waiting), "it did not stop")
    waiting.send_signal(signal.SIGCONT)
    until(lambda: not fork_server.halted(waiting), "it did not go on")
    os.kill(waiting.pid, signal.SIGKILL)
    until(lambda: fork_server.halted(waiting), "it did not end")
    assert waiting.wait() == -signal.SIGKILL


def test_it_may_be_talked_with(waiting: "subprocess.Popen[str]") -> None:
    said: Any = waiting.communicate("hello\n", timeout=60)
    assert said == ("hello\n", None)
    assert waiting.returncode == 0


def test_descriptors_are_handed_on_by_their_numbers(start: Start, program: Program) -> None:
    ours, theirs = os.pipe()
    try:
        with start(
            [*program("import os, sys; os.write(int(sys.argv[1]), b'hello')"), str(theirs)], pass_fds=[theirs]
        ):
            assert os.read(ours, 100) == b"hello"
    finally:
        os.close(ours)
        os.close(theirs)


def test_an_ignored_ctrl_c_stays_ignored(start: Start, program: Program) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with start(
            program("import signal; raise SystemExit(signal.getsignal(2) is signal.SIG_IGN)")
        ) as process:
            assert process.wait() == 1
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_module_is_run_as_well(start: Start, tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text("import sys; print(__name__, sys.argv[1:])")
    with start([sys.executable, "-m", "said", "it"], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.communicate() == (b"__main__ ['it']\n", None)


def test_no_two_have_the_same_luck(program: Program) -> None:
    drawn = "import random, uuid, tempfile; print(random.random(), uuid.uuid4())"
    assert len({fork_server.run(program(drawn)).stdout for _ in range(5)}) == 5


def test_nothing_of_one_is_seen_by_the_next(program: Program) -> None:
    changes = (
        "import os, harvester; print(hasattr(harvester, 'planted'), os.environ.get('X'))\n"
        "harvester.planted = os.environ['X'] = '1'\n"
    )
    assert [fork_server.run(program(changes)).stdout for _ in range(2)] == [b"False None\n"] * 2


def test_many_threads_may_start_some(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the first of them the server."""
    monkeypatch.setattr(fork_server, "_made_server", cache(fork_server._made_server.__wrapped__))
    command = program("import sys; print(sys.argv[1])")
    said: list[str] = []

    def starts(number: int) -> None:
        said.append(fork_server.run([*command, str(number)], text=True).stdout)

    threads = [threading.Thread(target=starts, args=(number,)) for number in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said) == sorted(f"{number}\n" for number in range(20))


def test_what_only_a_new_interpreter_reads_is_read_by_one(program: Program) -> None:
    command = program("import sys; print(sys.flags.utf8_mode, sys.flags.dev_mode)")
    environment = {**os.environ, "PYTHONUTF8": "1"}
    assert fork_server.run(command, env=environment, text=True).stdout == "1 False\n"
    assert fork_server.run([sys.executable, "-X", "dev", command[1]], text=True).stdout.endswith(" True\n")
    assert fork_server.run([sys.executable, "-c", "print('it')"], text=True).stdout == "it\n"


_IMPORTED = """
import atexit, runpy, sys
before = set(sys.modules)
atexit.register(lambda: print(sorted(set(sys.modules) - before), file=sys.__stdout__))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    ("words", "code"), [(["aws", "harvester", "bucket", "it"], 1), (["local", "harvester", "it"], 0)]
)
def test_a_harvester_has_all_that_it_imports(
    program: Program, tmp_path: Path, words: list[str], code: int
) -> None:
    """Which is what makes its start short."""
    description = {"id": "it", "type": "search", "search": {"query": "flood"}}
    history.add(FolderStore(tmp_path / "collections"), CollectionKeys("it"), description)
    with emulator.running(users=1) as emulated:
        desk = Desk(tmp_path, emulated.url, {"TWARC_CLOUD_STORE_PATIENCE": "0.1"})
        nowhere = S3Server("http://127.0.0.1:9", "none", "none").environment
        said = ended(
            desk.process([*program(_IMPORTED), str(_ROOT / "tweet_harvester.py"), *words], **nowhere)
        )
    assert (said.code, said.out.splitlines()[-1]) == (code, "[]"), said


_PARENT = """
import subprocess, sys
from tests.support.fork_server import Forked, _server
process = Forked([sys.executable, sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
process.stdout.readline()
print(_server().process.pid, process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["killed", "over"])
def test_all_end_with_the_one_that_started_them(program: Program, end: str) -> None:
    command = [sys.executable, "-c", _PARENT, program(_WAITS)[1]]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin and parent.stdout
        started = [os.pidfd_open(int(each)) for each in parent.stdout.readline().split()]
        assert len(started) == 2
        if end == "killed":
            parent.kill()
    for each in started:
        assert select.select([each], [], [], 60)[0], "it outlived its parent"
        os.close(each)
