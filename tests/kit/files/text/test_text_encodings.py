from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("un éléphant à la plage".encode("latin-1"), "must be UTF-8 text, byte 4 is not; save it as UTF-8"),
        ("ein schöner Hund, grün".encode("cp1252"), "byte 8 is not"),
        ("一隻貓在睡覺".encode("big5"), "must be UTF-8 text"),
        ("猫と少女".encode("shift-jis"), "must be UTF-8 text"),
        (b"\xff\xfe\x00", "begins as UTF-16 text and is none"),
        ("a cat".encode("utf-16-le"), "holds zero bytes"),
        (b"a\0b", "holds zero bytes"),
        (b"\x89PNG\r\n\x1a\n\xff\xff", "must be UTF-8 text"),
    ],
)
def test_what_is_neither_is_refused_with_what_to_do(data, reason):
    with pytest.raises(ValueError, match=reason):
        decode_text(data)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_text_or_refused(data, beside):
    with suppress(ValueError):
        decode_text(data, beside).text.encode()
