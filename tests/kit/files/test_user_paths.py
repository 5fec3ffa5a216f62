"""What is said of a path that is not there."""

from pathlib import Path

import pytest

from kit.files.user_paths import missing_file, missing_folder, why_not_there


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("rian.txt", "file does not exist, did you mean rain.txt?"),
        ("水墨画风格二.toml", "file does not exist, did you mean 水墨画风格.toml?"),
        ("gone.zip", "file does not exist"),
        ("nofile.txt", "file does not exist"),
        ("snow.safetensors", "file does not exist"),
        ("rain.toml", "file does not exist, did you mean rain.txt?"),
        ("Sdxl.safetensors", "file does not exist, did you mean sdxl.safetensors?"),
        ("none/rain.txt", "file does not exist"),
    ],
)
def test_a_missing_file_is_told_with_the_one_beside_it_that_was_meant(
    tmp_path: Path, asked: str, told: str
) -> None:
    for name in ("rain.txt", "水墨画风格.toml", "sdxl.safetensors"):
        (tmp_path / name).touch()
    assert missing_file(tmp_path / asked) == told


def test_a_link_that_leads_nowhere_is_not_what_was_meant_by_itself(tmp_path):
    (tmp_path / "rain").symlink_to("nowhere")
    assert missing_folder(tmp_path / "rain") == "does not exist"


def test_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    assert why_not_there("zero.png", tmp_path / "zero.png") == "is no file"
