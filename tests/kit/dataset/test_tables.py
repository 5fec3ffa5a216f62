import json
import unicodedata

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_folders import captions_told, put_files

from kit.dataset.listed import caption_of
from kit.dataset.read import read_dataset
from kit.dataset.sources import find_pictures
from kit.errors import InputError

ALL = ["a cat", "a dog", "a bird"]
ROWS = "0.png,a cat\n1.png,a dog\n2.png,a bird\n"
UNDERSTOOD = {
    "plain": f"file_name,text\n{ROWS}",
    "a byte order mark": f"\ufefffile_name,text\n{ROWS}",
    "CRLF": f"file_name,text\n{ROWS}".replace("\n", "\r\n"),
    "CR, as an old Mac": f"file_name,text\n{ROWS}".replace("\n", "\r"),
    "no line end at the end": f"file_name,text\n{ROWS}".rstrip(),
    "empty lines": f"\n\nfile_name,text\n\n{ROWS}\n,,\n \n",
    "a blank in the header": f"file_name, text\n{ROWS}",
    "capitals in the header": f"File_Name,TEXT\n{ROWS}",
    "words in the header": f"File name , Text\n{ROWS}",
    "quotes in the header": f'"file_name","text"\n{ROWS}',
    "blanks around names": "file_name,text\n 0.png , a cat\n\t1.png, a dog\n2.png ,a bird\n",
    "blanks before quotes": 'file_name, text\n"0.png", "a cat"\n"1.png" , "a dog" \n2.png,a bird\n',
    "semicolons": f"file_name,text\n{ROWS}".replace(",", ";"),
    "Excel's hint": f"sep=;\nfile_name,text\n{ROWS}".replace(",", ";"),
    "tabs": f"file_name,text\n{ROWS}".replace(",", "\t"),
    "Chinese commas": f"file_name,text\n{ROWS}".replace(",", "，"),
    "a row number, as pandas writes": ",file_name,text\n0,0.png,a cat\n1,1.png,a dog\n2,2.png,a bird\n",
    "text first": "text,file_name\na cat,0.png\na dog,1.png\na bird,2.png\n",
    "empty cells behind, as Excel writes": "file_name,text,,\n0.png,a cat,,\n1.png,a dog,,,,\n2.png,a bird\n",
    "other columns": "file_name,text,score\n0.png,a cat,1\n1.png,a dog,2\n2.png,a bird,\n",
    "a huge other cell": f"file_name,mask,text\n0.png,{'x' * 200_000},a cat\n1.png,,a dog\n2.png,,a bird\n",
    "capitals in a name": "file_name,text\n0.PNG,a cat\n1.Png,a dog\n2.png,a bird\n",
    "a dot before": "file_name,text\n./0.png,a cat\n.\\1.png,a dog\n2.png,a bird\n",
    "lines in a caption": 'file_name,text\n0.png,"a\ncat"\n1.png,"a\r\n\r\ndog"\n2.png,"a\u2028bird"\n',
    "other line ends in a caption": "file_name,text\n0.png,a\u2029cat\n1.png,a\x85dog\n2.png,a\x0bbird\n",
}


