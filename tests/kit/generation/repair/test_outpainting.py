"""Pictures drawn on beyond their edges, window by window."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.experiment.steps import Outpaint
from kit.generation.painter import DrawFailure
from kit.generation.repair.masks import pasted
from kit.generation.repair.outpainting import outpainted


def picture(side: int = 64) -> Image.Image:
    chance = np.random.default_rng(1)
    return Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8))


def step(left: int = 0, top: int = 0, right: int = 0, bottom: int = 0) -> Outpaint:
    return Outpaint(seed=1, strength=0.8, left=left, top=top, right=right, bottom=bottom)


class Drawer:
    """Draws one colour inside the mask, and notes what it was given."""

    def __init__(self) -> None:
        self.windows: list[tuple[Image.Image, Image.Image]] = []

    def __call__(self, begun: Image.Image, mask: Image.Image) -> Image.Image:
        self.windows.append((begun, mask))
        return pasted(Image.new("RGB", begun.size, (0, 200, 0)), begun, mask)


@settings(max_examples=25, deadline=None)
@given(across=st.tuples(st.integers(0, 64), st.integers(0, 64)), down=st.integers(0, 64))
def test_the_picture_stays_and_all_around_it_is_drawn_in_windows_of_its_size(across, down):
    more = min(64, sum(across)) // 32 * 32
    left, top = min(across[0], more), min(down, more)
    source, drawer = picture(), Drawer()
    wider = outpainted(source, step(left, top, more - left, more - top), drawer)
    assert isinstance(wider, Image.Image)
    assert wider.size == (64 + more, 64 + more)
    assert wider.crop((left, top, left + 64, top + 64)).tobytes() == source.tobytes()
    assert {begun.size for begun, _ in drawer.windows} <= {(64, 64)}
    marked = sum(int((np.asarray(mask) > 0).sum()) for _, mask in drawer.windows)
    assert marked == (64 + more) ** 2 - 64**2, "each new pixel is drawn once"


def test_what_is_not_known_begins_with_the_colours_of_the_nearest_edge():
    source, drawer = Image.new("RGB", (64, 64), (9, 9, 9)), Drawer()
    outpainted(source, step(right=32, bottom=32), drawer)
    first, _ = drawer.windows[0]
    assert first.getcolors() == [(64 * 64, (9, 9, 9))]
    assert (0, 200, 0) in {colour for _, colour in drawer.windows[-1][0].getcolors(64 * 64)}


def test_a_window_that_cannot_be_drawn_is_why_there_is_no_picture():
    assert outpainted(picture(), step(right=32, top=32), lambda *_: DrawFailure(reason="no")) == DrawFailure(
        reason="no"
    )
