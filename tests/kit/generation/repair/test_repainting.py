"""Pictures drawn again from the middle of the steps, all of them or a part."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import TOY_PROMPTS, toy_base
from painting import CFG4, NEGATIVE, painted, panel_request
from PIL import Image
from scipy.ndimage import binary_erosion
from torch import Tensor, nn

from kit.errors import InputError, RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import DrawFailure, PanelRequest, RedrawRequest, Variation
from kit.generation.repair.masks import latent_mask
from kit.generation.repair.repainting import Repainting, repainting_of
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import time_ids
from kit.models.kolors.vae import pixels_of

FOUR = replace(CFG4, steps=4)
DRAFT = replace(FOUR, sampler="dpm++2m", guidance_until=0.5, cache_every=2)
GIRL, CAT = (panel_request(prompt) for prompt in TOY_PROMPTS[:2])


def mask() -> Image.Image:
    marked = np.zeros((64, 64), np.uint8)
    marked[20:44, 9:40] = 255
    return Image.fromarray(marked)


def redrawn(painter: KolorsPainter, *asked: RedrawRequest, how: DrawSettings = FOUR) -> list[np.ndarray]:
    painter.encode_prompts([text for one in asked for text in one.request.texts])
    return [np.asarray(picture).astype(int) for picture in painter.redraw(asked, how)]


def drawn(painter: KolorsPainter, request: PanelRequest, how: DrawSettings = FOUR) -> Image.Image:
    [pixels] = painted(painter, [request], how)
    return Image.fromarray(pixels.astype(np.uint8))


def again(request: PanelRequest, picture: Image.Image, strength: float, within: Image.Image | None = None):
    return RedrawRequest(request=request, picture=picture, strength=strength, mask=within)


@pytest.mark.parametrize("how", [FOUR, DRAFT], ids=["ddim", "draft"])
def test_at_strength_1_the_picture_before_does_not_matter(painter, how):
    seen = drawn(painter, CAT, how)
    [anew] = redrawn(painter, again(GIRL, seen, 1.0), how=how)
    [expected] = painted(painter, [GIRL], how)
    assert np.array_equal(anew, expected)
    assert np.abs(anew - np.asarray(seen).astype(int)).max() > 20


@pytest.fixture(scope="module")
def exact() -> KolorsPainter:
    """The toy base in fp64, in which nothing hides a mistake."""
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter._networks.dtype = torch.float64
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    return painter


def some_latents() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def by_hand(painter: KolorsPainter, kept: Repainting, noise: Tensor) -> Tensor:
    """Return what the steps from the first on make of a picture, as the papers say it."""
    solver, engine = scheduler(FOUR.steps), painter._networks.denoiser
    core = np.asarray(kept.inside[0, 0])
    core = torch.from_numpy(binary_erosion(core, np.ones((3, 3)), border_value=1))
    cross, pooled = painter._networks.texts.of([GIRL.prompt, NEGATIVE])
    engine.set_text(cross)
    latents = noise
    for number in range(kept.first, FOUR.steps):
        step = solver.timesteps[number]
        clean = solver.alphas_cumprod[int(step)]
        known = clean**0.5 * kept.original + (1 - clean) ** 0.5 * noise
        if number == kept.first > 0:
            latents = known
        drawn = core if number < kept.first + (FOUR.steps - kept.first) // 2 else kept.inside
        latents = torch.where(drawn, latents, known)
        rows = torch.cat([latents, latents])
        wanted, unwanted = engine(rows, step[None], time_ids(2, FOUR.size), pooled).chunk(2)
        latents = solver.step(unwanted + FOUR.cfg * (wanted - unwanted), step, latents)
    return torch.where(kept.inside, latents, kept.original)


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("within", [None, mask()], ids=["whole", "masked"])
def test_the_steps_that_are_left_are_drawn_and_outside_the_mask_there_is_the_picture(exact, strength, within):
    kept = repainting_of(some_latents(), latent_mask(within, 64), FOUR.steps, strength)
    noise = first_noise(0, FOUR, "cpu").double()
    with torch.inference_mode():
        found = exact._loop.denoise(noise, [GIRL], FOUR, kept)
        torch.testing.assert_close(found, by_hand(exact, kept, noise), rtol=0, atol=1e-9)
        if within is not None:
            assert torch.equal(found[:, :, :2], kept.original[:, :, :2])
        assert (found - kept.original).abs().max() > 0.01


@pytest.mark.parametrize("how", [FOUR, DRAFT], ids=["ddim", "draft"])
def test_the_less_strength_the_nearer_to_the_picture(exact, how):
    noise, away = first_noise(0, how, "cpu").double(), []
    for strength in (0.0, 0.5, 1.0):
        kept = repainting_of(some_latents(), latent_mask(None, 64), how.steps, strength)
        with torch.inference_mode():
            found = exact._loop.denoise(noise, [GIRL], how, kept)
        away.append(float((found - kept.original).std()))
    assert away == sorted(away)
    assert away[0] < 0.5 * away[1]


def test_a_picture_that_waits_for_its_first_step_leaves_the_anchors_beside_it_alone():
    kept = repainting_of(some_latents(), latent_mask(mask(), 64), 8, 0.8)
    rows = torch.cat([some_latents() + 1, some_latents() + 2])
    for step, shown in ((0, 8 * 8), (2, 8 * 8), (3, 8 * 8 - 4), (5, 8 * 8 - 16)):
        row, beside = kept.held(rows, kept.original, step).split(1)
        assert torch.equal(beside, rows[1:])
        assert int((row == kept.original).all(dim=1).sum()) == shown


def test_a_mask_that_is_all_edge_is_drawn_from_the_first():
    dot = Image.new("L", (64, 64))
    dot.putpixel((20, 20), 255)
    kept = repainting_of(some_latents(), latent_mask(dot, 64), 8, 1.0)
    shown = kept.held(some_latents() + 1, kept.original, 0)
    assert int((shown != kept.original).all(dim=1).sum()) == 1


def test_whom_it_reads_moves_a_picture_that_is_drawn_again(painter):
    cat = Anchor(prompt=TOY_PROMPTS[1], seed=1, subject="一只黄色小猫")
    reading = replace(GIRL, anchors=(cat,), consistency=0.8)
    seen = drawn(painter, CAT)
    for strength in (0.5, 1.0):
        one, other = redrawn(painter, *(again(asked, seen, strength) for asked in (GIRL, reading)))
        assert np.abs(one - other).max() > 1
    assert np.array_equal(other, painted(painter, [reading], FOUR)[0])


def test_outside_a_mask_pixels_are_identical_and_inside_they_are_not(painter):
    seen = drawn(painter, CAT)
    [whole, part] = redrawn(painter, *(again(GIRL, seen, 0.7, within) for within in (None, mask())))
    old, marked = np.asarray(seen).astype(int), np.asarray(mask()) > 0
    assert np.array_equal(part[~marked], old[~marked])
    assert (np.abs(part - old).max(axis=2)[marked] > 0).mean() > 0.9
    assert np.abs(whole - old)[~marked].max() > 20


def test_a_picture_is_drawn_again_the_same_whatever_is_drawn_again_with_it(painter):
    seen = drawn(painter, CAT)
    asked = [again(GIRL, seen, 0.7, mask()), again(CAT, seen, 0.4), again(GIRL, seen, 0.4)]
    together = redrawn(painter, *asked)
    for one, request in zip(together, asked, strict=True):
        assert np.array_equal(one, redrawn(painter, request)[0])


def test_another_seed_gives_another_picture(painter):
    seen = drawn(painter, CAT)
    seeds = (GIRL, replace(GIRL, seed=5), replace(GIRL, variation=Variation(seed=5, strength=1.0)))
    one, other, varied = redrawn(painter, *(again(request, seen, 0.7) for request in seeds))
    assert np.abs(one - other).max() > 1
    assert np.array_equal(other, varied)


def test_a_picture_of_another_size_is_refused_before_any_is_drawn(painter):
    fits, other = (Image.new("RGB", (side, side)) for side in (64, 32))
    with pytest.raises(InputError, match="seed-0: the picture has 32 x 32 pixels and is drawn again in 64"):
        redrawn(painter, again(GIRL, fits, 0.5), again(GIRL, other, 0.5))


def test_what_cannot_be_drawn_again_is_a_fault(painter):
    class Burst(nn.Module):
        def forward(self, rows: Tensor, *others: object) -> Tensor:
            return rows * torch.inf

    seen = drawn(painter, CAT)
    painter._networks.denoiser.unet = Burst()
    [fault] = painter.redraw([again(CAT, seen, 0.5, mask())], FOUR)
    assert isinstance(fault, DrawFailure)
    assert "its numbers are not finite" in fault.reason


def test_with_low_memory_a_picture_is_encoded_and_decoded_without_the_unet(painter):
    seen, moves, at = drawn(painter, CAT), [], []
    painter._networks.denoiser.unet.to = lambda where: moves.append(str(where))
    for part in (painter._networks.encoder, painter._networks.decoder):
        part.register_forward_pre_hook(lambda *_: at.append(len(moves)))
    [low] = redrawn(painter, again(GIRL, seen, 0.5), how=replace(FOUR, memory="low"))
    assert moves == ["cpu"] * 4
    assert at == [1, 3], "each after it went away and before it came back"
    assert np.array_equal(low, redrawn(painter, again(GIRL, seen, 0.5))[0])


def test_too_little_memory_to_encode_is_one_line_that_says_what_to_do(painter):
    class Full(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")

    painter._networks.encoder = Full()
    with pytest.raises(RunError, match="too little memory for one panel of 64 pixels: close other programs"):
        redrawn(painter, again(GIRL, Image.new("RGB", (64, 64)), 0.5))


def test_on_the_embedded_base_little_strength_is_what_the_autoencoder_gives_back():
    how, request = (
        DrawSettings(steps=6, cfg=4.0, size=128, noise="portable"),
        panel_request("一只橙色的小猫", 3),
    )
    painter = KolorsPainter(load_base("mini"), "cpu")
    seen = drawn(painter, request, how)
    [again_] = redrawn(painter, again(replace(request, seed=5), seen, 0.0), how=how)
    with torch.inference_mode():
        back = np.asarray(
            decoded(painter._networks.decoder, painter._networks.encode(how, pixels_of(seen, "cpu"))[0])
        ).astype(int)
    assert np.abs(again_ - back).mean() < 5
    assert np.abs(again_ - np.asarray(seen).astype(int)).mean() < 8


def test_a_picture_drawn_in_parts_is_nearly_the_whole_one_and_no_network_sees_all_of_it():
    how, request = (
        DrawSettings(steps=4, cfg=1.0, size=320, noise="portable"),
        panel_request("一只橙色的小猫", 3),
    )
    painter, seen = KolorsPainter(load_base("mini"), "cpu"), Counter[int]()
    small = drawn(painter, request, replace(how, cfg=4.0, size=128))
    picture = small.resize((320, 320), Image.Resampling.LANCZOS)
    networks = (
        painter._networks.denoiser.unet.conv_in,
        painter._networks.decoder.conv_in,
        painter._networks.encoder.conv_in,
    )
    for scale, layer in zip((8, 8, 1), networks, strict=True):
        layer.register_forward_pre_hook(
            lambda _, given, scale=scale: seen.update([scale * max(given[0].shape[-2:])])
        )
    asked = again(request, picture, 0.25)
    [whole] = redrawn(painter, asked, how=how)
    assert seen.keys() == {320}
    seen.clear()
    [parts] = redrawn(painter, replace(asked, tile=160), how=how)
    assert seen.keys() == {160 + 128}, "a tile, and four cells beyond it on its one inner side"
    assert seen.total() == 3 * 4
    away, redone = np.abs(parts - whole).mean(), np.abs(whole - np.asarray(picture).astype(int)).mean()
    assert away < 0.8 * redone
