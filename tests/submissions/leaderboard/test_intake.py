import json
import os
import shutil
from pathlib import Path

import pytest
from command import refused, said, tell
from course_entries import COURSE, rank_all, rows_of
from entries import repack

from kit.errors import InputError
from kit.files.folder_lock import LOCK
from submissions.leaderboard.intake import bundles_in, check, contest_of, names_of
from submissions.leaderboard.page import board_html, check_board_folder
from submissions.leaderboard.table import board_csv, board_lines


def test_a_folder_means_the_zips_directly_in_it_each_once(hand_in, tmp_path):
    paths = [hand_in(number) for number in range(3)]
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "other.zip").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("none of them")
    assert bundles_in([paths[1], tmp_path]) == [paths[1], paths[0], paths[2]]


def test_sound_bundles_of_several_contests_are_one_clear_error():
    files = [f"{number:03}.zip" for number in range(6)]
    assert contest_of({}) is None
    assert contest_of({"course-example": files}) == COURSE
    with pytest.raises(
        InputError,
        match=r"must be for one contest, got course-example \(001.zip, 002.zip, 003.zip and 2 more\); "
        r"practice \(000.zip\); give its --rules",
    ):
        contest_of({"practice": files[:1], "course-example": files[1:]})


def test_several_bundles_are_checked_one_after_another(hand_in, tmp_path):
    paths = [hand_in(1), repack(hand_in(2), lambda files: files.pop("NOTICE")), tmp_path / "none.zip"]
    answer = tell("verify", *paths)
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines() == [
        f"{paths[0]}: no faults",
        "NOTICE: is in the manifest but not in the bundle",
        f"{paths[1]}: 1 fault",
        "bundle: none.zip: file does not exist, must be the zip of a bundle",
        f"{paths[2]}: 1 fault",
    ]
    found = json.loads(tell("verify", tmp_path, "--json").out)
    assert {Path(name).name: len(faults) for name, faults in found.items()} == {"001.zip": 0, "002.zip": 1}


def test_one_bundle_is_told_as_a_list_as_before(hand_in, tmp_path):
    assert json.loads(said("verify", hand_in(1), "--json")) == []
    assert "none.zip: file does not exist; there is" in refused("verify", tmp_path / "none.zip")


NUMBERS = {
    "beyond all floats": "1e999",
    "below all floats": "-1e999",
    "of 400 digits": "9" * 400,
    "of 5000 digits": "9" * 5000,
    "that is none": "NaN",
    "in 100,000 brackets": "[" * 100_000,
    "in 180 brackets": "[" * 180 + "]" * 180,
    "half a letter": r'"\ud800"',
}
"""What a manifest can say, by what it is."""


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_manifest_that_breaks_a_reader_is_that_bundles_fault_alone(hand_in, kind):
    def say(files: dict[str, bytes]) -> None:
        opening = b'"drawn_with": {'
        assert opening in files["manifest.json"]
        told = f'{opening.decode()}"x": {NUMBERS[kind]}, '.encode()
        files["manifest.json"] = files["manifest.json"].replace(opening, told, 1)

    board = rank_all([hand_in(1), repack(hand_in(2), say), hand_in(3)])
    assert ([one.file for one in board.unranked], len(board.standings)) == (["002.zip"], 2)
    assert all("sets off" not in reason for reason in board.unranked[0].reasons), "it was foreseen"


class Bursting:
    """Rules that cannot be asked for anything, as nobody foresaw."""

    practice = True

    def __getattr__(self, name: str) -> object:
        raise MemoryError(name)


def test_what_nobody_foresaw_is_that_bundles_fault_with_its_kind(hand_in):
    (fault,) = check(hand_in(2), Bursting()).faults
    assert str(fault).startswith("bundle: cannot be checked, it sets off MemoryError")


STRANGE = {
    "in GBK": "封面.zip".encode("gbk"),
    "of no letters": b"\xff\xfe.zip",
    "that tells the terminal": b"\x1b[2J\xc2\x9b.zip",
    "that turns the text": "a\u202egpj.zip".encode(),
    "with a line end": b"a\nb.zip",
    "that is a formula": b"=cmd;=1.zip",
    "that is markup": b"<script>.zip",
}
"""Names of files, by what they are."""


