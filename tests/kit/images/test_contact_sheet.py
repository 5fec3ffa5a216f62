import numpy as np
import pytest
from fakes import fake_picture
from PIL import Image

from kit.images.contact_sheet import CELL, draw_contact_sheet, evenly_spaced


def test_every_picture_is_whole_on_the_sheet():
    colours = [(40 * n, 255 - 40 * n, 9) for n in range(6)]
    shapes = [(300, 300), (500, 250), (250, 500), (100, 100), (10, 900), (224, 224)]
    pictures = [Image.new("RGB", shape, colour) for shape, colour in zip(shapes, colours, strict=True)]
    sheet = np.asarray(draw_contact_sheet(pictures, list("abcdef"), ["x"] * 6))
    for (width, height), colour in zip(shapes, colours, strict=True):
        scale = min(1, CELL / max(width, height))
        seen = int((sheet == colour).all(axis=2).sum())
        assert seen == pytest.approx(width * scale * height * scale, abs=CELL)


def test_letters_that_cannot_be_written_are_left_out_of_the_sheet():
    picture = [fake_picture("a", 64)]
    bare, odd = (draw_contact_sheet(picture, ["a"], [text]) for text in ("a cat", "a cat\U0001e900"))
    assert bare.tobytes() == odd.tobytes()


def test_of_many_pictures_an_even_choice_is_shown():
    numbers = evenly_spaced(1000)
    assert (len(numbers), numbers[0], len(set(numbers))) == (240, 0, 240)
    assert set(np.diff(numbers)) <= {4, 5}
