import json
from pathlib import Path

import pytest
from command import refused, said, tell
from course_entries import COURSE
from entries import repack

from kit.errors import InputError
from submissions.leaderboard.intake import bundles_in, contest_of


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
        f"{paths[1]}: 1 faults",
        "bundle: a bundle must be a zip file, there is none at none.zip",
        f"{paths[2]}: 1 faults",
    ]
    found = json.loads(tell("verify", tmp_path, "--json").out)
    assert {Path(name).name: len(faults) for name, faults in found.items()} == {"001.zip": 0, "002.zip": 1}


def test_one_bundle_is_told_as_a_list_as_before(hand_in, tmp_path):
    assert json.loads(said("verify", hand_in(1), "--json")) == []
    assert "there is none at none.zip" in refused("verify", tmp_path / "none.zip")
