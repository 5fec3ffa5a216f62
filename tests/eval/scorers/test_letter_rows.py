import random

import pytest
from PIL import Image, ImageDraw, ImageFont
from rendered_tale import true_picture

from eval.scorers.letter_rows import letter_row
from eval.validation.corruptions import painted_text


def test_letters_painted_over_a_picture_are_found_where_they_are():
    for panel in range(1, 9):
        clean = true_picture(panel)
        [painted] = painted_text(None, [clean], random.Random(panel), None)
        row = letter_row(painted)
        assert row is not None
        assert row.glyphs >= 7
        left, top, right, bottom = row.box
        assert left < 30
        assert right > 150
        assert 20 < bottom - top < 60


def test_true_pictures_show_none():
    assert [letter_row(true_picture(panel)) for panel in range(1, 9)] == [None] * 8


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_a_box_is_in_the_pixels_of_the_picture_whatever_its_size(side):
    picture = Image.new("RGB", (side, side), "grey")
    font = ImageFont.load_default(size=side // 12)
    words, where = "STORYKIT", (side // 8, side // 2)
    drawing = ImageDraw.Draw(picture)
    drawing.text(where, words, fill="white", font=font, stroke_width=side // 128, stroke_fill="black")
    row = letter_row(picture)
    assert row is not None
    truth = drawing.textbbox(where, words, font=font)
    assert all(abs(one - true) <= side / 16 for one, true in zip(row.box, truth, strict=True))


def test_few_glyphs_and_glyphs_that_stand_apart_are_no_letters():
    for words in ("ABC", "A   B   C   D   E   F"):
        picture = Image.new("RGB", (256, 256), "grey")
        ImageDraw.Draw(picture).text((10, 100), words, fill="white", font=ImageFont.load_default(size=22))
        assert letter_row(picture) is None
