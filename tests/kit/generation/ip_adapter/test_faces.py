"""Faces are found where the detector says, the largest is taken, and turned upright as OpenCV turns it."""

import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from kit.errors import WeightsError
from kit.generation.ip_adapter.faces import FaceAnalyser, upright
from kit.models.ip_adapter.adapter_files import DETECTOR, RECOGNISER
from tests.support.toy_faces import REACH, WIDTH, face_picture, write_analyser

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""ArcFace's, of insightface."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_analyser(tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def analyser(folder):
    return FaceAnalyser(folder)


def test_a_face_is_found_where_the_network_says_in_the_pixels_of_the_picture(analyser):
    face = analyser.largest(face_picture((9, 8)))
    left, up, right, down = REACH
    cell = 8  # pixels of a stride of 32 in a picture of 160
    assert face.box == pytest.approx(
        (cell * (9 - left), cell * (8 - up), cell * (9 + right), cell * (8 + down))
    )
    assert face.embedding.shape == (WIDTH,)
    assert face.embedding.dtype == np.float32


def test_a_wide_picture_is_looked_at_whole(analyser):
    wide = Image.new("RGB", (320, 160))
    wide.paste(Image.new("RGB", (16, 16), "white"), (192, 64))
    left, *_ = analyser.largest(wide).box
    assert left == pytest.approx(16 * (12 - REACH[0]))


def test_a_picture_without_a_face_has_none(analyser):
    assert analyser.largest(Image.new("RGB", (160, 160))) is None


def test_of_two_faces_the_larger_is_taken_and_another_face_has_another_embedding(analyser, monkeypatch):
    one, other = (analyser.largest(face_picture(cell)) for cell in ((5, 5), (12, 12)))
    boxes, points = analyser._found(face_picture((5, 5), (12, 12)))
    assert len(boxes) == 2, "each has two anchors, which are one face"
    boxes[1, 2:] += 3
    monkeypatch.setattr(analyser, "_found", lambda picture: (boxes, points))
    taken = analyser.largest(face_picture((5, 5), (12, 12)))
    assert taken.box[0] == boxes[1, 0]
    assert one.box != other.box


def test_a_face_is_turned_upright_as_insightface_turns_it():
    grains = np.random.default_rng(0).integers(0, 256, (25, 25, 3), dtype=np.uint8)
    picture = Image.fromarray(grains).resize((200, 200), Image.Resampling.BICUBIC)
    turned = np.array([[80.0, 70.0], [118.0, 84.0], [92.0, 101.0], [70.0, 112.0], [100.0, 122.0]])
    rows = np.concatenate([
        np.column_stack([turned[:, 0], -turned[:, 1], np.ones(5), np.zeros(5)]),
        np.column_stack([turned[:, 1], turned[:, 0], np.zeros(5), np.ones(5)]),
    ])  # fmt: skip
    a, b, across, down = np.linalg.lstsq(rows, TEMPLATE.T.ravel(), rcond=None)[0]
    matrix = np.array([[a, -b, across], [b, a, down]])
    expected = cv2.warpAffine(np.asarray(picture), matrix, (112, 112), borderValue=0.0).astype(int)
    ours = np.asarray(upright(picture, turned.astype(np.float32))).astype(int)
    inside = (slice(2, -2), slice(2, -2))
    assert np.abs(ours[inside] - expected[inside]).mean() < 0.5, "OpenCV rounds places to 1/32 of a pixel"
    shifted = np.roll(expected, 1, axis=1)
    assert np.abs(ours[inside] - shifted[inside]).mean() > 2


def test_the_crop_is_the_square_around_the_face_black_beyond_the_picture(analyser):
    picture = face_picture((0, 8))
    face = analyser.largest(picture)
    crop = np.asarray(face.crop(picture, 48))
    assert crop.shape == (48, 48, 3)
    assert not crop[:, :10].any()
    assert crop.max() == 255


def test_a_torn_network_is_told_in_a_line(tmp_path):
    place = write_analyser(tmp_path)
    (place / DETECTOR).write_bytes((place / DETECTOR).read_bytes()[:100])
    with pytest.raises(WeightsError, match=r"scrfd_10g_bnkps\.onnx cannot be read: .*; download it again"):
        FaceAnalyser(place)


@pytest.mark.parametrize("name", [DETECTOR, RECOGNISER])
def test_an_empty_file_and_another_network_are_told_in_a_line(tmp_path, name):
    place = write_analyser(tmp_path)
    other = RECOGNISER if name == DETECTOR else DETECTOR
    for data in (b"", (place / other).read_bytes()):
        (place / name).write_bytes(data)
        with pytest.raises(WeightsError, match=f"{name} cannot be read: .*; download it again"):
            FaceAnalyser(place)


def test_without_onnxruntime_a_line_says_how_to_install_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(WeightsError, match=r"not installed: pip install storykit\[face-ids\]"):
        FaceAnalyser(folder)
