import pytest
from command import said
from fakes import fake_picture, toy_base
from source_folders import captions_told, put_files

from kit.dataset.captions import caption_warnings
from kit.dataset.listed import Caption
from kit.dataset.sources import find_pictures

NAMES = ["a.txt", "a.TXT", "a.caption", "a.Caption", "A.txt", "a.png.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_caption_is_the_text_beside_its_picture_however_it_is_called(tmp_path, name):
    put_files(tmp_path, a__png=None, **{name.replace(".", "__"): "a\u2028cat\x85here\r\non a mat"})
    assert captions_told(find_pictures(tmp_path)) == [("a.png", "a cat here on a mat")]


@pytest.mark.parametrize("suffix", ["PNG", "JPG", "jpeg", "jfif", "Jpe", "WEBP"])
def test_pictures_of_every_usual_name_are_pictures(tmp_path, suffix):
    fake_picture("a", 32).save(tmp_path / f"a.{suffix}", "PNG")
    put_files(tmp_path, a__txt="a cat")
    assert captions_told(find_pictures(tmp_path)) == [(f"a.{suffix}", "a cat")]


def test_two_captions_that_differ_are_a_reason_and_two_that_say_the_same_are_not(tmp_path):
    put_files(tmp_path, a__png=None, a__txt="a cat", a__caption="a dog")
    put_files(tmp_path, b__png=None, b__txt="a cat", b__caption="a cat\n")
    assert captions_told(find_pictures(tmp_path)) == [
        ("a.png", "has captions that differ: a.caption and a.txt; keep one"),
        ("b.png", "a cat"),
    ]


def test_captions_of_a_chinese_windows_are_read_by_what_the_whole_folder_shows(tmp_path):
    texts = {"a": "一只小猫", "b": "小小小小", "c": "水墨，小狗", "d": "a cat", "e": "水"}
    for name, text in texts.items():
        put_files(tmp_path, **{f"{name}__png": None, f"{name}__txt": text.encode("gbk")})
    put_files(tmp_path, f__png=None, f__txt="小狗在公园".encode())
    found = find_pictures(tmp_path)
    assert [one.caption.text for one in found] == [*texts.values(), "小狗在公园"]
    [warning] = caption_warnings([one.caption for one in found])
    assert warning == (
        "4 captions are not UTF-8 and were read as GB18030 (GBK), the first: 一只小猫; if that is wrong, "
        "save them as UTF-8"
    )


STRAYS = {
    "a.heic": "is a HEIC picture, which is not opened here: save it as PNG or JPEG",
    "a.zip": "is a zip archive, no picture: take out the pictures",
    "metadata.xlsx": "is a table that is not read here: save it as metadata.csv (CSV UTF-8)",
    "notes.md": "is not called a picture",
    "b.caption": "is a caption without a picture",
}


@pytest.mark.parametrize(("name", "fault"), STRAYS.items(), ids=STRAYS)
def test_what_lies_beside_pictures_is_named_as_what_it_is(tmp_path, name, fault):
    put_files(tmp_path, **{name.replace(".", "__"): "x"})
    assert captions_told(find_pictures(tmp_path)) == [(name, fault)]


@pytest.mark.parametrize("name", ["metadata__xlsx", "metadata__json", "Metadata__TSV", "metadata__txt"])
def test_a_table_of_another_kind_is_named_where_nothing_else_tells_the_captions(tmp_path, name):
    put_files(tmp_path, a__png=None, **{name: "x"})
    reason = "is a table that is not read here: save it as metadata.csv (CSV UTF-8)"
    told = ("a.png", f"has no caption: {name.replace('__', '.')} {reason}")
    assert told in captions_told(find_pictures(tmp_path))
    put_files(tmp_path, a__txt="a cat")
    assert ("a.png", "a cat") in captions_told(find_pictures(tmp_path))


MARKED = [
    "<image> a cat",
    "a cat <|__eoc|>",
    "a cat <|endoftext|>",
    "<__dj__video> a cat",
    "a cat <lora:ink:0.8>",
]
PLAIN = ["a cat <3", "a <b> c", "1 < 2 > 1", "x <|> y", "一只小猫", "(a cat:1.3)"]


@pytest.mark.parametrize("text", MARKED)
def test_signs_of_other_programs_in_captions_are_warned_of(text):
    [warning] = caption_warnings([Caption("a dog"), Caption(text)])
    assert warning.startswith("1 captions hold signs of another program, such as <")
    assert text in warning


@pytest.mark.parametrize("text", PLAIN)
def test_plain_captions_are_no_matter(text):
    assert caption_warnings([Caption(text)]) == []


def test_a_caption_cannot_write_on_the_terminal():
    [warning] = caption_warnings([Caption("<image> \x1b[31m\x07")])
    assert warning.isprintable()


def test_training_warns_of_captions_as_preparing_does(tmp_path):
    table = "file_name,text\na.png,一只小猫\nb.png,<image> 小狗，睡觉\n".encode("gbk")
    put_files(tmp_path / "in", a__png=None, b__png=None, metadata__csv=table)
    lines = said("dataset", "prepare", tmp_path / "in", "--out", tmp_path / "out").splitlines()
    prepared = [line for line in lines if line.startswith("warning 2 captions") or "<image>" in line]
    text = f'data = "in"\nbase = "{toy_base()}"\n[learn]\nrank = 2\nsteps = 1\nsize = 64\n'
    (tmp_path / "t.toml").write_text(text)
    printed = said("train", tmp_path / "t.toml", "--out", tmp_path / "lora").splitlines()
    assert [line for line in printed if line.startswith("warning")] == prepared
    assert len(prepared) == 2
    own = said("dataset", "prepare", tmp_path / "in", "--out", tmp_path / "one", "--caption", "a cat")
    assert "GBK" not in own
