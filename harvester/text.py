"""Numbers, times, foreign text and unexpected errors, formatted for people."""

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

# Control and format characters, halves of pairs, and separators of lines: they move, hide, reverse or forge.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Within emoji, and between letters of some scripts.
_JOINERS = "\u200c\u200d"
# Of 64 bits.
_MOST_DIGITS = 20
# A further line that does not continue a list, after a comma.
_CONTINUED = re.compile(r"[^,\s][^\S\n]*\n\s*(?:(\w+)\s*[=:])?")
_COMMENT = re.compile(r"\s[;#]\s")
# Of those that Unicode has as marks, the ones that are never shown.
_UNSEEN_MARKS = {"\u034f", *map(chr, range(0xFE00, 0xFE10))}


def similar(word: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Of what is known, what may have been meant, the likeliest first."""
    # Needed only where something is wrong, and it takes as long to import as ten modules of ours.
    from difflib import get_close_matches

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)


def slips_in(text: str, *, typed: bool) -> Iterator[str]:
    """What is wrong with a value; unless it was typed, the shell has taken no quotes and comments away."""
    if "\0" in text:
        yield "contains a null byte"
    if not typed and text[:1] in ("'", '"') and text[-1:] == text[:1]:
        yield f"is in quotes: {text}; write it without them"
    if not typed and _COMMENT.search(text):
        yield f"is {text!r}; put the comment on a line of its own"
    if further := _CONTINUED.search(text):
        # Its value may be a secret, and so may a line that is only a value.
        line = f"the indented line of {further[1]}" if further[1] else "an indented line"
        yield f"continues on {line}; remove the indent"


def printable(text: str) -> str:
    """One line, with everything escaped that a terminal or a log would not show as a character."""
    if text.isprintable():
        return text
    return "".join(map(_printable, text))


def printable_lines(text: str) -> str:
    """The same of text whose ends of lines and tabs are ours."""
    if text.isprintable():
        return text
    return "".join(each if each in "\n\t" else _printable(each) for each in text)


def _printable(character: str) -> str:
    if unicodedata.category(character) not in _UNPRINTABLE or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode()


def plain(text: str) -> str:
    """The text in the width of this keyboard, without what cannot be seen."""
    seen = (each for each in text if unicodedata.category(each) != "Cf" and each not in _UNSEEN_MARKS)
    return "".join(map(_narrow, seen)).strip()


def _narrow(letter: str) -> str:
    if unicodedata.decomposition(letter).startswith(("<wide>", "<narrow>")):
        return unicodedata.normalize("NFKC", letter)
    return letter


def whole_number(text: str, *, most: int = (1 << 63) - 1) -> int | None:
    """The number that digits say; None of any other text, and of a larger number."""
    # Python reads no number of more than 4,300 digits.
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        return None
    number = int(text)
    return number if number <= most else None


def listed(value: str) -> list[str]:
    """The entries of a text that has commas between them."""
    return [entry.strip() for entry in value.split(",") if entry.strip()]


def counted(number: int, what: str) -> str:
    """1 user, 2,000 users; 1 entry, 2 entries."""
    if number == 1:
        return f"1 {what}"
    many = f"{what[:-1]}ies" if what.endswith("y") and what[-2:-1] not in "aeiou" else f"{what}s"
    many = f"{what}es" if what.endswith("ch") else many
    return f"{number:,} {many}"


def in_dollars(amount: float) -> str:
    """$2.00, $0.005: cents, and what is less than one if there is little."""
    if amount >= 1 or round(amount, 2) == round(amount, 6):
        return f"${amount:,.2f}"
    return "$" + f"{amount:.6f}".rstrip("0")


def together(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def one_line(words: str) -> str:
    """Lines as one, each gap in them a blank."""
    return " ".join(words.split())


def size(number: int) -> str:
    """15M, 855K: rounded down, one letter."""
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if number >= unit:
            return f"{number // unit}{letter}"
    return f"{number}B"


def when(timestamp: str) -> str:
    """`2026-11-26 09:40:14` of a timestamp, in UTC; what is none is left as it is."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return moment.isoformat(" ", "seconds")


def unexpected(error: BaseException) -> str:
    """Kind and place of an error that has no words of ours. Its own may hold what is secret."""
    place, trace = "", error.__traceback__
    while trace:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.partition(".")[0] == "harvester":
            place = f" in {name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return f"unexpected {type(error).__name__}{place}"


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16's, which it begins with.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(data: bytes) -> str:
    """The text without its mark; UnicodeDecodeError if the bytes are in another encoding."""
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    return data.decode(encoding)


NOT_TEXT = "it is not text in UTF-8; save it as UTF-8 in your editor"
