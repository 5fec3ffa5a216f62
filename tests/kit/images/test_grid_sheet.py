"""Pictures in rows and columns: each in its place, whole, with its labels beside and above."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageColor

from kit.images.contact_sheet import PAPER
from kit.images.grid_sheet import SMALLEST, TALLEST, WIDEST, GridWords, draw_grid, side_of
from kit.images.lettering import find_lettering

COLOURS = ("#c01010", "#10c010", "#1010c0", "#c0c010", "#10c0c0", "#c010c0")


def words(rows: int, columns: int, title: str = "", label: str = "seed") -> GridWords:
    names = [f"{label} {number}" for number in range(max(rows, columns))]
    lettering = find_lettering([title, *names])
    return GridWords(
        title=title, subtitle="", rows=names[:rows], columns=names[:columns], lettering=lettering
    )


def squares(count: int) -> Iterator[Image.Image]:
    return (Image.new("RGB", (32, 32), COLOURS[number % len(COLOURS)]) for number in range(count))


def found(sheet: Image.Image, colour: str) -> tuple[int, int, int, int]:
    """Return the box of all pixels of a colour: left, upper, width, height."""
    rows, columns = np.nonzero((np.asarray(sheet) == ImageColor.getrgb(colour)).all(axis=2))
    left, upper = columns.min(), rows.min()
    return left, upper, columns.max() - left + 1, rows.max() - upper + 1


def test_pictures_stand_row_by_row_and_none_is_cut() -> None:
    sheet = draw_grid(squares(6), words(2, 3))
    boxes = [found(sheet, colour) for colour in COLOURS]
    assert {box[2:] for box in boxes} == {(512, 512)}
    lefts, uppers = [box[0] for box in boxes], [box[1] for box in boxes]
    assert lefts[:3] == lefts[3:] == sorted(set(lefts))
    assert len(set(uppers[:3])) == len(set(uppers[3:])) == 1
    assert uppers[0] + 512 < uppers[3]


def test_labels_stand_on_paper_beside_and_above_their_pictures() -> None:
    sheet = draw_grid(squares(6), words(2, 3, title="雨天"))
    bare = draw_grid(squares(6), words(2, 3, label=" "))
    left, upper, *_ = found(sheet, COLOURS[0])
    paper = np.asarray(sheet) == ImageColor.getrgb(PAPER)
    inked = ~paper.all(axis=2)
    for row in range(2):
        assert inked[upper + 520 * row : upper + 520 * row + 512, :left].any()
    for column in range(3):
        assert inked[upper - 60 : upper, left + 520 * column : left + 520 * column + 512].any()
    assert inked[: upper - 60, :300].any()
    assert found(bare, COLOURS[0])[0] < left


def test_a_picture_that_is_not_there_leaves_its_place_empty() -> None:
    pictures = list(squares(4))
    sheet = draw_grid([pictures[0], None, pictures[2], pictures[3]], words(2, 2))
    left, upper, *_ = found(sheet, COLOURS[0])
    inside = np.asarray(sheet.crop((left + 521, upper + 1, left + 760, upper + 200)))
    assert (inside == ImageColor.getrgb(PAPER)).all(axis=2).mean() > 0.99
    assert sheet.size == draw_grid(squares(4), words(2, 2)).size


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (8, 3), (64, 8), (3, 40)])
def test_many_pictures_are_smaller_so_that_the_sheet_is_not(rows: int, columns: int) -> None:
    side = side_of(rows, columns)
    assert SMALLEST <= side <= 512
    assert rows * side <= TALLEST
    assert columns * side <= WIDEST
    sheet = draw_grid(squares(rows * columns), words(rows, columns))
    assert max(sheet.size) < 6000
    assert found(sheet, COLOURS[0])[2] >= side


def test_a_long_label_is_broken_and_cut_and_the_pictures_keep_their_place() -> None:
    long = words(2, 2, label="a name that is much too long for any place beside a picture " * 4)
    left, *_ = found(draw_grid(squares(4), long), COLOURS[0])
    assert left < 400
