"""Text files as people's editors save them: UTF-8, with or without a byte-order mark, or UTF-16 with one."""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16's, which it begins with.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(data: bytes) -> str:
    """The text without its mark; UnicodeDecodeError where the bytes are in another encoding."""
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    return data.decode(encoding)


NOT_TEXT = "it is not text in UTF-8; save it as UTF-8 in your editor"
