"""A file that is no UTF-8 text is called what it is."""

from pathlib import Path

import pytest

from kit.errors import InputError
from kit.files.documents import read_text
from kit.files.text.foreign_text import looks_like_gbk


def refusal(folder: Path, data: bytes) -> str:
    path = folder / "story.txt"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_text(path)
    return caught.value.faults[0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"PK\x03\x04rest", "is a zip or an Office document (.docx, .wps)"),
        (b"\xd0\xcf\x11\xe0rest", "is an Office document (.doc)"),
        (b"{\\rtf1", "is an RTF document"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\x89PNG\r\n", "is a picture"),
        (b"\xff\xd8\xff\xe0", "is a picture"),
        ("小猫".encode("utf-16"), "is UTF-16 text, must be UTF-8"),
        ("小猫".encode("utf-32"), "is UTF-32 text, must be UTF-8"),
        ("cat".encode("utf-16-le"), "holds a NUL byte"),
        ("a\n一只可爱的小猫在睡觉".encode("gbk"), "byte 7 in line 2 is not; it looks like GBK"),
        ("一只小猫\n一只小猫".encode("gbk"), "is GBK text that only happens to be UTF-8"),
        ("a\n一只小猫, cat".encode("gbk"), "is GBK text that only happens to be UTF-8"),
        (b"caf\xe9", "must be UTF-8 text, byte 4 in line 1 is not"),
    ],
)
def test_what_is_no_utf_8_text_is_named_with_what_to_do(tmp_path: Path, data: bytes, told: str) -> None:
    said = refusal(tmp_path, data)
    assert told in said
    assert "save it as UTF-8" in said or "copy the words into a plain text file" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cat",
        "一只小猫",
        "café à la crème",
        "кот спит",
        "Привет, мир",
        "η γάτα κοιμάται",
        "\ufeffcat",
        "naïve ñ",
        "שלום חתול",
        "قطة",
    ],
)
def test_text_of_any_language_in_utf_8_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "story.txt"
    path.write_text(text, encoding="utf-8")
    assert read_text(path) == text.removeprefix("\ufeff")
    assert not looks_like_gbk(text.encode())
