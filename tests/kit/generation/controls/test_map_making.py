"""Maps out of pictures."""

import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from kit.errors import InputError
from kit.generation.controls.map_making import map_of
from kit.story.control import PanelControl
from tests.support.toy_controlnets import shapes


def control(kind: str, **more: object) -> PanelControl:
    return PanelControl.model_validate({"kind": kind, "picture": "one.png"} | more)


def test_edges_are_those_that_opencv_finds_at_the_panels_size():
    picture = shapes(1, 300)
    sized = picture.resize((128, 128), Image.Resampling.LANCZOS)
    made = map_of(picture, control("canny"), 128, None)
    assert made.mode == "RGB"
    wanted = cv2.Canny(np.asarray(sized), 100, 200)
    assert all(np.array_equal(np.asarray(made)[..., channel], wanted) for channel in range(3))
    fewer = map_of(picture, control("canny", low=500, high=800), 128, None)
    assert np.array_equal(np.asarray(fewer)[..., 0], cv2.Canny(np.asarray(sized), 500, 800))
    assert 0 < np.asarray(fewer).sum() < np.asarray(made).sum()


def test_a_ready_map_is_the_picture_itself():
    picture = shapes(2, 64)
    assert map_of(picture, control("map"), 64, None).tobytes() == picture.tobytes()
    assert map_of(picture, control("map"), 32, None).size == (32, 32)


def test_a_picture_without_edges_is_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"its canny map shows nothing: lower low and high"):
        map_of(Image.linear_gradient("L").convert("RGB"), control("canny"), 64, None)
    with pytest.raises(InputError, match=r"its canny map shows nothing: take another picture"):
        map_of(Image.new("RGB", (64, 64), "grey"), control("canny"), 64, None)
    with pytest.raises(InputError, match=r"its map map shows nothing: take another picture"):
        map_of(Image.new("RGB", (64, 64)), control("map"), 64, None)


def test_edges_without_opencv_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"needs OpenCV: pip install storykit\[bases\]"):
        map_of(shapes(1), control("canny"), 64, None)
