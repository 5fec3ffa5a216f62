from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InputError
from kit.files.documents import read_text
from kit.files.text.text_encodings import GBK, UTF16, DecodedText, decode_text, is_gbk_for_sure

CHINESE = [
    *("一只小猫", "小猫", "水", "猫", "小", "鹿", "路", "楼", "漫画"),
    *("一只小猫，在公园", "a cat 猫，睡觉", "水墨画风格的小猫，在雪地里", "“引号”与——破折号"),
    "繁體字的小貓在公園，天气很好，很多人在散步，小狗在跑，太阳出来了，大家都很高兴地回家去了",
]
OTHER = [
    "a cat",
    "café",
    "ein schöner Hund, grün",
    "un éléphant à la plage",
    "garçon, forêt, 90° angle, 3×3",
    "½ body, © me",
    "красивая кошка",
    "дома",
    "зима",
    "και",
    "γάτα στο σπίτι",
    "قطة",
    "חתול",
    "小猫",
    "猫と少女",
    "고양이",
    "a cat 🐱",
    "naïve",
    "Ünder",
]


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_of_a_chinese_windows_is_read_and_said_to_be(text):
    assert decode_text(text.encode("gbk")) == DecodedText(text, GBK)


@pytest.mark.parametrize("text", [*OTHER, *CHINESE, "", "1girl, solo"])
def test_utf8_stays_utf8_with_and_without_a_mark(text):
    assert decode_text(text.encode()) == DecodedText(text)
    assert decode_text(text.encode("utf-8-sig")) == DecodedText(text)


@pytest.mark.parametrize("kind", ["utf-16-le", "utf-16-be"])
def test_utf16_with_its_mark_is_read(kind):
    assert decode_text("\ufeff一只小猫, a cat".encode(kind)) == DecodedText("一只小猫, a cat", UTF16)


def test_beside_files_that_are_gbk_for_sure_a_doubtful_one_is_gbk_too():
    doubtful = "小小小小".encode("gbk")
    assert decode_text(doubtful).text == "СССС"
    assert is_gbk_for_sure("二次元".encode("gbk"))
    assert decode_text(doubtful, beside_gbk=True) == DecodedText("小小小小", GBK)
    assert decode_text("一只小猫".encode(), beside_gbk=True) == DecodedText("一只小猫")
    assert decode_text(b"a cat", beside_gbk=True) == DecodedText("a cat")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            "un éléphant à la plage".encode("latin-1"),
            "must be UTF-8 text, byte 4 in line 1 is not: save it as UTF-8",
        ),
        ("ein schöner Hund, grün".encode("cp1252"), "byte 8 in line 1 is not"),
        ("一隻貓在睡覺".encode("big5"), "must be UTF-8 text"),
        ("猫と少女".encode("shift-jis"), "must be UTF-8 text"),
        (b"\xff\xfe\x00", "begins as UTF-16 text and is none"),
        ("a cat".encode("utf-16-le"), "holds a NUL byte"),
        (b"a\0b", "holds a NUL byte"),
        (b"\x89PNG\r\n\x1a\n\xff\xff", "is a PNG picture, no text"),
    ],
)
def test_what_is_neither_is_refused_with_what_to_do(data, reason):
    with pytest.raises(ValueError, match=reason):
        decode_text(data)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_text_or_refused(data, beside):
    with suppress(ValueError):
        decode_text(data, beside).text.encode()


def refusal(folder: Path, data: bytes) -> str:
    path = folder / "story.txt"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_text(path)
    return caught.value.faults[0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"PK\x03\x04rest", "is a zip archive, no text: if it is Word's"),
        (b"\xd0\xcf\x11\xe0rest", "is an old Office document (.doc, .xls)"),
        (b"{\\rtf1", "is an RTF document"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\x89PNG\r\n", "picture, no text"),
        (b"\xff\xd8\xff\xe0", "picture, no text"),
        ("小猫".encode("utf-16"), "is UTF-16 text, must be UTF-8"),
        ("小猫".encode("utf-32"), "is UTF-32 text, must be UTF-8"),
        ("cat".encode("utf-16-le"), "holds a NUL byte"),
        ("a\n一只可爱的小猫在睡觉".encode("gbk"), "is GB18030 (GBK) text, must be UTF-8"),
        ("一只小猫\n一只小猫".encode("gbk"), "is GB18030 (GBK) text, must be UTF-8"),
        ("a\n一只小猫, cat".encode("gbk"), "is GB18030 (GBK) text, must be UTF-8"),
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
