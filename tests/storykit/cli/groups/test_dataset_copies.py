import json

import numpy as np
import pytest
from command import refused, said, tree
from fakes import fake_picture
from PIL import Image

from kit.dataset.augmentation.changes import Crop, Mirror, Recolour, Turn
from kit.dataset.read import read_dataset
from kit.files.encodings import csv_rows
from kit.images.decode import decode_picture

ALL = ("--mirror", "--crop", 0.8, "--turn", 5, "--colour", 0.1, "--train-size", 32, "--copies", 2)


@pytest.fixture
def pictures(tmp_path):
    """Return a folder of three pictures, one of them a JPEG, the last with a sign in it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, text in {"a.png": "小猫，在公园", "b.jpg": "a dog, running", "c.png": "a shop sign"}.items():
        fake_picture(name, 96).save(folder / name)
        (folder / name).with_suffix(".txt").write_text(text, encoding="utf-8")
    return folder


def prepared(source, out, *words) -> list[dict[str, str]]:
    """Prepare a dataset and return the rows of its table."""
    said("dataset", "prepare", source, "--out", out, *words)
    return rows_of(out)


def rows_of(out) -> list[dict[str, str]]:
    return csv_rows((out / "train" / "metadata.csv").read_bytes())


def repeated(words: str, picture: Image.Image) -> Image.Image:
    """Change a picture as a row says."""
    kind, *numbers = words.split()
    given = {name: float(number) for name, number in (one.split("=") for one in numbers)}
    if kind == "crop":
        return Crop(**{name: int(number) for name, number in given.items()}).apply(picture)
    return {"mirror": Mirror, "turn": Turn, "colour": Recolour}[kind](**given).apply(picture)


def test_copies_stand_behind_their_picture_and_are_made_again_from_what_is_recorded(tmp_path, pictures):
    rows = prepared(pictures, tmp_path / "data", *ALL)
    train = tmp_path / "data" / "train"
    assert [row["file_name"] for row in rows[:9]] == [
        "00001.png",
        "00001-1-mirror.png",
        *("00001-2-crop.png", "00001-3-crop.png", "00001-4-turn.png", "00001-5-turn.png"),
        *("00001-6-colour.png", "00001-7-colour.png", "00002.jpg"),
    ]
    assert sum(row["source"] == "00003.png" for row in rows) == 4
    texts = {row["file_name"]: row["text"] for row in rows}
    for row in rows:
        picture = decode_picture(train / row["file_name"]).picture
        if row["source"]:
            again = repeated(row["change"], decode_picture(train / row["source"]).picture)
            assert np.array_equal(np.asarray(picture), np.asarray(again)), row
            assert row["text"] == texts[row["source"]]
        else:
            assert row["change"] == ""


def test_pictures_are_kept_as_they_are_without_copies_and_the_table_is_the_contests(tmp_path, pictures):
    bare = prepared(pictures, tmp_path / "bare")
    assert [list(row) for row in bare] == [["file_name", "text"]] * 3
    prepared(pictures, tmp_path / "data", *ALL)
    with_copies = tree(tmp_path / "data")
    for row in bare:
        name = f"train/{row['file_name']}"
        assert with_copies[name] == tree(tmp_path / "bare")[name]


def test_a_seed_gives_the_same_bytes_and_another_one_other_copies(tmp_path, pictures):
    prepared(pictures, tmp_path / "one", *ALL)
    prepared(pictures, tmp_path / "two", *ALL)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    prepared(pictures, tmp_path / "two", *ALL, "--seed", 7)
    assert tree(tmp_path / "one") != tree(tmp_path / "two")


def test_what_was_prepared_is_prepared_again_without_copies_of_copies(tmp_path, pictures):
    first = prepared(pictures, tmp_path / "one", *ALL)
    copies = sum(bool(row["source"]) for row in first)
    printed = said("dataset", "prepare", tmp_path / "one" / "train", "--out", tmp_path / "two", *ALL)
    assert f"dropped {copies} changed copy; " in printed
    assert tree(tmp_path / "one" / "train") == tree(tmp_path / "two" / "train")
    assert len(prepared(tmp_path / "one" / "train", tmp_path / "two")) == 3
    dropped = (tmp_path / "two" / "dropped.csv").read_text("utf-8-sig")
    assert "00001-1-mirror.png,is a changed copy of 00001.png; copies are made anew" in dropped


def test_training_reads_pictures_and_copies_alike(tmp_path, pictures):
    rows = prepared(pictures, tmp_path / "data", *ALL)
    train = tmp_path / "data" / "train"
    assert [(one.path.name, one.text) for one in read_dataset(train)] == [
        (row["file_name"], row["text"]) for row in rows
    ]
    table = (train / "metadata.csv").read_text("utf-8-sig").replace('"a dog, running"', "a dog, running")
    (train / "metadata.csv").write_text(table, encoding="utf-8")
    assert read_dataset(train)[8].text == "a dog, running"


def test_what_was_made_and_left_alone_is_said_and_recorded(tmp_path, pictures):
    printed = said("dataset", "prepare", pictures, "--out", tmp_path / "data", *ALL).splitlines()
    assert printed[:2] == [
        "kept    3 of 3 pictures",
        "copies  2 mirrored, 6 cropped, 4 turned, 6 in other shades",
    ]
    assert (
        "warning 1 of 3 pictures are neither mirrored nor turned, letters are likely in them: c.png; "
        "--letters-and-faces change does both"
    ) in printed
    record = json.loads((tmp_path / "data" / "dataset.json").read_text(encoding="utf-8"))
    assert record["pictures"] == 3
    assert record["copies"]["made"] == {"mirror": 2, "crop": 6, "turn": 4, "colour": 6}
    assert record["copies"]["left_alone"] == {"letters": ["c.png"]}
    assert record["settings"]["augmentation"]["turn"] == 5


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--crop", 0.5), "--crop must be at least 0.8, got 0.5"),
        (("--turn", "nan"), "--turn must be a finite number, got nan"),
        (
            ("--turn", 20, "--colour", -1),
            "--turn must be at most 10, got 20.0; --colour must be at least 0.02, got -1.0",
        ),
        (("--mirror", "--copies", 0), "--copies must be greater than 0, got 0"),
        (("--crop", 0.9, "--train-size", 0), "--train-size must be at least 32, got 0"),
        (("--copies", 3), "--copies needs --crop, --turn or --colour"),
        (("--mirror", "--copies", 3), "--copies needs --crop, --turn or --colour"),
        (("--mirror", "--seed", 3), "--seed needs --crop, --turn or --colour"),
        (("--colour", 0.1, "--train-size", 64), "--train-size needs --crop or --turn"),
        (
            ("--crop", 0.9, "--letters-and-faces", "change"),
            "--letters-and-faces needs --mirror or --turn",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_one_line(tmp_path, pictures, words, reason):
    assert (
        refused("dataset", "prepare", pictures, "--out", tmp_path / "data", *words)
        == f"dataset prepare: {reason}"
    )
    assert not (tmp_path / "data").exists()


def test_an_empty_folder_is_refused_as_ever(tmp_path):
    (tmp_path / "none").mkdir()
    told = refused("dataset", "prepare", tmp_path / "none", "--out", tmp_path / "data", "--mirror")
    assert "has no picture in it" in told
