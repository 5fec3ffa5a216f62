import csv
import json
from pathlib import Path

import pytest
from command import refused, said, tell, tree
from fakes import fake_picture, toy_base
from paths import GOLDENS
from PIL import Image

from kit.dataset.prepare import dataset_warnings
from kit.dataset.read import read_dataset
from kit.lora.lora import load_lora

GOLDEN = GOLDENS / "dataset.csv"


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_a_folder_becomes_the_contests_layout(tmp_path, pictures):
    before = tree(pictures)
    out = tmp_path / "data"
    printed = said("dataset", "prepare", pictures, "--out", out, "--trigger", "水墨")
    assert (out / "train" / "metadata.csv").read_bytes() == GOLDEN.read_bytes()
    assert rows(out / "dropped.csv") == [
        ["file", "reason"],
        ["a-small.png", "is nearly a.png, which is as large or larger"],
        ["grey.png", "has one colour all over"],
        ["silent.png", "has no caption: silent.txt does not exist"],
        ["torn.png", "is damaged: image file is truncated"],
    ]
    assert printed.splitlines()[:2] == [
        "kept    2 of 6 pictures",
        "dropped 1 near duplicate, 1 blank, 1 caption, 1 unreadable; "
        f"each with its reason in {out}/dropped.csv",
    ]
    assert tree(pictures) == before
    assert sorted(tree(out)) == [
        "contact-sheet.png",
        "dataset.json",
        "dropped.csv",
        "train/00001.png",
        "train/00002.png",
        "train/metadata.csv",
    ]


def test_training_reads_what_was_prepared(tmp_path, pictures):
    said("dataset", "prepare", pictures, "--out", tmp_path / "data")
    train = tmp_path / "data" / "train"
    assert [entry.text for entry in read_dataset(train)] == ["小猫，在公园", "a dog"]
    config = f'data = "data/train"\nbase = "{toy_base()}"\n[learn]\nrank = 2\nsteps = 1\nsize = 64\n'
    (tmp_path / "style.toml").write_text(config, encoding="utf-8")
    said("train", tmp_path / "style.toml", "--out", tmp_path / "ink")
    assert load_lora(tmp_path / "ink" / "ink.safetensors").rank == 2


def test_the_same_source_gives_the_same_bytes_and_a_prepared_folder_is_written_anew(tmp_path, pictures):
    words = ("dataset", "prepare", pictures, "--caption", "二次元")
    said(*words, "--out", tmp_path / "one")
    said("dataset", "prepare", pictures, "--out", tmp_path / "two", "--near-duplicates", "keep")
    assert tree(tmp_path / "one") != tree(tmp_path / "two")
    said(*words, "--out", tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_table_may_be_given_itself_whatever_its_name(tmp_path, pictures):
    (pictures / "mine.CSV").write_text("file_name,text\na.png,a cat\nb.png,1girl, solo\n")
    said("dataset", "prepare", pictures / "mine.CSV", "--out", tmp_path / "data")
    assert rows(tmp_path / "data" / "train" / "metadata.csv")[1:] == [
        ["00001.png", "a cat"],
        ["00002.png", "1girl, solo"],
    ]
    assert rows(tmp_path / "data" / "dropped.csv") == [["file", "reason"]]


def test_one_caption_for_all_needs_no_caption_files(tmp_path, pictures):
    printed = said("dataset", "prepare", pictures, "--out", tmp_path / "data", "--caption", "二次元")
    assert "kept    3 of 6 pictures" in printed
    assert "all 3 captions are the same, 二次元" in printed
    assert "3 pictures are few" in printed


def test_the_record_says_how_the_dataset_was_made(tmp_path, pictures):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out, "--min-width", 64, "--max-ratio", 2, "--trigger", "t")
    record = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    assert len(record.pop("sha256")) == 64
    assert len(record.pop("warnings")) == 3
    shape, ratio = record["settings"].pop("filters")
    assert shape["image_shape_filter"]["min_width"] == 64
    assert ratio == {"image_aspect_ratio_filter": {"min_ratio": 0.333, "max_ratio": 2.0, "any_or_all": "any"}}
    assert record == {
        "format": "storykit-dataset-1",
        "pictures": 2,
        "copies": None,
        "dropped": {"blank": 1, "caption": 1, "shape": 1, "unreadable": 1},
        "settings": {
            "source": "pictures",
            "caption": "",
            "trigger": "t",
            "near_duplicates": "drop",
            "aesthetic": None,
            "augmentation": None,
        },
    }


