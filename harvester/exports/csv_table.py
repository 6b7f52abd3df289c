"""`export csv`: a table of posts, a row each."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from harvester.errors import Exit, HarvesterError
from harvester.exports.output import output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written

# A spreadsheet reads texts that begin with these as formulas.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ID = re.compile(r"(?:^|[._])id$")
_MARK = "\ufeff".encode()


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write the table."""
    usual = posts.network.flat.columns
    columns = [name.strip() for name in str(options.get("columns") or "").split(",") if name.strip()]
    columns = columns or list(usual)
    cells = posts.network.flat.cells(columns)
    excel = bool(options.get("excel"))
    unknown = {name: number for number, name in enumerate(columns) if name not in usual}
    with output(to) as file:
        if excel:
            file.write(_MARK)
        table = writer(file.write, delimiter="\t" if options.get("tsv") else ",")
        table.writerow(columns)
        rows: Iterable[list[str]] = map(cells, posts.trees())
        if excel:
            rows = map(_for_excel(columns), rows)
        number = 0
        for row in rows:
            table.writerow(row)
            number += 1
            if unknown:
                unknown = {name: place for name, place in unknown.items() if not row[place]}
        if unknown and number:
            raise _no_such(list(unknown), usual)
    return written(number, file)


def _no_such(unknown: Sequence[str], usual: Sequence[str]) -> HarvesterError:
    near = sorted({each for name in unknown for each in get_close_matches(name, usual, 3)})
    like = f"Did you mean {' or '.join(near)}? " if near else ""
    return HarvesterError(
        f"No post has {', '.join(unknown)}; nothing was written.",
        hint=f"{like}An export without --columns has the usual ones in its first line, `export jsonl` all.",
        exit_code=Exit.USAGE,
    )


def writer(write: Callable[[bytes], object], *, delimiter: str = ",") -> Any:
    """Writes rows as UTF-8, each ended by a line feed; half of a surrogate pair is replaced."""
    return csv.writer(_Encoded(write), delimiter=delimiter, lineterminator=_END)


def cell_of(value: object) -> str:
    """A value in one line, as those of posts are written; None is empty."""
    return "" if value is None else str(value).replace("\r", "").replace("\n", r"\n")


# Only the characters of this are put in quotes, and a carriage return ends a row for many readers.
_END = "\r\n"


class _Encoded:
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, row: str) -> None:
        self._write(row[: -len(_END)].encode("utf-8", "replace") + b"\n")


def _for_excel(columns: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """Ids keep all their digits, and no text becomes a formula."""
    are_ids = [bool(_ID.search(name)) for name in columns]

    def shown(row: list[str]) -> list[str]:
        return [
            (f'="{cell}"' if cell.isdecimal() else _text(cell)) if is_id else _text(cell)
            for cell, is_id in zip(row, are_ids, strict=True)
        ]

    return shown


def _text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
