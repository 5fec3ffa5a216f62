import os

import pytest
from fakes import make_run

from kit.errors import BoardError, StorykitError
from storykit.board.served_folder import ServedFolder


@pytest.mark.parametrize(
    "name",
    [
        "..", "../rain", "rain/../../secret", "/etc/passwd", "rain//panels", "rain/", "", "./rain", "rain/.",
        "rain\\..\\x", "C:\\x", "a\x00b", "a\nb", "out", "out/secret.toml", "in/out/secret.toml",
        ".storykit-board/jobs", "\u202etxt",
    ],
)  # fmt: skip
def test_nothing_outside_the_folder_has_a_path(tmp_path, name) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.toml").write_text("x = 1")
    root = tmp_path / "served"
    (root / "in").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "in" / "out").symlink_to(root / "out")
    with pytest.raises(BoardError, match="served"):
        ServedFolder.open(root).inside(name)


def test_what_is_in_the_folder_has_one_through_links_too(tmp_path) -> None:
    make_run(tmp_path / "2026" / "rain")
    (tmp_path / "latest").symlink_to(tmp_path / "2026" / "rain" / "run")
    served = ServedFolder.open(tmp_path)
    assert served.run("latest").loaded.experiment.candidates[0].name == "base"
    assert served.inside("2026/new.toml") == tmp_path.resolve() / "2026" / "new.toml"
    assert served.name_of(served.inside("2026/小猫.toml")) == "2026/小猫.toml"


def test_runs_are_found_below_the_newest_first_and_links_out_are_not(tmp_path) -> None:
    root = tmp_path / "served"
    make_run(root / "old")
    make_run(root / "a" / "deep")
    make_run(tmp_path / "elsewhere")
    make_run(root / ".hidden")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    os.utime(root / "old" / "run" / "experiment.toml", (1, 1))
    assert ServedFolder.open(root).runs() == ["a/deep/run", "old/run"]


def test_a_run_can_be_the_folder_itself(tmp_path) -> None:
    make_run(tmp_path / "rain")
    served = ServedFolder.open(tmp_path / "rain" / "run")
    assert served.runs() == ["."]
    assert served.run(".").folder == (tmp_path / "rain" / "run").resolve()


def test_what_is_of_a_kind_is_named(tmp_path) -> None:
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "ink.safetensors").write_bytes(b"")
    assert ServedFolder.open(tmp_path).of_kind("lora") == ["loras/ink.safetensors"]


@pytest.mark.parametrize("name", ["nowhere", "file.txt"])
def test_a_folder_that_is_none_is_refused(tmp_path, name) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(BoardError, match="is no folder"):
        ServedFolder.open(tmp_path / name)


def test_a_run_that_is_none_is_refused(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorykitError, match="empty"):
        ServedFolder.open(tmp_path).run("empty")
