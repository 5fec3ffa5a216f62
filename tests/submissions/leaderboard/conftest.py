import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from course_entries import COURSE, retell
from entries import INTRODUCTION, forge, make_entry, make_scored_run, picture_bytes
from mosaics import mosaics_of
from PIL import Image

from kit.files.encodings import sha256_bytes
from kit.messages import LANGUAGE_VARIABLES
from submissions.packing.pack import pack


@pytest.fixture(autouse=True)
def _nobody_asks_for_a_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages speak the language of most entries."""
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> bytes:
    """The bytes of a sound bundle for the course."""
    folder = tmp_path_factory.mktemp("sound")
    entry = make_entry(folder, rules=COURSE, introduction=2 * INTRODUCTION)
    return pack(make_scored_run(folder / "work"), entry).path.read_bytes()


@pytest.fixture
def hand_in(sound, tmp_path) -> Callable[..., Path]:
    """Write the bundle of one more team, with pictures of its own."""

    def write(number: int, team: str = "", title: str = "", pictures: Sequence[int] = ()) -> Path:
        path = tmp_path / f"{number:03}.zip"
        path.write_bytes(sound)
        seeds = pictures or range(100 * (number + 1), 100 * (number + 1) + 8)
        return forge(path, lambda files, told: repaint(files, told, (team or f"队{number}", title, seeds)))

    return write


def repaint(files: dict[str, bytes], told: dict, entry: tuple[str, str, Sequence[int]]) -> None:
    """Make another team's entry of a bundle, every file as the team would have packed it."""
    team, title, seeds = entry
    told |= {"team": team, "title": title or told["title"]}
    told["name"] = COURSE.name_of(told["team"], told["title"])
    for panel, seed in zip(told["panels"], seeds, strict=True):
        with Image.open(io.BytesIO(files[panel["file"]])) as old:
            texts = {name: old.info[name] for name in ("storykit", "parameters")}
        files[panel["file"]] = picture_bytes(seed, texts)
        found = sha256_bytes(files[panel["file"]])
        files["scores.csv"] = files["scores.csv"].replace(panel["sha256"].encode(), found.encode())
        panel["sha256"] = found
    files |= mosaics_of(files)
    retell(files, told)
