"""What a story says of the maps that its panels are held to."""

from pathlib import Path

import pytest

from kit.errors import InputError
from kit.story.story import Story, load_story
from kit.story.structure.story_text import story_toml

WHOLE = (
    'control = [{ kind = "canny", picture = "pose3.png", weight = 0.5, until = 0.9, low = 50, high = 150 }, '
    '{ kind = "map", picture = "她.png" }]'
)


def written(folder: Path, control: str) -> Path:
    panels = [f'[[panel]]\nprompt = "a cat, scene {n}"\n' for n in range(8)]
    panels[2] += f"{control}\n"
    path = folder / "tale.toml"
    path.write_text('title = "A tale"\n' + "".join(panels), encoding="utf-8")
    return path


def story_with(folder: Path, control: str) -> Story:
    return load_story(written(folder, control)).story


def test_a_panel_is_held_with_the_weight_and_until_the_step_that_it_says_or_the_usual_ones(tmp_path):
    one, ready = story_with(tmp_path, WHOLE).panels[2].control
    assert (one.kind, one.weight, one.until, one.thresholds) == ("canny", 0.5, 0.9, (50, 150))
    assert (ready.kind, ready.weight, ready.until) == ("map", 0.7, 1.0)
    bare = story_with(tmp_path, 'control = [{ kind = "canny", picture = "x.png" }]').panels[2].control[0]
    assert bare.thresholds == (100, 200)


def test_a_story_that_is_written_again_says_the_same_of_its_maps(tmp_path):
    story = story_with(tmp_path, WHOLE)
    again = tmp_path / "again.toml"
    again.write_text(story_toml(story), encoding="utf-8")
    assert load_story(again).story == story


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('kind = "cany"', "must be 'canny', 'depth', 'pose' or 'map', got 'cany'; did you mean canny?"),
        ('kind = "canny", weight = 2.1', "weight: must be at most 2, got 2.1"),
        ('kind = "canny", weight = -0.1', "weight: must be at least 0, got -0.1"),
        ('kind = "canny", until = 0', "until: must be greater than 0, got 0"),
        ('kind = "canny", until = 1.5', "until: must be at most 1, got 1.5"),
        ('kind = "depth", low = 10', 'low is for kind = "canny": delete it'),
        ('kind = "canny", low = 300', "low must be at most high, got 300 and 200"),
        ('kind = "canny", weigth = 1', "did you mean weight?"),
    ],
)
def test_what_cannot_be_held_to_is_refused_in_its_place(tmp_path, entry, fault):
    with pytest.raises(InputError) as refused:
        story_with(tmp_path, f'control = [{{ picture = "x.png", {entry} }}]')
    [told] = refused.value.faults
    assert told.startswith("panel[3].control[1]")
    assert fault in told


def test_a_panel_is_held_to_four_maps_at_most(tmp_path):
    five = ", ".join(['{ kind = "map", picture = "x.png" }'] * 5)
    with pytest.raises(InputError, match="at most 4"):
        story_with(tmp_path, f"control = [{five}]")