def test_photos_of_a_phone_are_named_with_what_to_do(tmp_path, pictures):
    before = said("dataset", "prepare", pictures, "--out", tmp_path / "before").splitlines()[0]
    kept, of = int(before.split()[1]), int(before.split()[3])
    (pictures / "IMG_0001.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (pictures / "IMG_0001.txt").write_text("a cat")
    lines = said("dataset", "prepare", pictures, "--out", tmp_path / "data").splitlines()
    assert lines[0] == f"kept    {kept} of {of + 1} pictures"
    assert lines[1] == "dropped 1 HEIC picture (IMG_0001.heic): save it as PNG or JPEG and run this again"
    for number in range(2, 6):
        (pictures / f"IMG_000{number}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    lines = said("dataset", "prepare", pictures, "--out", tmp_path / "data").splitlines()
    assert lines[1] == (
        "dropped 5 HEIC pictures (IMG_0001.heic, IMG_0002.heic, IMG_0003.heic and 2 more): "
        "save them as PNG or JPEG and run this again"
    )
    assert [row[0] for row in rows(tmp_path / "data" / "dropped.csv")].count("IMG_0001.txt") == 0


def test_a_juicers_recipe_and_result_are_taken_as_they_are(tmp_path, pictures):
    Image.new("RGB", (200, 64), "red").save(pictures / "wide.png")
    (pictures / "recipe.yaml").write_text("process: [{image_aspect_ratio_filter: {max_ratio: 2.0}}]")
    rows_ = [
        {"images": ["a.png", "wide.png"], "text": "<__dj__image> 猫 <|__dj__eoc|> <__dj__image> 红"},
        {"images": ["wide.png"], "text": "红"},
        {"images": ["b.png"], "text": "狗"},
    ]
    (pictures / "result.jsonl").write_text("\n".join(map(json.dumps, rows_)))
    words = ("dataset", "prepare", pictures / "result.jsonl", "--juicer", pictures / "recipe.yaml")
    said(*words, "--out", tmp_path / "data")
    assert rows(tmp_path / "data" / "dropped.csv")[1:] == [
        ["wide.png", "has one colour all over"],
        ["wide.png", "must be 0.333 to 2 times as wide as high, got 200 x 64"],
    ]
    assert "any of its sample's 2 pictures must be" in refused(
        *words, "--out", tmp_path / "data", "--min-height", 65
    )


def test_the_embedded_predictor_says_what_it_knows(tmp_path, pictures):
    printed = said("dataset", "prepare", pictures, "--out", tmp_path / "data", "--aesthetic-floor", 0)
    assert printed.startswith("weights embedded: knows only the drawn world's damage\n")


def test_a_photos_place_does_not_go_along(tmp_path):
    told = Image.Exif()
    told[0x010E] = "SECRET"
    (tmp_path / "pictures").mkdir()
    fake_picture("a", 64).save(tmp_path / "pictures" / "a.jpg", exif=told, comment="SECRET")
    said("dataset", "prepare", tmp_path / "pictures", "--out", tmp_path / "data", "--caption", "x")
    assert not [name for name, data in tree(tmp_path / "data").items() if b"SECRET" in data]
    assert (tmp_path / "data" / "train" / "00001.jpg").is_file()


def test_a_source_without_a_picture_of_use_is_refused_with_the_reasons(tmp_path, pictures):
    reason = refused("dataset", "prepare", pictures, "--out", tmp_path / "data", "--min-width", 9999)
    assert "none of its 6 files can be used: " in reason
    assert "must be 9999 pixels or more wide, got 64 x 64, and so 3 more" in reason
    (tmp_path / "empty").mkdir()
    assert "has no picture in it: give a folder with PNG" in refused(
        "dataset", "prepare", tmp_path / "empty", "--out", tmp_path / "data"
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("source", ["none", "a/b/c", "pictures.zip"])
def test_a_source_that_is_not_there_is_refused(tmp_path, source):
    reason = refused("dataset", "prepare", source, "--out", tmp_path / "data")
    assert "does not exist; give a folder of pictures, a table (.csv), Data-Juicer's result" in reason


def test_wrong_usage_is_explained(tmp_path, pictures):
    for words in (["--min-width", "0"], ["--any-or-all", "most"], ["--near-duplicates", "x"]):
        assert tell("dataset", "prepare", pictures, "--out", tmp_path / "data", *words).code == 2


SOUND = [(1024, 1024)] * 10
DIFFERENT = [f"picture {number}" for number in range(10)]


def test_a_sound_dataset_gets_no_warning():
    assert dataset_warnings(DIFFERENT, SOUND) == []


@pytest.mark.parametrize(
    ("captions", "sizes", "warning"),
    [
        (DIFFERENT[:9], SOUND[:9], "9 pictures are few"),
        (["二次元"] * 10, SOUND, "all 10 captions are the same, 二次元"),
        (
            DIFFERENT,
            [*SOUND[:6], *((1024, 1100 + 200 * n) for n in range(4))],
            "5 aspect ratios from 0.6 to 1",
        ),
        (DIFFERENT, [*SOUND[:9], (4000, 1023)], "1 of 10 pictures have a side below 1024 pixels: Kolors"),
        (DIFFERENT, [*SOUND[:9], (255, 4000)], "1 of 10 pictures have a side below 256 pixels: every base"),
    ],
)
def test_what_ruins_a_lora_is_said(captions, sizes, warning):
    assert [said for said in dataset_warnings(captions, sizes) if said.startswith(warning)]
