import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_taggers import onnx_network, wd_folder

from kit.dataset.captioning.taggers.wd_tagger import network_pixels, open_wd_tagger
from kit.errors import WeightsError

pytest.importorskip("onnxruntime")
WHITE = Image.new("RGB", (9, 6), "white")


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_tags_come_surest_first_with_spaces_but_in_faces_and_no_rating(tmp_path: Path) -> None:
    sure = (0.99, 0.5, 0.9, 0.4, 0.86, 0.3)
    tagger = open_wd_tagger(wd_folder(tmp_path, [logit(p) for p in sure]), 0.35, "cpu")
    assert tagger(WHITE) == ["long hair", "hatsune miku", "1girl", "^_^"]


def test_a_character_counts_from_085_and_others_from_the_threshold(tmp_path: Path) -> None:
    sure = (0.1, 0.5, 0.61, 0.2, 0.84, 0.59)
    tagger = open_wd_tagger(wd_folder(tmp_path, [logit(p) for p in sure]), 0.6, "cpu")
    assert tagger(WHITE) == ["long hair"]


def test_a_picture_is_seen_whole_in_a_white_square_in_bgr() -> None:
    picture = Image.new("RGB", (4, 2), (200, 100, 50))
    pixels = network_pixels(picture, 4)
    assert pixels.shape == (1, 4, 4, 3)
    np.testing.assert_array_equal(pixels[0, 1:3], np.broadcast_to((50.0, 100.0, 200.0), (2, 4, 3)))
    np.testing.assert_array_equal(pixels[0, [0, 3]], np.full((2, 4, 3), 255.0))
    assert pixels.dtype == np.float32


def test_a_picture_of_one_line_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []
    new = Image.new
    monkeypatch.setattr(Image, "new", lambda mode, size, *more: made.append(size) or new(mode, size, *more))
    pixels = network_pixels(new("RGB", (32768, 1), "black"), 448)
    assert max(max(size) for size in made) <= 4096
    assert pixels[0, 224].mean() < 255
    np.testing.assert_array_equal(pixels[0, :200], 255.0)


def test_a_network_that_fails_at_a_picture_is_one_line_with_its_file(tmp_path: Path) -> None:
    folder = wd_folder(tmp_path, [0.0] * 6)
    (folder / "model.onnx").write_bytes(onnx_network(4, np.zeros((40, 6), np.float32)))
    tagger = open_wd_tagger(folder, 0.35, "cpu")
    with pytest.raises(WeightsError, match=r"model\.onnx does not work: .*; download it again") as error:
        tagger(WHITE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["model.onnx", "selected_tags.csv"])
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path: Path, name: str) -> None:
    (wd_folder(tmp_path, [0.0] * 6) / name).unlink()
    with pytest.raises(WeightsError, match=rf"lacks {name}.*huggingface.co/SmilingWolf"):
        open_wd_tagger(tmp_path, 0.35, "cpu")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("model.onnx", b"no network at all", "is no ONNX network"),
        ("model.onnx", onnx_network(4, np.zeros((64, 6), np.float32), 4), "is no WD tagger: it must take"),
        ("model.onnx", onnx_network(4096, np.zeros((48, 6), np.float32)), "side at most 2048"),
        ("model.onnx", onnx_network(4, np.zeros((96, 6), np.float32), count=2), "is no WD tagger: it must"),
        ("selected_tags.csv", b"name,category\n" + b"\n" * 2**24, "has more than 16777216 bytes"),
        ("model.onnx", onnx_network(4, np.zeros((48, 5), np.float32)), "names 6 tags"),
        ("selected_tags.csv", b"a,b\n1,2\n", "must have the columns name and category"),
        ("selected_tags.csv", b"name,category\nx,99999999999999999999\n", "must have the columns name and"),
        ("selected_tags.csv", b"name,category\nx,red\n", "must have the columns name and category"),
    ],
)
def test_what_is_no_tagger_is_refused_in_a_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (wd_folder(tmp_path, [0.0] * 6) / name).write_bytes(content)
    with pytest.raises(WeightsError, match=told) as error:
        open_wd_tagger(tmp_path, 0.35, "cpu")
    assert "\n" not in str(error.value)


def test_its_file_may_be_named_in_place_of_its_folder(tmp_path: Path) -> None:
    file = wd_folder(tmp_path, [-5.0, 5, -5, -5, -5, -5]) / "model.onnx"
    assert open_wd_tagger(file, 0.35, "cpu")(Image.new("RGB", (8, 8), "white")) == ["1girl"]


def test_without_onnxruntime_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(WeightsError, match=r"pip install storykit\[captions\]"):
        open_wd_tagger(wd_folder(tmp_path, [0.0] * 6), 0.35, "cpu")
