"""Text in words as rules compare them: compatible forms and cases alike, and without blanks sign by sign."""

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from operator import add
from typing import NamedTuple

# Scripts without blanks between words, as ranges of signs: Thai, Lao, Myanmar, Hangul, Khmer, kana, Han.
_UNSPACED = (
    "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e45\u0e81-\u0eb0\u0ebd-\u0ec6\u1000-\u102a\u1100-\u11ff\u1780-\u17b3"
    "\u3005-\u3007\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U000323af"
)
# Where marks and punctuation beyond ASCII are; the planes above hold next to none.
_LOOKED_THROUGH = (range(0xA0, 0x4E00), range(0xA600, 0xAC00), range(0xFB00, 0x10000))
# What joins or directs signs and is none itself.
_UNSEEN = re.compile("[\u00ad\u061c\u200c-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")


def folded(text: str) -> str:
    """The text in the form in which texts that mean the same are equal."""
    if text.isascii():
        return text.lower()
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold())


def words_of(text: str) -> list[str]:
    """The words of folded text in order: runs of letters, digits and _, and else sign by sign.

    A script without blanks and emoji have a word for each sign, so that to look for a phrase is to look for
    their text. Punctuation belongs to no word.
    """
    return _ascii_words(text) if text.isascii() else _patterns().word.findall(text)


def pairs_of(text: str) -> Iterator[str]:
    """Each two signs of scripts without blanks that stand side by side in folded text."""
    if text.isascii():
        return iter(())
    return chain.from_iterable(map(add, run, run[1:]) for run in _patterns().run.findall(text))


def spaced_words_of(text: str) -> list[str]:
    """The words of folded text but for those of one sign of a script without blanks, which `text` holds."""
    return _ascii_words(text) if text.isascii() else _patterns().spaced.findall(text)


def tags_of(text: str, signs: str = "#$@") -> Iterator[str]:
    """The words of folded text behind one of the signs, with the sign, where no word ends before it."""
    if not any(sign in text for sign in signs):
        return iter(())
    found = (_ASCII_TAG if text.isascii() else _patterns().tag).findall(text)
    return (tag for tag in found if tag[0] in signs)


def joined(words: Iterable[str]) -> str:
    """Words in a row with a blank on both sides of each, so that `in` finds whole words only."""
    return f" {' '.join(words)} "


_OF_WORDS = (string.ascii_letters + string.digits + "_").encode()
_OTHERS_BLANK = bytes(byte if byte in _OF_WORDS else ord(" ") for byte in range(256))


def _ascii_words(text: str) -> list[str]:
    r"""What `\w+` finds, in a third of the time."""
    return text.encode().translate(_OTHERS_BLANK).decode().split()


_ASCII_TAG = re.compile(r"[#$@](?<![\w&/#$@].)\w+", re.ASCII)


class _Patterns(NamedTuple):
    word: re.Pattern[str]
    spaced: re.Pattern[str]
    run: re.Pattern[str]
    tag: re.Pattern[str]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """For text beyond ASCII. Made when it is met first, as to look through all signs takes a while."""
    marks = _ranges(lambda sign: unicodedata.category(sign)[0] == "M")
    letters = f"a-zA-Z0-9_{marks}{_ranges(_is_letter)}\U00010000-\U0001afff\U0001b170-\U0001d7ff"
    # Sc, Sk, Sm and So: currencies, modifiers, arrows and pictures.
    symbols = _ranges(lambda sign: unicodedata.category(sign)[0] == "S") + "\U0001d800-\U0001ffff"
    return _Patterns(
        re.compile(f"[{letters}]+|[{_UNSPACED}][{marks}]*|[{symbols}]"),
        re.compile(f"[{letters}]+|[{_UNSPACED}][{marks}]+|[{symbols}]"),
        re.compile(f"[{_UNSPACED}]{{2,}}"),
        re.compile(f"[#$@](?<![\\w&/#$@].)[{letters}{_UNSPACED}]+", re.DOTALL),
    )


def _is_letter(sign: str) -> bool:
    return sign.isalnum() and not re.match(f"[{_UNSPACED}]", sign)


def _ranges(has: Callable[[str], bool]) -> str:
    """The signs for which that holds, as the inside of a regular expression's brackets."""
    found: list[list[int]] = []
    for code in chain(*_LOOKED_THROUGH):
        if not has(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in found)
