"""`files merge`: files or folders of records become one, each post once, newest first."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from harvester.errors import Exit, HarvesterError
from harvester.exports.files.ids import write_ids
from harvester.exports.files.local import files_below, is_of_records, is_packed, no_files, posts_in
from harvester.exports.ids import sort_key
from harvester.exports.json_lines import line_of
from harvester.exports.output import folder, output
from harvester.exports.sorted_by_time import time_key
from harvester.reading.external_sort import Sorter
from harvester.reading.lines import BadRecord


@dataclass
class Merged:
    """What was merged; `only_in_one` are files that one folder alone has."""

    files: int = 0
    posts: int = 0
    duplicates: int = 0
    ids: int = 0
    only_in_one: int = 0
    # Of packed ids; what could be read of them is merged.
    bad: list[BadRecord] = field(default_factory=list)


def merge(names: Sequence[str], to: str) -> Merged:
    """Merge files into a file, or folders into a folder with the files of each."""
    found = Merged()
    if not _are_folders(names, to):
        _merge_files(names, to, found)
        return found
    places = _places(names)
    with folder(to, known_by=[glob.escape(str(place)) for place, _ in places]) as made:
        for place, same in places:
            found.only_in_one += len(same) == 1
            _merge_files(same, str(made / place), found)
    return found


def _are_folders(names: Sequence[str], to: str) -> bool:
    """Whether a folder is made; raises if that is not what the names say."""
    folders = [Path(name).is_dir() for name in names]
    if any(folders) and not all(folders):
        raise HarvesterError(
            "These are files and folders.", hint="Merge files, or folders.", exit_code=Exit.USAGE
        )
    if any(folders) and (is_of_records(to) or is_packed(to)):
        raise HarvesterError(
            f"Folders are merged into a folder, and {to} is the name of a file.",
            hint="Name a folder with -o, or give the files instead, as in `files merge folder/*.gz -o FILE`.",
            exit_code=Exit.USAGE,
        )
    return any(folders)


def count(names: Sequence[str], to: str) -> Merged:
    """What a merge would bring, without writing."""
    found = Merged()
    for _place, same in _places(names) if _are_folders(names, to) else [(Path(), list(names))]:
        found.only_in_one += len(same) == 1
        found.files += 1
        if not is_packed(same[0]):
            kept = sum(1 for _ in _newest(same, found))
            found.posts += kept
    return found


def _places(names: Sequence[str]) -> list[tuple[Path, list[str]]]:
    """For each relative path, the files with this path in the folders."""
    found: dict[Path, list[str]] = {}
    for name in names:
        for path in sorted(files_below(Path(name))):
            if is_of_records(path.name) or is_packed(path.name):
                found.setdefault(path.relative_to(name), []).append(str(path))
    if not found:
        raise no_files(", ".join(names))
    return sorted(found.items())


def _merge_files(names: Sequence[str], to: str, found: Merged) -> None:
    found.files += 1
    if all(map(is_packed, names)):
        made = write_ids(names, to, packed=True, unique=True, on_bad=found.bad.append)
        found.ids += made.number
        return
    with output(to) as file:
        for line in _newest(names, found):
            file.write(line + b"\n")
            found.posts += 1


def _newest(names: Sequence[str], found: Merged) -> Iterator[bytes]:
    """The lines of all posts, newest first. The copy of a post that was received last is kept."""
    with Sorter() as by_id, Sorter() as by_time:
        for number, name in enumerate(names):
            for post in posts_in([name]).read(trees=True):
                stamp = post.row.retrieved_at.encode().ljust(24) + number.to_bytes(4)
                line = line_of(post.tree, by_name=True)
                by_id.add(sort_key(post.row.id), stamp + time_key(-1 - post.row.key) + line)
        for _, same in groupby(by_id, lambda pair: pair[0]):
            versions = [value for _, value in same]
            found.duplicates += len(versions) - 1
            time_and_line = versions[-1][28:]
            by_time.add(time_and_line[:_OF_TIME], time_and_line[_OF_TIME:])
        yield from (line for _, line in by_time)


_OF_TIME = len(time_key(0))
