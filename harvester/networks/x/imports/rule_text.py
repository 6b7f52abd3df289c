"""The bytes of a file of rules are text, or the line that is none is named."""

import codecs
from typing import BinaryIO

from harvester.errors import Exit, HarvesterError
from harvester.text import text_of

# Twice what the rules of X's largest plan take: 25,000 of 2,048 characters.
LARGEST = 100 * 1024 * 1024

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# The first bytes of files that are not text, and what to do with such a file.
_OTHERS = {
    b"\x1f\x8b": ("it is compressed by gzip", "Decompress it first."),
    b"PK\x03\x04": ("it is a workbook or an archive", "Save the table as CSV in UTF-8."),
    b"SQLite format 3\0": ("it is an SQLite database", "Use --sql sqlite:///FILE."),
}
_AS_UTF8 = "Save it as UTF-8 in your editor."


def text_in(stream: BinaryIO, name: str) -> str:
    """The text of a whole file; a file of any size is read up to the limit only."""
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise unusable(f"{name} has more than {LARGEST >> 20} MB", "Split it into several files.")
    for begin, (why, hint) in _OTHERS.items():
        if data.startswith(begin):
            raise unusable(f"{name} cannot be read: {why}", hint)
    try:
        text = text_of(data)
    except UnicodeDecodeError as error:
        line, encoding = _line_of(data, error.start), _encoding(data).upper()
        raise unusable(f"Line {line} of {name} is not text in {encoding}", _AS_UTF8) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise unusable(f"Line {line} of {name} contains a null character", _AS_UTF8)
    if not text.strip():
        raise unusable(f"{name} is empty", "Use a file with a rule in each line.")
    return text


def _encoding(data: bytes) -> str:
    return next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")


def _line_of(data: bytes, place: int) -> int:
    """The line of a byte, counted from 1."""
    return data[:place].decode(_encoding(data), "replace").count("\n") + 1


def unusable(message: str, hint: str) -> HarvesterError:
    return HarvesterError(f"{message}.", hint=f"Nothing was imported. {hint}", exit_code=Exit.USAGE)
