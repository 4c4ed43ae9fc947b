"""Which encoding a text file is in: from its first bytes, and else a guess, with a note."""

import codecs
import re

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Two bytes a character, the first of one of the 3,755 frequent Chinese ones: hardly ever two accented letters of Latin-1.
_CHINESE = re.compile(rb"(?<![\x80-\xff])(?:[\xb0-\xd7][\xa1-\xfe])+(?![\x80-\xff])")
_HIGH = re.compile(rb"[\x80-\xff]+")
GUESSES = {"latin-1": "Latin-1", "gb18030": "GB 18030 (Chinese)"}


def find_encoding(data: bytes) -> str:
    """From the byte order mark, else from the bytes: UTF-16 without a mark, UTF-8, or one of the `GUESSES`."""
    for mark, name in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return name
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) > len(data) / 5 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return _guess_encoding(data)
    return "utf-8"


def _guess_encoding(data: bytes) -> str:
    """Chinese where nine of ten runs of bytes beyond ASCII are Chinese words, else Latin-1, which any bytes are."""
    runs = _HIGH.findall(data)
    return "gb18030" if len(_CHINESE.findall(data)) > 0.9 * len(runs) else "latin-1"


def encoding_note(encoding: str) -> list[str]:
    """A sentence where the encoding is a guess."""
    if encoding not in GUESSES:
        return []
    return [f"The file is not in UTF-8 and was read as {GUESSES[encoding]}, a guess: if names are garbled, save it as UTF-8."]


def decoded(line: bytes) -> str:
    """One line as text: UTF-8, else Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
