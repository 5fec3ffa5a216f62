from pathlib import Path

import numpy as np
import pytest

from kit.dataset.captioning.scenes.network import SIDE
from kit.dataset.captioning.scenes.questions import labels_of
from kit.errors import TrainError
from kit.mini.training.captioner import renders
from kit.mini.training.captioner.renders import APART, COVER, FIRST, labelled, read_parts, render_parts
from kit.mini.training.shards import training_scene
from kit.world.render import render


def test_what_is_known_of_a_render_is_the_scenes_and_its_masks() -> None:
    scene = training_scene("ink", 7)
    one, drawn = labelled(scene), render(scene)
    assert one.picture.shape == (SIDE, SIDE, 3)
    assert (one.scene, one.figures) == labels_of(scene)
    for cover, mask in zip(one.cover, drawn.subjects, strict=False):
        assert float(cover.mean()) == pytest.approx(float(mask.mean()), abs=1e-3)
    assert one.cover.shape == (2, COVER, COVER)


def test_parts_are_rendered_once_and_read_back_style_by_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainError, match="holds no renders"):
        read_parts(tmp_path)
    monkeypatch.setattr(renders, "PART", dict.fromkeys(renders.PART, 1))
    files = list(render_parts(tmp_path, 2, workers=1))
    before = [path.stat().st_mtime_ns for path in files]
    assert [path.stat().st_mtime_ns for path in render_parts(tmp_path, 2, workers=1)] == before
    whole = read_parts(tmp_path)
    assert whole.pictures.shape == (12, SIDE, SIDE, 3)
    truth = [
        labels_of(training_scene(style, FIRST + part * APART))[0]
        for part in (0, 1)
        for style in sorted(renders.PART)
    ]
    np.testing.assert_array_equal(whole.scene, truth)
