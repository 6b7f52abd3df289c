"""Text is cut into words for the index and for a query alike, so that both agree on what a word is.

Case and accents do not count. Scripts that are written without blanks are cut into pairs of characters, which
overlap; an emoji is a word.
"""

import re
import unicodedata

# No word of a language is longer; tantivy drops one of 65,530 bytes, which a query could not find then.
_LONGEST = 200

# Scripts without blanks between words: Thai, Lao, Burmese, Khmer, kana, Han, Hangul.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_HAS_LONG = re.compile(r"\S{201}")

# Letters that Unicode does not decompose into a plain one and a mark.
_PLAIN = {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i"}
# Voice marks of kana, which make another letter.
_VOICED = "\u3099\u309a"
# Marks that only point vowels: of Latin, Hebrew, Arabic; and what joins emoji.
_DROPPED = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200c\u200d\u20d0-\u20ff\ufe00-\ufe0f]"
)


class _Table(dict[int, str]):
    """The replacement of each character, computed on its first occurrence."""

    def __missing__(self, point: int) -> str:
        self[point] = found = _folded(chr(point))
        return found


def _folded(character: str) -> str:
    if _DROPPED.fullmatch(character):
        return ""
    kept = []
    for each in unicodedata.normalize("NFKD", character.casefold()):
        if each in _VOICED or not _DROPPED.fullmatch(each):
            kept.append(_PLAIN.get(each, each))
    whole = unicodedata.normalize("NFC", "".join(kept))
    return "".join(map(_part, whole))


def _part(character: str) -> str:
    category = unicodedata.category(character)
    if character.isalnum() or category[0] == "M":
        return character
    # Emoji and other pictures; the arrows and box drawings before them are ornament.
    return f" {character} " if category in ("So", "Sk") and character >= "\u2600" else " "


_TABLE = _Table()
# Up to this number of characters, replacing them one by one is faster than looking up all.
_FEW = 12
_ASCII = bytes(ord(_folded(chr(byte))) if byte < 128 else byte for byte in range(256))


def folded(text: str) -> str:
    """The words of a text, separated by blanks, as in the index."""
    if not text.isascii():
        text = _without_case(unicodedata.normalize("NFC", text))
        if not text.isascii():
            text = _RUN.sub(_pairs, text)
    # Of UTF-8, bytes below 128 are ASCII and nothing else; this is ten times as fast as by character.
    words = text.encode().translate(_ASCII).decode()
    if len(words) > _LONGEST and _HAS_LONG.search(words):
        words = " ".join(word[:_LONGEST] for word in words.split())
    return words


def _without_case(text: str) -> str:
    foreign = [each for each in set(text) if each > "\x7f"]
    if len(foreign) > _FEW:
        return text.translate(_TABLE)
    for each in foreign:
        text = text.replace(each, _TABLE[ord(each)])
    return text


def _pairs(run: re.Match[str]) -> str:
    """Each two neighbours, and the last one, so that a single character is found as the begin of a pair."""
    text = run[0]
    return f" {' '.join(text[at : at + 2] for at in range(len(text)))} "


def words_of(text: str) -> list[str]:
    """The words of a stored text, in order."""
    return folded(text).split()


def sought(text: str) -> list[tuple[str, bool]]:
    """The words of a sought text, in order, and whether each is only the begin of one."""
    words = [(word, False) for word in words_of(text)]
    if not words or not _RUN.fullmatch(words[-1][0]):
        return words
    # The last character of a run is followed by others in the texts that are looked for.
    single = len(words) == 1 or not _RUN.fullmatch(words[-2][0])
    return [*words[:-1], (words[-1][0], True)] if single else words[:-1]


def tag_of(text: str) -> str:
    """A hashtag in the form for comparison: without '#', in small letters."""
    return unicodedata.normalize("NFC", text).lstrip("#＃").casefold()


def name_of(text: str) -> str:
    """The name of an account in the form for comparison."""
    return text.lstrip("@＠").casefold()
