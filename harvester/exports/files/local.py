"""Files given on the command line: of records, or of ids as text or packed into 64 bits each."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harvester.errors import Exit, HarvesterError
from harvester.exports.posts import Local, Posts
from harvester.networks.registry import usual
from harvester.reading.lines import BadRecord, local_bytes, local_raw_lines

_RECORDS = (".jsonl", ".json", ".twt", ".ndjson")
_PACKED = ".fws"
_ID = 8
GREATEST_PACKED = (1 << 64) - 1


def posts_in(names: Iterable[str], *, strict: bool = True) -> Posts:
    """The posts in files, and in all files of records below folders."""
    return Posts([Local(name) for each in names for name in record_files(each)], usual(), strict=strict)


def record_files(name: str) -> list[str]:
    """The file, or the files of records below the folder; raises if there are none."""
    path = Path(name)
    if not path.is_dir():
        return [name]
    found = sorted(str(each) for each in path.rglob("*") if each.is_file() and is_of_records(each.name))
    if not found:
        raise no_files(name)
    return found


def no_files(name: str) -> HarvesterError:
    """What is said of a folder without files of records."""
    return HarvesterError(
        f"{name} has no files of records.",
        hint=f"Their names end in {', '.join(_RECORDS)}, or .gz after that.",
        exit_code=Exit.USAGE,
    )


def is_of_records(name: str) -> bool:
    """Whether a file has the name of records."""
    return name.removesuffix(".gz").endswith(_RECORDS)


def is_packed(name: str) -> bool:
    """Whether a file has the name of packed ids."""
    return name.removesuffix(".gz").endswith(_PACKED)


def ids_in(name: str, *, of_users: bool = False, packed: bool = False) -> Iterator[str]:
    """The ids in a file: packed, one a line, or of the posts or the users in records."""
    if packed or is_packed(name):
        yield from _packed_ids(name)
        return
    lines = local_raw_lines(name)
    first = next((line for line in lines if line.raw.strip()), None)
    if first is None:
        return
    if first.raw.lstrip().startswith(b"{"):
        for post in posts_in([name]).read():
            yield post.row.author_id if of_users else post.row.id
        return
    yield _id_in(name, first.number, first.raw)
    yield from (_id_in(name, line.number, line.raw) for line in lines if line.raw.strip())


def _id_in(name: str, number: int, raw: bytes) -> str:
    text = raw.strip()
    if not text.isdigit():
        raise BadRecord(name, number, f"is no id and no record: {text[:40]!r}")
    return text.decode()


def _packed_ids(name: str) -> Iterator[str]:
    """Big-endian numbers of 64 bits."""
    rest, count = b"", 0
    for block in local_bytes(name):
        data = rest + block
        whole = len(data) - len(data) % _ID
        for start in range(0, whole, _ID):
            yield str(int.from_bytes(data[start : start + _ID]))
        count += whole // _ID
        rest = data[whole:]
    if rest:
        raise BadRecord(name, count + 1, f"has {len(rest)} bytes more than whole ids of {_ID} bytes")


def packed_id(text: str) -> bytes:
    """An id as 64 bits."""
    if not text.isdecimal() or int(text) > GREATEST_PACKED:
        raise HarvesterError(
            f"The id {text[:40]} is no number of 64 bits.", hint="Write ids as text.", exit_code=Exit.USAGE
        )
    return int(text).to_bytes(_ID)
