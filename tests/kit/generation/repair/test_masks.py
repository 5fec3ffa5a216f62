"""What a mask lets be drawn: latents that it touches, pixels inside it, and not one outside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.errors import InputError
from kit.generation.painter import PanelRequest, RedrawRequest, refuse_other_size
from kit.generation.repair.masks import latent_mask, pasted, widened

SIDE = 64


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def box(left: int, top: int, right: int, bottom: int, side: int = SIDE) -> Image.Image:
    mask = np.zeros((side, side), np.uint8)
    mask[top:bottom, left:right] = 255
    return Image.fromarray(mask)


def asked(strength: float = 0.5, mask: Image.Image | None = None) -> RedrawRequest:
    request = PanelRequest(prompt="小猫", negative="", seed=0, label="base/cat/1.png")
    return RedrawRequest(request=request, picture=picture(0), strength=strength, mask=mask)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_outside_a_mask_every_pixel_stays_and_inside_none_is_beyond_the_two_pictures(seed: int) -> None:
    dice = np.random.default_rng(seed)
    grey = dice.integers(0, 256, (SIDE, SIDE), dtype=np.uint8) * (dice.random((SIDE, SIDE)) < 0.5)
    old, new = np.asarray(picture(1)), np.asarray(picture(2))
    put = np.asarray(pasted(picture(2), picture(1), Image.fromarray(grey.astype(np.uint8))))
    assert np.array_equal(put[grey == 0], old[grey == 0])
    assert (put >= np.minimum(old, new)).all()
    assert (put <= np.maximum(old, new)).all()


def test_the_edge_fades_in_inside_the_mask_and_the_middle_is_what_was_drawn() -> None:
    side = 256
    white, black = (Image.new("RGB", (side, side), colour) for colour in ("white", "black"))
    row = np.asarray(pasted(white, black, box(64, 0, 192, side, side)))[128, :, 0]
    assert not row[:64].any()
    assert not row[192:].any()
    assert row[64:69].tolist() == [51, 102, 153, 204, 255], "over 1/64 of 256 pixels"
    assert (row[69:187] == 255).all()


def test_where_the_mask_meets_the_picture_s_own_edge_nothing_fades() -> None:
    white, black = (Image.new("RGB", (SIDE, SIDE), colour) for colour in ("white", "black"))
    assert np.asarray(pasted(white, black, box(0, 0, SIDE, 32)))[:30].all()
    assert np.array_equal(np.asarray(pasted(white, black, box(0, 0, SIDE, SIDE))), np.asarray(white))
    assert pasted(white, black, None) is white


def test_a_cell_of_the_latents_is_drawn_when_one_pixel_of_it_is() -> None:
    cells = latent_mask(box(7, 16, 9, 17), SIDE)
    assert cells.shape == (1, 1, 8, 8)
    assert cells.nonzero()[:, 2:].tolist() == [[2, 0], [2, 1]]
    assert latent_mask(None, SIDE).all()


def test_a_widened_mask_is_drawn_in_full_wherever_the_mask_was() -> None:
    white, black = (Image.new("RGB", (256, 256), colour) for colour in ("white", "black"))
    mask = box(64, 64, 192, 128, 256)
    wide = widened(mask)
    assert wide.getbbox() == (56, 56, 200, 136)
    share = np.asarray(pasted(white, black, wide))[..., 0]
    assert (share[np.asarray(mask) > 0] == 255).all()


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match=r"base/cat/1.png: the strength must be from 0 to 1, got"):
        asked(strength)


def test_a_mask_of_another_size_or_an_empty_one_is_refused_and_what_to_do_is_said() -> None:
    with pytest.raises(InputError) as refused:
        asked(mask=box(0, 0, 0, 0, 32))
    assert str(refused.value) == (
        "base/cat/1.png: the mask has 32 x 32 pixels, the picture 64 x 64: save the mask in the picture's "
        "size; the mask is empty: paint white what is to be drawn again"
    )


def test_a_picture_of_another_size_than_is_drawn_is_refused() -> None:
    refuse_other_size(asked().request, picture(0), SIDE)
    with pytest.raises(InputError, match="has 64 x 64 pixels and is drawn again in 128 x 128: give the"):
        refuse_other_size(asked().request, picture(0), 128)
