"""Files given on the command line: of records, or of ids as text or packed into 64 bits each."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from harvester.errors import Exit, HarvesterError
from harvester.exports.posts import Local, Posts
from harvester.networks.registry import usual
from harvester.reading.lines import BadRecord, OnBad, hand_on, local_bytes, local_raw_lines
from harvester.store.keys import (
    COLLECTION,
    HARVEST,
    HARVEST_2019,
    HARVESTS,
    REPAIRS,
    holds_accounts,
    is_segment,
)
from harvester.text import whole_number

_RECORDS = (".jsonl", ".json", ".twt", ".ndjson")
# In the folder of a collection, those that have records; in that of a harvest, its summary.
_OF_COLLECTION = {HARVESTS.rstrip("/"), REPAIRS.rstrip("/")}
_SUMMARIES = {HARVEST, HARVEST_2019}
_PACKED = ".fws"
_ID = 8
GREATEST_PACKED = (1 << 64) - 1
SKIPPED = "`files ids` writes the ids before that place, with exit code 1; with --skip-bad it is 0."


def posts_in(names: Iterable[str], *, strict: bool = True) -> Posts:
    """The posts in files, and in all files of records below folders."""
    return Posts([Local(name) for each in names for name in record_files(each)], usual(), strict=strict)


def record_files(name: str) -> list[str]:
    """The file, or the files of records below the folder; raises if there are none."""
    path = Path(name)
    if not path.is_dir():
        return [name]
    found = sorted(str(each) for each in files_below(path) if is_of_records(each.name))
    if not found:
        raise no_files(name)
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder; of collections of this project only their records of posts.

    What else lies there is JSON, too, such as changesets. Its names may be anybody's, so it is known by its
    folder. Hidden folders are this project's, or a file system's.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        if COLLECTION in names and not _OF_COLLECTION.isdisjoint(folders):
            folders[:], names = _OF_COLLECTION.intersection(folders), []
        elif not _SUMMARIES.isdisjoint(names):
            folders[:], names = [], [each for each in names if is_segment(each) and not holds_accounts(each)]
        yield from (path for name in names if (path := Path(place, name)).is_file())


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


def ids_in(
    name: str, *, of_users: bool = False, packed: bool = False, on_bad: OnBad | None = None
) -> Iterator[str]:
    """The ids in a file: packed, one a line, or of the posts or the users in records.

    A line that is no id, and what a cut file has behind its last id, raises an error or is passed to
    `on_bad`. Old files of Twittomatic with the name of packed ids have one a line; they are known by that.
    """
    if packed or (is_packed(name) and not _is_text(name)):
        yield from _packed_ids(name, on_bad)
        return
    lines = local_raw_lines(name, on_bad=on_bad)
    first = next((line for line in lines if line.raw.strip()), None)
    if first is None:
        return
    if first.raw.lstrip().startswith(b"{"):
        for post in posts_in([name]).read():
            yield post.row.author_id if of_users else post.row.id
        return
    for line in chain((first,), lines):
        text = line.raw.strip()
        if text.isdigit():
            yield text.decode()
        elif text:
            hand_on(BadRecord(name, line.number, f"is neither an id nor a record: {text[:40]!r}"), on_bad)


def _is_text(name: str) -> bool:
    """Whether a file begins with a line of digits: of packed ids, none below 3.4e18 begins with a digit."""
    try:
        begin = next(local_bytes(name), b"")[:_ID]
    except BadRecord:
        return False
    return begin[:1].isdigit() and not begin.strip(b"0123456789\r\n")


def _packed_ids(name: str, on_bad: OnBad | None) -> Iterator[str]:
    """Big-endian numbers of 64 bits."""
    rest, count = b"", 0
    try:
        for block in local_bytes(name):
            data = rest + block
            whole = len(data) - len(data) % _ID
            for start in range(0, whole, _ID):
                yield str(int.from_bytes(data[start : start + _ID]))
            count += whole // _ID
            rest = data[whole:]
    except BadRecord as error:
        hand_on(BadRecord(name, count + 1, error.why, is_file=True, hint=SKIPPED), on_bad)
        return
    if rest:
        why = f"has {len(rest)} {'byte' if len(rest) == 1 else 'bytes'} more than whole ids of {_ID} bytes"
        hand_on(BadRecord(name, count + 1, why, hint=SKIPPED), on_bad)


def packed_id(text: str) -> bytes:
    """An id as 64 bits."""
    number = whole_number(text, most=GREATEST_PACKED)
    if number is None:
        raise HarvesterError(
            f"The id {text[:40]} is not a 64-bit number.", hint="Write ids as text.", exit_code=Exit.USAGE
        )
    return number.to_bytes(_ID)
