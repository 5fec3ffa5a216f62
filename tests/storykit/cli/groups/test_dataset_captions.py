"""`storykit dataset caption`, from the command to the files; `dataset prepare` is tested with its stage."""

import json
from pathlib import Path

import pytest
from another_process import another_at_work
from command import refused, said, tell
from source_folders import put_files
from toy_taggers import wd_folder

from kit.dataset.sources import find_pictures


def captions(folder: Path) -> dict[str, str]:
    return {one.name: one.caption.text for one in find_pictures(folder) if one.is_picture}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return put_files(tmp_path / "pictures", a__png=None, a__txt="old", b__png=None)


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    return wd_folder(tmp_path / "wd", [9.0, 3.0, 2.0, -9.0, -9.0, -9.0])


def test_tags_come_beside_what_is_there_and_the_last_line_says_so(pictures: Path, tagger: Path) -> None:
    words = ("dataset", "caption", pictures, "--with", "wd14", "--weights", tagger)
    out = said(*words, "--trigger", "mystyle", "--blacklist", "1girl")
    assert captions(pictures) == {"a.png": "old", "b.png": "mystyle, long hair"}
    assert out == f"captions of 1 of 2 pictures by wd14 in {pictures}, 1 as they were\n"
    out = said(*words, "--existing", "replace")
    backup = pictures / "captions-before-1.csv"
    assert f"backup  {backup}: the 2 captions that were there before" in out
    assert captions(pictures) == dict.fromkeys(("a.png", "b.png"), "1girl, long hair")


def test_json_says_what_was_written(pictures: Path, tagger: Path) -> None:
    words = ("dataset", "caption", pictures, "--with", "wd14", "--weights", tagger, "--existing", "append")
    told = json.loads(said(*words, "--json"))
    assert told == {
        "folder": str(pictures),
        "pictures": 2,
        "captions": {"a.png": "old, 1girl, long hair", "b.png": "1girl, long hair"},
        "kept": 0,
        "replaced": 0,
        "silent": [],
        "unopened": {},
        "backup": None,
    }


def test_a_prepared_dataset_stays_one_and_its_record_says_who_wrote(pictures: Path, tagger: Path) -> None:
    out = pictures.parent / "data"
    said("dataset", "prepare", pictures, "--out", out, "--caption", "said of all")
    before = json.loads((out / "dataset.json").read_text("utf-8"))
    sheet = (out / "contact-sheet.png").read_bytes()
    said("dataset", "caption", out, "--with", "wd14", "--weights", tagger, "--existing", "append")
    after = json.loads((out / "dataset.json").read_text("utf-8"))
    assert set(captions(out / "train").values()) == {"said of all, 1girl, long hair"}
    assert after["captioned"] == {
        **{"with": "wd14", "weights": "wd", "threshold": 0.35},
        **{"existing": "append", "trigger": "", "blacklist": []},
    }
    assert after["sha256"] != before["sha256"]
    assert {key: after[key] for key in ("format", "pictures", "settings")} == {
        key: before[key] for key in ("format", "pictures", "settings")
    }
    assert (out / "contact-sheet.png").read_bytes() != sheet
    told = refused("dataset", "prepare", pictures, "--out", out, "--caption", "said of all")
    assert "move the folder away, or give another --out" in told


def test_a_datasets_own_folder_of_pictures_is_known_as_part_of_it(
    pictures: Path, tagger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = pictures.parent / "data"
    said("dataset", "prepare", pictures, "--out", out, "--caption", "said of all")
    monkeypatch.chdir(out / "train")
    with another_at_work(out):
        assert "is being drawn" in refused("dataset", "caption", ".", "--with", "mini")
    (out / "train" / "00001.png").write_bytes(b"torn")
    words = ("dataset", "caption", ".", "--with", "wd14", "--weights", tagger, "--existing", "append")
    assert "warning 00001.png has no new caption" in said(*words)
    assert json.loads((out / "dataset.json").read_text("utf-8"))["captioned"]["with"] == "wd14"
    assert not (out / "train" / ".storykit.lock").exists()


MISFITS = pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--with", "wd14"), "--weights: wd14 needs it: a folder with model.onnx and selected_tags.csv"),
        (("--with", "deepdanbooru"), "model-resnet_custom_v3.pt, a release of github.com/AUTOMATIC1111"),
        (("--with", "blip", "--weights", "gone"), "gone: does not exist; blip takes a folder such as"),
        (("--with", "blip", "--weights", ".", "--threshold", "0.5"), "--threshold: is for taggers"),
        (
            ("--with", "wd14", "--weights", ".", "--threshold", "1.5"),
            "must be a probability from 0 to 1, got 1.5",
        ),
        (
            ("--with", "wd14", "--weights", ".", "--threshold", "nan"),
            "must be a probability from 0 to 1, got nan",
        ),
        (("--with", "florence", "--weights", ".", "--language", "zh"), "florence writes English alone"),
        (("--with", "blip", "--weights", ".", "--blacklist", "cat"), "--blacklist: is for tags and clauses"),
        (("--with", "mini", "--weights", "."), "--weights: mini has its own"),
    ],
)


def test_who_is_unknown_is_refused_with_who_there_is(pictures: Path) -> None:
    answer = tell("dataset", "caption", pictures, "--with", "gpt")
    assert answer.code == 2
    assert "mini, wd14, deepdanbooru, blip" in answer.err


@MISFITS
def test_choices_that_do_not_fit_are_refused_in_a_line(
    pictures: Path, words: tuple[str, ...], told: str
) -> None:
    before = {path.name: path.read_bytes() for path in pictures.iterdir()}
    reason = refused("dataset", "caption", pictures, *words)
    assert told in reason
    assert {path.name: path.read_bytes() for path in pictures.iterdir()} == before