@pytest.mark.parametrize("kind", STRANGE)
def test_a_file_may_have_any_name(hand_in, tmp_path, kind):
    path = tmp_path / os.fsdecode(STRANGE[kind])
    hand_in(1).rename(path)
    hand_in(2)
    board = rank_all([tmp_path])
    assert len(board.standings) == 2
    page, lines = board_html(board), list(board_lines(board))
    page.encode()
    assert not set("\x1b\x9b\u202e") & set(page + board_csv(board).decode())
    assert "<script>.zip" not in page
    assert all(line.isprintable() for line in lines)
    assert len(rows_of(board)) == 2
    answer = tell("verify", tmp_path, "--json")
    assert all(one.isprintable() or one == "\n" for one in answer.out)
    assert len(json.loads(answer.out)) == 2


def test_two_files_never_share_a_name_in_reports():
    paths = [Path("/in") / os.fsdecode("封.zip".encode("gbk")), Path("/in/封.zip")]
    assert list(names_of(paths).values()) == ["封.zip", "封.zip (2)"]


def test_what_is_no_file_stops_no_other(hand_in, tmp_path):
    hand_in(1)
    (tmp_path / "loop.zip").symlink_to("loop.zip")
    (tmp_path / "zero.zip").symlink_to("/dev/zero")
    (tmp_path / "gone.zip").symlink_to("nowhere")
    (tmp_path / "folder.zip").mkdir()
    os.mkfifo(tmp_path / "fifo.zip")
    board = rank_all([tmp_path])
    assert (len(board.standings), len(board.unranked)) == (1, 5)
    assert all("must be the zip of a bundle" in one.reasons[0] for one in board.unranked)


def test_a_bundle_that_is_there_twice_by_a_link_is_one(hand_in, tmp_path):
    (tmp_path / "again.zip").symlink_to(hand_in(1))
    shutil.copy(hand_in(2), tmp_path / "copy.zip")
    assert len(bundles_in([tmp_path])) == 3


def test_a_place_without_any_bundle_makes_no_leaderboard(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "`storykit pack RUN` writes one" in refused(
        "leaderboard", tmp_path / "gone", "--out", tmp_path / "b"
    )
    assert refused("leaderboard", tmp_path / "empty", "--out", tmp_path / "b") == EMPTY.format(
        tmp_path / "empty"
    )
    assert not (tmp_path / "b").exists()


EMPTY = (
    "{}: no .zip of an entry lies in this folder: give the folder with the zips that `storykit pack` wrote, "
    "or one such zip"
)


@pytest.mark.parametrize("name", ["", "notes.md", "1.png", "deep/1.png"])
def test_a_folder_without_zips_is_told_what_belongs_there(hand_in, tmp_path, name):
    folder = tmp_path / "empty"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    if name:
        (folder / name).write_text("x")
    assert refused("verify", folder) == EMPTY.format(folder)
    beside_another = tell("verify", hand_in(1), folder).out
    assert "no .zip of an entry lies in this folder" in beside_another


def test_a_folder_whose_folder_has_zips_is_told_to_give_that(hand_in, tmp_path):
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    hand_in(1).rename(inner / "a.zip")
    assert f"give {inner / 'a.zip'}" in refused("verify", tmp_path / "outer")


@pytest.mark.parametrize("left", [".0123456789abcdef.part", "leaderboard.csv"])
def test_what_a_killed_leaderboard_left_keeps_nobody_from_writing_it_again(tmp_path, left):
    for name in (LOCK, left, "a.zip"):
        (tmp_path / name).touch()
    check_board_folder(tmp_path)


@pytest.mark.parametrize("name", ["1.png", "experiment.toml", "leaderboard.csv"])
def test_a_leaderboard_is_written_among_no_foreign_files(tmp_path, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine")
    told = refused("leaderboard", tmp_path / "x.zip", "--out", tmp_path / "mine")
    assert f"holds {name} and no leaderboard: choose a new or empty --out" in told
