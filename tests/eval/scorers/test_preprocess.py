import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import CLIPImageProcessor

from eval.scorers.preprocess import Preparation
from kit.errors import WeightsError

SIDE = 32


@given(st.integers(20, 300), st.integers(20, 300), st.sampled_from(["RGB", "L", "RGBA"]))
@settings(max_examples=30, deadline=None)
def test_pictures_are_prepared_as_the_processor_does(width: int, height: int, mode: str) -> None:
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE)
    preparation = Preparation(processor)
    bands = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    panel = Image.fromarray(bands).convert(mode)
    wanted = processor(images=panel.convert("RGB"), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(preparation.scaled(preparation.cut(panel)[None]), wanted, rtol=0, atol=1e-5)


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from(["RGB", "L", "RGBA", "P"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_seen_of_a_picture_stands_for_it_to_the_bit(
    width: int, height: int, mode: str, whole: bool
) -> None:
    resized = SIDE if whole else SIDE + 8
    preparation = Preparation(CLIPImageProcessor(size={"shortest_edge": resized}, crop_size=SIDE))
    noise = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    panel = Image.fromarray(noise).convert(mode)
    seen = preparation.seen(panel)
    assert not whole or (seen.size, seen.mode) == ((SIDE, SIDE), "RGB")
    assert torch.equal(preparation.cut(seen), preparation.cut(panel))


@pytest.mark.parametrize("small", [True, False])
def test_many_are_cut_as_each_is_in_their_order(small: bool) -> None:
    preparation = Preparation(CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE))
    noise = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE if small else SIDE + 9, 3), np.uint8)
    panels = [Image.fromarray(pixels) for pixels in noise]
    batches = list(preparation.cuts(panels, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    for cut, panel in zip((cut for batch in batches for cut in batch), panels, strict=True):
        assert torch.equal(cut, preparation.cut(panel))
    assert list(preparation.cuts([], 2)) == []


def test_a_processor_that_does_anything_else_is_refused() -> None:
    with pytest.raises(WeightsError, match="must resize the shorter side, cut the centre out and scale"):
        Preparation(CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE, do_resize=False))


@pytest.mark.parametrize("size", [(7, 500), (11, 200), (13, 209), (517, 31), (1003, 37), (2, 511)])
def test_of_a_strip_the_middle_is_seen_where_the_processor_sees_it(size: tuple[int, int]) -> None:
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE)
    preparation = Preparation(processor)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    strip = Image.fromarray(noise)
    wanted = processor(images=strip, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(preparation.scaled(preparation.cut(strip)[None]), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(7, 1900), (1900, 7), (5, 1400), (1333, 5), (2, 600)])
@pytest.mark.parametrize("resized", [SIDE, SIDE + 8, SIDE - 8])
def test_of_a_strip_whose_ends_are_cut_off_the_middle_is_seen_there_too(
    size: tuple[int, int], resized: int
) -> None:
    processor = CLIPImageProcessor(size={"shortest_edge": resized}, crop_size=SIDE)
    preparation = Preparation(processor)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    strip = Image.fromarray(noise)
    wanted = processor(images=strip, return_tensors="pt")["pixel_values"]
    apart = (preparation.scaled(preparation.cut(strip)[None]) - wanted).abs()
    assert apart.max() < 1.1 / 255 / 0.26, "no value is further off than one of 255"
    assert (apart > 1e-5).float().mean() < 0.01


@pytest.mark.parametrize("size", [(1, 20000), (20000, 1)])
def test_a_long_strip_is_scored_and_takes_no_memory_to_speak_of(size: tuple[int, int]) -> None:
    strip = Preparation(CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE)).cut(
        Image.new("RGB", size, "red")
    )
    assert tuple(strip.shape) == (SIDE, SIDE, 3)
    assert strip.reshape(-1, 3).unique(dim=0).tolist() == [[255, 0, 0]]