@pytest.mark.parametrize("table", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_preparing_and_training_read_a_table_as_its_writer_meant_it(tmp_path, table):
    put_files(tmp_path, **{f"{n}__png": None for n in range(3)}, metadata__csv=table)
    assert [text for _, text in captions_told(find_pictures(tmp_path))] == ALL
    assert [one.text for one in read_dataset(tmp_path)] == ALL


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16", "utf-8-sig"])
def test_a_table_of_another_encoding_is_read_as_a_whole_and_said_to_be(tmp_path, encoding):
    table = "file_name,text\n0.png,一只小猫\n1.png,小狗，睡觉\n2.png,a bird\n".encode(encoding)
    put_files(tmp_path, **{f"{n}__png": None for n in range(3)}, metadata__csv=table)
    found = find_pictures(tmp_path)
    assert [one.caption.text for one in found] == ["一只小猫", "小狗，睡觉", "a bird"]
    told = {"utf-16": "UTF-16", "utf-8-sig": ""}.get(encoding, "GB18030 (GBK)")
    assert {one.caption.encoding for one in found} == {told}


@pytest.mark.parametrize(
    ("row", "caption"),
    [
        ("0.png,1girl, solo, red hair, smile", "1girl, solo, red hair, smile"),
        ("0.png,一只小猫,在公园,", "一只小猫,在公园"),
        ("0.png, 1girl,solo , red hair ,,", "1girl,solo , red hair"),
        ('0.png,"1girl, solo, red hair"', "1girl, solo, red hair"),
        ('0.png,a "red" hat, snow', 'a "red" hat, snow'),
        ('0.png,"say ""hi"", twice"', 'say "hi", twice'),
    ],
)
def test_commas_in_a_text_that_ends_the_row_are_kept_quoted_or_not(tmp_path, row, caption):
    put_files(tmp_path, **{"0__png": None}, metadata__csv=f"file_name,text\n{row}\n")
    assert [one.text for one in read_dataset(tmp_path)] == [caption]


REFUSED = {
    "more cells, the text not last": (
        "file_name,text,score\n0.png,a, b,1\n",
        "has 4 cells, the header has 3: put the text in quotes",
    ),
    "more cells, the text first": (
        "text,file_name\n1girl, solo,0.png\n",
        "has 3 cells, the header has 2: put the text in quotes",
    ),
    "a quoted cell and more": (
        'file_name,text\n0.png,"1girl", solo\n',
        "has 3 cells, the header has 2: put the text in quotes",
    ),
    "a quote that stays open": ('file_name,text\n0.png,"a dog\n', "a quote opens and is not closed"),
    "a quote that swallows a row": (
        'file_name,text\n0.png,"a dog\n1.png,a bird\n2.png,a fish"\n',
        "a quote opens and is not closed before the next row",
    ),
    "quotes inside quotes": (
        'file_name,text\n0.png,"say "hi" twice"\n',
        "a quote opens and closes before its cell ends",
    ),
    "no name": ("file_name,text\n,a cat\n", "names no file"),
    "no text": ("file_name,text\n0.png\n", "0.png has no caption: metadata.csv line 2 is empty"),
    "a text of blanks": (
        'file_name,text\n0.png," \u200b\u3000"\n',
        "0.png has no caption: metadata.csv line 2 is empty",
    ),
    "a text beyond any": (f"file_name,text\n0.png,{'x' * 70_000}\n", "has more than 65536 bytes"),
    "a file that is not there": ("file_name,text\nnone.png,a cat\n", "none.png does not exist"),
    "a drive of Windows": (
        "file_name,text\nC:\\me\\0.png,a cat\n",
        "lies on C: of a Windows machine: write its path from the folder",
    ),
    "a way out": ("file_name,text\n../secret.png,a cat\n", "leads out of the folder"),
    "a way out on Windows": ("file_name,text\n..\\secret.png,a cat\n", "leads out of the folder"),
}


@pytest.mark.parametrize(("table", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_row_that_may_mean_something_else_is_refused_with_its_line_by_both(tmp_path, table, reason):
    put_files(tmp_path, secret__png=None)
    folder = put_files(tmp_path / "in", **{f"{n}__png": None for n in range(3)}, metadata__csv=table)
    found = find_pictures(folder)
    assert reason in f"{found[0].name} {found[0].fault or found[0].caption.fault}"
    assert found[0].place == "metadata.csv line 2"
    with pytest.raises(InputError, match=r"metadata\.csv: line 2: ") as refused:
        read_dataset(folder)
    assert reason in str(refused.value)
    captions = {one.caption.text for one in found if not one.fault}
    assert not captions & {"a", "1girl", "solo", "1"}


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("file_name,caption\n0.png,x\n", "must have the columns file_name and text, got 'file_name,caption'"),
        ("0.png,a cat\n", "put file_name,text into the first line"),
        ("file_name,text,text\n", "must have the column text once"),
        ("", "must have the columns"),
        ('"file_name,text\n', "must have the columns"),
        ("un éléphant\n".encode("latin-1"), "must be UTF-8 text, byte 4 in line 1 is not: save it as UTF-8"),
        (b"file_name,text\n0.png,a\0b\n", "holds a NUL byte"),
        (b"PK\3\4\x14\0", "is a zip archive, no text: if it is Word's"),
        ("<!DOCTYPE html><html>", "is a web page, no text"),
        ("version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, no text"),
    ],
)
def test_a_table_that_is_none_is_refused_by_both(tmp_path, table, fault):
    put_files(tmp_path, **{"0__png": None}, metadata__csv=table)
    for read in (find_pictures, read_dataset):
        with pytest.raises(InputError, match=fault):
            read(tmp_path)


def test_a_file_that_is_called_exactly_so_comes_first(tmp_path):
    put_files(tmp_path, **{"a\\b__png": None, " c__png": None, "D__png": None, "d__png": None})
    put_files(tmp_path / "a", b__png=None)
    table = "file_name,text\na\\b.png,one\na/b.png,two\n c.png,three\nd.png,four\nD.png,five\n"
    put_files(tmp_path, metadata__csv=table)
    paths = [one.path.relative_to(tmp_path).as_posix() for one in find_pictures(tmp_path)]
    assert paths == ["a\\b.png", "a/b.png", " c.png", "d.png", "D.png"]


def test_a_name_with_accents_is_found_however_a_mac_writes_them(tmp_path):
    put_files(tmp_path, **{unicodedata.normalize("NFD", "Café") + "__png": None})
    put_files(tmp_path, metadata__csv=f"file_name,text\n{unicodedata.normalize('NFC', 'Café')}.png,a cat\n")
    assert [text for _, text in captions_told(find_pictures(tmp_path))] == ["a cat"]


def test_a_sign_for_home_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(put_files(tmp_path / "home", a__png=None)))
    put_files(tmp_path / "in", metadata__csv="file_name,text\n~/a.png,a cat\n")
    assert [one.path for one in read_dataset(tmp_path / "in")] == [tmp_path / "home" / "a.png"]


