import numpy as np
import pytest
from PIL import Image

from kit.images.lettering import NUMBERS_ONLY, Lettering, can_write, find_lettering
from kit.images.png_metadata import encoded
from submissions.bundle.mosaic import CELL, GRIDS, Grid, MosaicText, draw_mosaic

CHINESE = ("雪夜，小猫阿墨离开了家。", "竹林里有一盏灯笼。", "月亮沉进湖里。", "桥上的风很大。") * 2

ENGLISH = ("The cat leaves home.", "A lantern in the bamboo.", "The moon sinks.", "Wind on the bridge.") * 2

CJK = find_lettering(CHINESE).file

needs_cjk = pytest.mark.skipif(CJK is None, reason="no CJK font on this machine")
COLOURS = [(30 * n, 255 - 30 * n, 128) for n in range(8)]
PANELS = [Image.new("RGB", (64, 64), colour) for colour in COLOURS]


def words(captions=ENGLISH, title="Ink cat", lettering: Lettering | None = None) -> MosaicText:
    return MosaicText(
        title=title, captions=captions, lettering=lettering or find_lettering([title, *captions])
    )


def colour_of_cell(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return left edge, upper edge and number of pixels of a colour on a sheet."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(axis=2))
    return int(columns.min()), int(rows.min()), len(rows)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.file)
def test_the_panels_stand_in_reading_order_and_whole(grid):
    sheet = draw_mosaic(PANELS, words(), grid)
    found = [colour_of_cell(sheet, colour) for colour in COLOURS]
    assert all(pixels == CELL * CELL for _, _, pixels in found)
    assert found == sorted(found, key=lambda cell: (cell[1], cell[0]))
    assert len({left for left, _, _ in found}) == grid.columns
    assert len({upper for _, upper, _ in found}) == grid.rows


def test_the_mosaics_are_named_by_rows_and_columns():
    assert [grid.file for grid in GRIDS] == ["mosaic-4x2.png", "mosaic-2x4.png"]


def test_the_same_panels_give_the_same_bytes():
    grid = GRIDS[0]
    assert encoded(draw_mosaic(PANELS, words(), grid)) == encoded(draw_mosaic(PANELS, words(), grid))


def test_a_mosaic_carries_no_text_chunk():
    panels = [Image.new("RGB", (64, 64)) for _ in range(8)]
    for panel in panels:
        panel.info["Author"] = "someone"
    data = encoded(draw_mosaic(panels, words(), GRIDS[1]))
    assert b"tEXt" not in data
    assert b"iTXt" not in data


def test_without_a_font_chinese_captions_become_panel_numbers_and_say_so():
    lettering = find_lettering(CHINESE, files=[])
    assert lettering.note == NUMBERS_ONLY
    assert not lettering.captions
    numbers = draw_mosaic(PANELS, words(CHINESE, "墨猫", lettering), GRIDS[0])
    bare = draw_mosaic(PANELS, words(("",) * 8, "", lettering), GRIDS[0])
    assert encoded(numbers) == encoded(bare)


@needs_cjk
def test_chinese_captions_are_written_with_a_chinese_font():
    lettering = find_lettering(CHINESE, files=[CJK])
    assert lettering.captions
    assert can_write(lettering.font(32), set("".join(CHINESE)))
    written = draw_mosaic(PANELS, words(CHINESE, "墨猫", lettering), GRIDS[0])
    bare = draw_mosaic(PANELS, words(("",) * 8, "", lettering), GRIDS[0])
    assert encoded(written) != encoded(bare)


@needs_cjk
def test_of_two_weights_the_regular_one_is_taken():
    bold = CJK.with_name(CJK.name.replace("Regular", "Bold"))
    assert find_lettering(CHINESE, files=[bold, CJK]).file == CJK


@pytest.mark.parametrize("caption", ["word " * 60, "wordwithoutanyspace" * 20, "a", ""])
def test_a_caption_of_any_length_stays_under_its_own_panel(caption):
    grid = Grid(rows=1, columns=2)
    captions = (caption, "")
    sheet = draw_mosaic(PANELS[:2], words(captions, ""), grid)
    left, upper, _ = colour_of_cell(sheet, COLOURS[1])
    below = np.asarray(sheet)[upper + CELL + 2 :, left - 30 : left - 2]
    assert (below == below[0, 0]).all()


def test_captions_of_more_than_two_lines_are_cut_and_do_not_grow_the_sheet():
    two, many = (draw_mosaic(PANELS, words(("word " * count,) * 8), GRIDS[0]) for count in (14, 400))
    assert two.size == many.size


def test_a_row_of_short_captions_takes_one_line():
    short = draw_mosaic(PANELS, words(("a",) * 8), GRIDS[1])
    long = draw_mosaic(PANELS, words(("a",) * 4 + ("word " * 30,) * 4), GRIDS[1])
    assert short.height < long.height


def test_panels_with_transparency_and_grey_panels_are_taken():
    mixed = [Image.new("RGBA", (64, 64), (255, 0, 0, 128)), Image.new("L", (64, 64), 7), *PANELS[2:]]
    assert draw_mosaic(mixed, words(), GRIDS[0]).mode == "RGB"
