"""The pictures that panels are held to: what is refused, and what a run keeps of them."""

from pathlib import Path

import pytest
from PIL import Image

from kit.errors import InputError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.images.decode import open_picture
from tests.support.controlled_run import EDGES, controlled_experiment
from tests.support.toy_controlnets import shapes


def faults(path: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as refused:
        load_experiment(path)
    return refused.value.faults


def test_every_picture_that_cannot_be_used_is_named_with_its_place(tmp_path):
    path = controlled_experiment(
        tmp_path,
        [
            EDGES.replace("one.png", name)
            for name in ("oen.png", "wide.png", "text.png", "moving.gif", ".", "one.png")
        ],
    )
    Image.new("RGB", (300, 200)).save(tmp_path / "wide.png")
    Image.new("P", (64, 64)).save(tmp_path / "moving.gif")
    (tmp_path / "text.png").write_text("no picture")
    place = "stories[1] tale: panel[{}].control[1].picture: "
    told = [one.removeprefix(place.format(number)) for number, one in enumerate(faults(path), 1)]
    assert told == [
        f"file oen.png does not exist in {tmp_path}, did you mean one.png?",
        "wide.png has 300 x 200 pixels and panels are square: cut it to 200 x 200",
        "text.png is not a picture of a known format (PNG, JPEG, WEBP)",
        "moving.gif is GIF, must be one of PNG, JPEG, WEBP",
        "file . is a folder",
    ]


def test_a_picture_of_more_pixels_than_are_decoded_is_refused_unread(tmp_path):
    path = controlled_experiment(tmp_path, [EDGES])
    Image.new("1", (9000, 9000)).save(tmp_path / "one.png")
    [told] = faults(path)
    assert "one.png has 9000 x 9000 pixels" in told
    assert "save it smaller" in told


def test_a_run_keeps_the_pictures_and_needs_the_users_no_more(tmp_path):
    path = controlled_experiment(tmp_path)
    turned = Image.open(tmp_path / "one.png").convert("RGBA")
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    turned.save(tmp_path / "one.png", exif=exif)
    run = Run.create(tmp_path / "run", load_experiment(path))
    for name in ("one.png", "two.jpg"):
        (tmp_path / name).unlink()
    panels = Run.open(run.folder).loaded.stories[0].story.panels
    kept = [run.folder / "stories" / one.picture for panel in panels for one in panel.control]
    assert len({one.resolve() for one in kept}) == 2
    first = open_picture(kept[0])
    assert first.tobytes() == shapes(1, 300).tobytes()
    assert not first.info
    assert all(one.resolve().parent == run.folder / "controls" for one in kept)


def test_a_run_made_of_a_runs_story_keeps_the_very_same_files(tmp_path):
    first = Run.create(tmp_path / "run", load_experiment(controlled_experiment(tmp_path)))
    second = Run.create(tmp_path / "again", first.loaded)
    files = [
        {path.name: path.read_bytes() for path in (run.folder / "controls").iterdir()}
        for run in (first, second)
    ]
    assert files[0] == files[1]
    assert first.loaded.stories[0].story == second.loaded.stories[0].story
