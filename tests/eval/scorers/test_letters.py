"""Letters in pictures; what needs the extra runs where it is installed."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from eval.scorers.load import load_scorers
from kit.errors import WeightsError
from kit.experiment.tables import can_read_letters
from kit.world.render import render
from kit.world.tale import sample_tale


@pytest.mark.skipif(can_read_letters(), reason="the extra is installed")
def test_who_asks_for_letters_without_the_extra_is_told_what_to_install() -> None:
    with pytest.raises(WeightsError, match=r"pip install storykit\[letters\]"):
        load_scorers("mini", "mini", letters=True)


@pytest.fixture(scope="module")
def read() -> Callable[[Image.Image], list[str]]:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    from eval.scorers.letters import RapidReader

    reader = RapidReader.load()
    return lambda picture: [one.text for one in reader.read([picture])[0]]


def written(picture: Image.Image, words: str, size: int, place: tuple[int, int] = (20, 100)) -> Image.Image:
    copy = picture.copy()
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(copy).text(place, words, fill="white", font=font, stroke_width=2, stroke_fill="black")
    return copy


@pytest.fixture(scope="module")
def panel() -> Image.Image:
    return render(sample_tale(0).scenes[0]).picture


def test_painted_words_are_read(read, panel) -> None:
    assert read(panel) == []
    assert read(written(panel, "HELLO", 34)) == ["HELLO"]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_the_mode_of_a_picture_does_not_matter(read, panel, mode) -> None:
    assert read(written(panel, "HELLO", 34).convert(mode)) == ["HELLO"]


def test_words_in_a_large_picture_are_read(read, panel) -> None:
    assert read(written(panel.resize((1024, 1024)), "HELLO", 90)) == ["HELLO"]


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (32, 32), (64, 16), (8, 300)])
def test_pictures_too_small_for_letters_hold_none(read, size) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    assert read(Image.fromarray(noise)) == []


def test_one_letter_alone_is_no_word(read, panel) -> None:
    assert read(written(panel, "A", 60)) == []


def test_the_same_picture_has_the_same_reading_every_time_and_its_share_is_that_of_the_words(panel) -> None:
    pytest.importorskip("rapidocr")
    from eval.scorers.letters import RapidReader

    picture = written(panel, "HELLO", 34)
    readings = [RapidReader.load().read([panel, picture, picture]) for _ in range(2)]
    assert readings[0] == readings[1]
    assert readings[0][1] == readings[0][2]
    [(text, share)] = readings[0][1]
    assert text == "HELLO"
    assert 0.03 < share < 0.12
