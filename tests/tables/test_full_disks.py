"""A full disk ends what makes tables and exports with one line; with room again, they come out whole."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.system]

_ROOT = Path(__file__).resolve().parents[2]
# Commands are typed again and again on a disk with more room each time, until they fit.
_PROGRAM = """
import json, os, sys
from pathlib import Path
os.chdir(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.record_store import store_harvest
from tests.support.table_rows import in_records, in_tables

os.environ.update(TMPDIR=sys.argv[1], TWARC_CLOUD_PROGRESS="none", XDG_CACHE_HOME=sys.argv[1] + "/cache")
keys, store, person = CollectionKeys("election"), FolderStore(Path("collections")), Person(Path())
for hour in range(3):
    store_harvest(store, keys, record_forms.made_up_lines(), at=f"2026-10-01T0{hour}:00:00Z")

def until_it_fits(*command):
    told, room = [], 0
    while True:
        with open("filler", "wb") as filler:
            free = os.statvfs(".").f_bavail * 4096
            os.posix_fallocate(filler.fileno(), 0, max(1, free - room))
        answer = person(*command)
        os.remove("filler")
        told.append([answer.code, answer.err])
        assert not [*Path().rglob("*.part"), *Path().rglob("twarc-cloud-*")], command
        if answer.code == 0:
            return told
        room = max(8_192, 2 * room)

found = {command: until_it_fits(*command.split()) for command in (
    "tables build", "tables compact election --month 2026-10", "export csv election -o posts.csv",
    "export tables election -o posts", "export sorted election -o posts.jsonl",
)}
assert in_tables(store, keys) == in_records(store, keys) != []
print(json.dumps(found))
"""


def test_commands_on_a_full_disk_say_so_in_one_line_and_finish_later(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        pytest.skip("no unshare to mount a small disk with")
    mounted = f'mount -t tmpfs -o size=4m none {tmp_path} || exit 77; exec "$@"'
    program = [sys.executable, "-c", _PROGRAM, str(tmp_path), str(_ROOT)]
    ended = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", *program],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 77 or ended.stderr.startswith("unshare"):
        pytest.skip(f"no small disk may be mounted here: {ended.stderr}")
    assert ended.returncode == 0, ended.stderr
    for command, answers in json.loads(ended.stdout).items():
        *failed, _ = answers
        assert failed, command
        for code, said in failed:
            assert code == 1, (command, said)
            assert len(said.splitlines()) == 1, (command, said)
            assert "The disk is full: free some space" in said, (command, said)
            assert ("--to FOLDER" in said) == (command == "tables build"), (command, said)
