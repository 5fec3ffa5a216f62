"""What a file that should be text really is: an Office document, a picture, text in another encoding."""

import codecs
import re
from collections.abc import Mapping

_KINDS: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip or an Office document (.docx, .wps)",
    b"\xd0\xcf\x11\xe0": "an Office document (.doc)",
    b"{\\rtf": "an RTF document",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"RIFF": "a picture or a sound",
    b"\x1f\x8b": "a packed file",
    b"SQLite format 3": "a database",
}
"""What files begin with."""
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
SAVE_AS = "save it as UTF-8 (in an editor: Save as, encoding UTF-8)"
"""What mends another encoding."""
_HANZI = re.compile(rb"(?:[\xb0-\xd7][\xa1-\xfe])+")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")


def why_no_text(data: bytes) -> str | None:
    """Return what is wrong with the bytes of a file that should be UTF-8 text, and what mends it."""
    for opening, kind in _KINDS.items():
        if data.startswith(opening):
            return f"is {kind}, no text: copy the words into a plain text file"
    for mark, encoding in _WIDE.items():
        if data.startswith(mark):
            return f"is {encoding} text, must be UTF-8: {SAVE_AS}"
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        kind = "; it looks like GBK" if _is_gbk(data) else ""
        return f"must be UTF-8 text, byte {error.start + 1} in line {line} is not{kind}: {SAVE_AS}"
    if b"\0" in data:
        return f"holds a NUL byte, which is no text: {SAVE_AS}"
    return f"is GBK text that only happens to be UTF-8: {SAVE_AS}" if looks_like_gbk(data) else None


def looks_like_gbk(data: bytes) -> bool:
    """Return whether text that is UTF-8 by chance is Chinese in GBK: every word of it is common hanzi.

    >>> looks_like_gbk("一只小猫".encode("gbk")), looks_like_gbk("кот, γάτα, café".encode())
    (True, False)
    """
    runs = _BEYOND_ASCII.findall(data)
    return (
        bool(runs) and all(map(_HANZI.fullmatch, runs)) and sum(map(len, runs)) >= 4 * len(runs)
    )  # two hanzi a run; accents of Latin text stand alone


def _is_gbk(data: bytes) -> bool:
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True