@pytest.mark.parametrize("name", ["metadata__csv", "METADATA__CSV", "metadata__jsonl"])
def test_the_table_in_the_one_folder_below_is_taken(tmp_path, name):
    table = (
        json.dumps({"file_name": "a.png", "text": "a cat"})
        if name.endswith("l")
        else "file_name,text\na.png,a cat\n"
    )
    put_files(tmp_path / "train", a__png=None, **{name: table})
    put_files(tmp_path, README__md="x")
    (tmp_path / "__MACOSX").mkdir()
    assert captions_told(find_pictures(tmp_path)) == [("a.png", "a cat")]
    assert [one.text for one in read_dataset(tmp_path)] == ["a cat"]


def test_of_several_tables_none_is_chosen_silently(tmp_path):
    for place in ("train", "test"):
        put_files(tmp_path / place, a__png=None, metadata__csv="file_name,text\na.png,x\n")
    for read in (find_pictures, read_dataset):
        with pytest.raises(
            InputError, match=r"must have one table, got test/metadata\.csv and train/metadata\.csv; give"
        ):
            read(tmp_path)


def test_what_a_mac_packs_beside_the_pictures_is_no_part_of_the_dataset(tmp_path):
    put_files(tmp_path, a__png=None, metadata__csv="file_name,text\na.png,a cat\n")
    put_files(tmp_path, **{"._a__png": b"\0\5\x16\7", "._metadata__csv": b"\0\5\x16\7", "Thumbs__db": b"x"})
    put_files(tmp_path / "__MACOSX", **{"._a__png": b"\0\5\x16\7"})
    assert captions_told(find_pictures(tmp_path)) == [("a.png", "a cat")]


def test_many_faults_are_counted_and_the_first_are_named(tmp_path):
    put_files(tmp_path, metadata__csv="file_name,text\n" + "".join(f"{n}.png,x\n" for n in range(500)))
    with pytest.raises(InputError) as refused:
        read_dataset(tmp_path)
    assert refused.value.faults[0] == "line 2: 0.png does not exist"
    assert refused.value.faults[-1] == "and 480 more like these"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12), min_size=1, max_size=3
    ),
    st.sampled_from(",;\t"),
)
def test_what_pandas_writes_is_read_back_word_for_word(tmp_path_factory, texts, delimiter):
    folder = tmp_path_factory.mktemp("table")
    (folder / "0.png").touch()
    table = pd.DataFrame({"file_name": ["0.png"] * len(texts), "text": texts})
    table.to_csv(folder / "metadata.csv", index=False, sep=delimiter, encoding="utf-8-sig")
    try:
        found = find_pictures(folder)
    except InputError:
        assert "\0" in "".join(texts)
        return
    told = [(one.caption.text or one.caption.fault[:15]) for one in found]
    wanted = [caption_of(text, "") for text in texts]
    assert told == [one.text or one.fault[:15] for one in wanted]


def test_a_table_of_its_own_with_a_source_is_not_taken_for_copies(tmp_path):
    rows = "0.png,https://a.example,cropped,a cat\n1.png,0.png,mirror,a cat\n2.png,,,a bird\n"
    put_files(tmp_path, metadata__csv=f"file_name,source,change,text\n{rows}")
    assert [one.copy_of for one in find_pictures(tmp_path)] == ["", "0.png", ""]
    lines = [
        {"file_name": "0.png", "text": "a cat", "source": 7, "change": ["mirror"]},
        {"file_name": "1.png", "text": "a cat", "source": "0.png", "change": "turn degrees=2.5"},
    ]
    (tmp_path / "metadata.csv").unlink()
    put_files(tmp_path, metadata__jsonl="\n".join(map(json.dumps, lines)))
    assert [one.copy_of for one in find_pictures(tmp_path)][:2] == ["", "0.png"]
