"""Text of unknown origin: UTF-8, UTF-16 with its mark, else the GB18030 (GBK) of Chinese Windows.

An encoding belongs to a whole file. A short GBK text can be valid UTF-8 by chance: 一只小猫 is then `һֻСè`.
Such texts have two bytes a letter both ways, and are told by their letters: Chinese ones of two or three
scripts at once, or lone accents, are no words of any language.
"""

import codecs
import re
import unicodedata
from collections import Counter
from typing import NamedTuple

from kit.files.file_kinds import HEAD_BYTES, kind_of, refusal_of
from kit.messages import Message, tr

GBK = "GB18030 (GBK)"
UTF16 = "UTF-16"
_COMMON = 0.8
"""Share of letters that Chinese text has in GB2312; other encodings read as GB18030 have fewer."""
_TWO_BYTES = 0x800
"""From here on UTF-8 needs three bytes, which no text is by chance."""
_WORDS = re.compile(r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
"""Letters and digits, and whatever is no ASCII."""
_SHORTEST = 3
"""Letters that a word needs to be believed where its script is not Latin."""


class DecodedText(NamedTuple):
    """A text, and what it was read as where that is not UTF-8."""

    text: str
    encoding: str = ""


def decode_text(data: bytes, beside_gbk: bool = False) -> DecodedText:
    """Return a text without its byte order mark; ValueError says what is wrong with it.

    Args:
        data: the whole file.
        beside_gbk: whether other files of the same folder are GBK for sure.
    """
    if kind := kind_of(data[:HEAD_BYTES]):
        raise ValueError(refusal_of(kind, "text"))
    found = _decoded(data, beside_gbk)
    if "\0" in found.text:
        raise ValueError(tr("holds a NUL byte, which is no text: {remedy}", remedy=_save_as()))
    return found


def why_no_utf8(data: bytes) -> str | None:
    """Return what is wrong with the bytes of a file that should be UTF-8 text, and what mends it."""
    try:
        encoding = decode_text(data).encoding
    except ValueError as error:
        return str(error)
    if not encoding:
        return None
    return tr("is {encoding} text, must be UTF-8: {remedy}", encoding=encoding, remedy=_save_as())


def is_gbk_for_sure(data: bytes) -> bool:
    """Return whether a file is no UTF-8 and reads as Chinese.

    >>> is_gbk_for_sure("小猫，睡觉".encode("gbk")), is_gbk_for_sure("小猫".encode("gbk"))
    (True, False)
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        text = _gbk_text(data)
        return text is not None and _is_chinese(text)
    return False


def _decoded(data: bytes, beside_gbk: bool) -> DecodedText:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ValueError(
            tr("is {encoding} text, must be UTF-8: {remedy}", encoding="UTF-32", remedy=_save_as())
        )
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return DecodedText(data.decode("utf-16"), UTF16)
        except UnicodeDecodeError as error:
            raise ValueError(tr("begins as UTF-16 text and is none: {remedy}", remedy=_save_as())) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        chinese = _gbk_text(data)
        if chinese is not None and _is_chinese(chinese):
            return DecodedText(chinese, GBK)
        line = data.count(b"\n", 0, error.start) + 1
        reason = tr(
            "must be UTF-8 text, byte {byte} in line {line} is not: {remedy}",
            byte=error.start + 1,
            line=line,
            remedy=_save_as(),
        )
        raise ValueError(reason) from error
    return (
        DecodedText(data.decode("gb2312"), GBK)
        if _is_gbk_by_chance(data, text, beside_gbk)
        else DecodedText(text)
    )


def _save_as() -> Message:
    """Return what mends another encoding."""
    return tr("save it as UTF-8 (in an editor: Save as, encoding UTF-8)")


def _gbk_text(data: bytes) -> str | None:
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError:
        return None


def _is_chinese(text: str) -> bool:
    """Return whether nearly all letters are in GB2312, the common ones."""
    counted = Counter(letter for letter in text if not letter.isascii())
    letters = {letter: n for letter, n in counted.items() if unicodedata.category(letter)[0] in "LC"}
    common = sum(n for letter, n in letters.items() if letter.encode("gb2312", "ignore"))
    return common >= _COMMON * sum(letters.values())


def _is_gbk_by_chance(data: bytes, text: str, beside_gbk: bool) -> bool:
    """Return whether a valid UTF-8 text is rather a GBK one."""
    if data.startswith(codecs.BOM_UTF8) or text.isascii() or ord(max(text)) >= _TWO_BYTES:
        return False
    try:
        data.decode("gb2312")
    except UnicodeDecodeError:
        return False
    words = [word for word in _WORDS.finditer(text) if not word[0].isascii()]
    return beside_gbk or 2 * sum(_is_sign(word) or _is_word(word[0]) for word in words) < len(words)


def _is_sign(found: re.Match[str]) -> bool:
    """Return whether it is signs, such as a degree's, at a word of ASCII letters or a blank from it."""
    text, start, end = found.string, found.start(), found.end()
    before, behind = text[max(0, start - 2) : start].rstrip(" "), text[end : end + 2].lstrip(" ")
    beside_word = before[-1:].isalnum() or behind[:1].isalnum()
    return beside_word and not any(letter.isalpha() for letter in found[0])


def _is_word(word: str) -> bool:
    """Return whether letters of UTF-8 may stand together in some language."""
    foreign = [letter for letter in word if not letter.isascii()]
    if any(unicodedata.category(letter) in ("Lm", "Mn", "Cn") for letter in foreign):
        return False
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in foreign if letter.isalpha()}
    mixed = len(foreign) < len(word)
    if scripts <= {"LATIN"}:
        return mixed
    return len(scripts) == 1 and not mixed and len(word) >= _SHORTEST
