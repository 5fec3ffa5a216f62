import json

import pytest
from another_process import another_at_work
from command import refused, said, tree
from full_disk import disk_with_room_for

from kit.dataset.filters import PreparationPlan, filter_pictures
from kit.dataset.prepare import find_source, write_dataset
from kit.errors import InputError, RunError
from kit.story.trigger import Captioning


@pytest.mark.parametrize("mine", ["notes.txt", "train/mine.png", "train/00001.txt"])
def test_a_folder_with_anything_else_in_it_is_not_written_over(tmp_path, pictures, mine):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    (out / mine).write_text("mine")
    before = tree(out)
    reason = refused("dataset", "prepare", pictures, "--out", out)
    assert f"must be empty or a prepared dataset, got {mine} in it" in reason
    assert tree(out) == before


@pytest.mark.parametrize("left", ["train/.storykit.lock", "train/.0123456789abcdef.part"])
def test_what_a_kill_left_keeps_nobody_from_preparing_again(tmp_path, pictures, left):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    before = tree(out)
    (out / left).write_text("left")
    said("dataset", "prepare", pictures, "--out", out)
    assert tree(out) == before


def test_captions_that_a_captioner_wrote_or_that_gave_way_are_not_written_over(tmp_path, pictures):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    backup = out / "train" / "captions-before-1.csv"
    backup.write_text("file_name,text\n")
    told = refused("dataset", "prepare", pictures, "--out", out)
    assert told.endswith("has train/captions-before-1.csv in it: move it away, it holds captions")
    backup.unlink()
    record = json.loads((out / "dataset.json").read_text("utf-8"))
    (out / "dataset.json").write_text(json.dumps(record | {"captioned": {}}), "utf-8")
    before = tree(out)
    told = refused("dataset", "prepare", pictures, "--out", out)
    assert told.endswith("would be lost: move the folder away, or give another --out")
    assert tree(out) == before


@pytest.mark.parametrize("mended", ["metadata.csv", "00001.png"])
def test_captions_and_pictures_that_somebody_mended_by_hand_are_not_written_over(tmp_path, pictures, mended):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    (out / "train" / mended).write_bytes((out / "train" / mended).read_bytes() + b" ")
    before = tree(out)
    told = refused("dataset", "prepare", pictures, "--out", out)
    assert "captions or pictures that were changed since it was prepared, which would be lost" in told
    assert tree(out) == before


def test_a_dataset_that_another_process_prepares_is_left_alone_and_leftovers_of_the_dead_are_swept(
    tmp_path, pictures
):
    out = tmp_path / "data"
    with another_at_work(out):
        assert "data is being drawn by process" in refused("dataset", "prepare", pictures, "--out", out)
    for leftover in (".data.abc.part/new", ".other.abc.part/new", ".data.2.abc.part/new"):
        (tmp_path / leftover).mkdir(parents=True)
    said("dataset", "prepare", pictures, "--out", out)
    assert not (tmp_path / ".data.abc.part").exists()
    assert (tmp_path / ".other.abc.part").exists()
    assert (tmp_path / ".data.2.abc.part").exists()  # somebody may be writing the folder data.2
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("record", [None, "{", "[]", '{"format": "other"}'])
def test_a_folder_that_only_looks_prepared_is_not_written_over(tmp_path, pictures, record):
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "00001.png").write_text("mine")
    if record is not None:
        (tmp_path / "data" / "dataset.json").write_text(record)
    assert "must be empty or a prepared" in refused(
        "dataset", "prepare", pictures, "--out", tmp_path / "data"
    )


def test_the_source_is_never_written_over(tmp_path, pictures):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    (tmp_path / "result.jsonl").write_text(
        json.dumps({"images": [str(out / "train" / "00001.png")], "text": "x"})
    )
    before = tree(tmp_path)
    for source, place in (
        (pictures, pictures),
        (pictures, pictures / "data"),
        (out / "train", out),
        (tmp_path / "result.jsonl", out),
    ):
        assert "must lie apart from the source" in refused("dataset", "prepare", source, "--out", place)
    (tmp_path / "link").symlink_to(pictures)
    assert "must lie apart" in refused("dataset", "prepare", pictures, "--out", tmp_path / "link")
    (tmp_path / "link").unlink()
    assert tree(tmp_path) == before


def test_an_out_that_is_a_file_or_a_link_is_refused(tmp_path, pictures):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        assert "must be a folder" in refused("dataset", "prepare", pictures, "--out", tmp_path / name)
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_writing_leaves_what_was_there(tmp_path, pictures):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    before = tree(tmp_path)
    plan = PreparationPlan(source=str(pictures), captioning=Captioning(caption="x"))
    sifted = filter_pictures(find_source(plan.source, out), plan, lambda: None)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(out, sifted, plan, stop)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_captions_that_are_mended_while_the_dataset_is_prepared_anew_stay(tmp_path, pictures):
    out = tmp_path / "data"
    said("dataset", "prepare", pictures, "--out", out)
    plan = PreparationPlan(source=str(pictures), captioning=Captioning())
    sifted = filter_pictures(find_source(plan.source, out), plan, lambda: None)

    def mend() -> None:
        (out / "train" / "metadata.csv").write_text("file_name,text\n00001.png,mended\n")

    with pytest.raises(InputError, match="changed since it was prepared, which would be lost"):
        write_dataset(out, sifted, plan, mend)
    assert "mended" in (out / "train" / "metadata.csv").read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_full_disk_is_told_of_the_dataset_with_what_to_do(tmp_path, pictures):
    plan = PreparationPlan(source=str(pictures), captioning=Captioning(caption="x"))
    sifted = filter_pictures(find_source(plan.source, tmp_path / "data"), plan, lambda: None)
    with disk_with_room_for(500), pytest.raises(RunError, match=r"data cannot be written: File too large"):
        write_dataset(tmp_path / "data", sifted, plan, lambda: None)
    assert not (tmp_path / "data").exists()


def test_a_picture_that_vanishes_between_reading_and_writing_is_one_error(tmp_path, pictures):
    plan = PreparationPlan(source=str(pictures), captioning=Captioning())
    sifted = filter_pictures(find_source(plan.source, tmp_path / "data"), plan, lambda: None)
    (pictures / "a.png").unlink()
    with pytest.raises(InputError, match=r"a\.png: does not exist"):
        write_dataset(tmp_path / "data", sifted, plan, lambda: None)
    assert not (tmp_path / "data").exists()
