"""Lists of followers in the layout of Twittomatic: `22/22013880.fws.gz`, 64 bits an id."""

from collections.abc import Iterable

from harvester.errors import Exit, HarvesterError
from harvester.exports.edges.lists import Lists
from harvester.exports.files.local import packed_id
from harvester.exports.output import folder, output
from harvester.exports.per_user import place
from harvester.exports.written import Written
from harvester.networks.crawl import FOLLOWERS
from harvester.reading.external_sort import Sorter

INCOMPLETE = "incomplete.txt"


def write_per_user(lists: Lists, to: str, *, marked: bool) -> Written:
    """A file for each user's followers, sorted, each once; with `marked`, a file names incomplete lists."""
    if FOLLOWERS not in lists.wanted.directions:
        raise HarvesterError(
            "The layout per-user has files of followers only.",
            hint="Use another --format for the accounts that users follow.",
            exit_code=Exit.USAGE,
        )
    number = files = size = others = 0
    cut: list[str] = []
    with folder(to, known_by=["*/*.fws.gz"]) as made:
        for listed, pages in lists:
            if listed.direction != FOLLOWERS:
                others += 1
                continue
            if not listed.is_complete:
                cut.append(f"{listed.user}\t{listed.outcome}\n")
            with output(str(made / place(listed.user, ".fws.gz"))) as file:
                for each in _sorted(pages):
                    file.write(packed_id(each))
                    number += 1
            files += 1
            size += (file.within or file).bytes
        if marked:
            with output(str(made / INCOMPLETE)) as file:
                file.write("".join(cut).encode())
    notes = (f"Left out: {others:,} lists of accounts that users follow.",) if others else ()
    return Written(number, size, what="edge", files=files, notes=notes, figures={"files": files})


def _sorted(pages: Iterable[list[bytes]]) -> Iterable[str]:
    """In memory for most lists, 64 MB at most."""
    with Sorter(unique=True) as sorter:
        for ids in pages:
            for each in ids:
                sorter.add(len(each).to_bytes(2) + each)
        yield from (key[2:].decode() for key, _ in sorter)
