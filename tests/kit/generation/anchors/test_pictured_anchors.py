"""Pictures as anchors: what their rows hold at each step, and whole pictures of a toy base that read them."""

from dataclasses import replace

import pytest
import torch
from fakes import TOY_PROMPTS, toy_base
from painting import CFG4, NEGATIVE, panel_request
from PIL import Image

from kit.experiment.run import Anchor
from kit.files.encodings import sha256_bytes
from kit.generation.anchors.pictured_anchors import AnchorLatents, PicturedAnchors
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.generation.sampling.dpm_solver import solver_of
from kit.generation.sampling.first_noise import first_noise
from kit.images.png_metadata import QUICK, encoded
from kit.models.base import load_base
from kit.world.render import render
from kit.world.scene import Character, Scene

ROUNDING = 1e-7
"""Of fp64, in latents of which the largest are above 100."""
SUBJECT = "一个紫色短发小女孩"


def portrait(colour: str) -> bytes:
    girl = Character(kind="girl", colour=colour, hair="black", hair_length="long")
    return encoded(render(Scene(characters=(girl,), place="park")).picture, level=QUICK)


RED, BLUE = portrait("red"), portrait("blue")


def reading(prompt: str, png: bytes, seed: int = 1) -> PanelRequest:
    shown = Anchor(prompt=SUBJECT, seed=1, subject=SUBJECT, picture=sha256_bytes(png))
    request = replace(panel_request(prompt, seed), anchors=(shown,), consistency=0.8)
    return request.with_anchor_pictures({sha256_bytes(one): one for one in (RED, BLUE)})


@pytest.fixture(scope="module")
def exact():
    """The toy base in fp64: fp32's rounding, which depends on the batch, would hide a mistake."""
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter._networks.dtype = torch.float64
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE, SUBJECT])
    return painter


def latents(painter: KolorsPainter, requests: list[PanelRequest]) -> torch.Tensor:
    noise = torch.cat([first_noise(request.seed, CFG4, "cpu") for request in requests]).double()
    with torch.inference_mode():
        return painter._loop.denoise(noise, requests, CFG4)


def test_a_picture_hangs_on_its_reference_and_on_nothing_else_in_the_batch(exact):
    alone = latents(exact, [reading(TOY_PROMPTS[2], RED)])
    others = [reading(TOY_PROMPTS[3], BLUE), panel_request(TOY_PROMPTS[0], 1)]
    together = latents(exact, [*others, reading(TOY_PROMPTS[2], RED)])
    assert torch.allclose(together[2], alone[0], rtol=0, atol=ROUNDING)
    assert torch.allclose(together[1], latents(exact, others[1:])[0], rtol=0, atol=ROUNDING)


def test_each_picture_moves_whoever_reads_it_its_own_way(exact):
    rows = [panel_request(TOY_PROMPTS[2], 1), *(reading(TOY_PROMPTS[2], one) for one in (RED, BLUE))]
    still, red, blue = latents(exact, rows)
    for one, other in ((still, red), (still, blue), (red, blue)):
        assert (one - other).abs().max() > 1000 * ROUNDING


@pytest.mark.parametrize("sampler", ["ddim", "dpm++2m"])
def test_a_row_holds_its_picture_with_the_noise_of_the_step_and_leaves_the_others(sampler):
    noise, now = (torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(n)) for n in (1, 2))
    original = torch.full((1, 4, 8, 8), 0.5)
    pictured = PicturedAnchors(originals={2: original}, noise=noise)
    solver = solver_of(replace(CFG4, sampler=sampler, steps=6))
    shares = []
    for step in solver.timesteps:
        held = pictured.held(now, solver, step)
        assert torch.equal(held[:2], now[:2])
        shown = torch.stack([original.flatten(), noise[2].flatten()], dim=1)
        picture, much = torch.linalg.lstsq(shown, held[2].flatten()[:, None]).solution.flatten()
        assert float(picture**2 + much**2) == pytest.approx(1, abs=1e-4)
        shares.append(float(picture))
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.9


def test_a_picture_is_encoded_once_and_in_the_panels_size():
    asked, known = [], AnchorLatents()

    def encode(picture: Image.Image) -> torch.Tensor:
        asked.append(picture.size)
        return torch.zeros(1)

    for size in (64, 64, 128):
        known.of(RED, size, encode)
    assert asked == [(64, 64), (128, 128)]


def test_a_picture_that_is_drawn_again_reads_its_reference_too(exact):
    seen = Image.effect_noise((64, 64), 60).convert("RGB")
    [moved, still] = exact.redraw(
        [
            RedrawRequest(request=one, picture=seen, strength=0.5)
            for one in (reading(TOY_PROMPTS[2], RED), panel_request(TOY_PROMPTS[2], 1))
        ],
        CFG4,
    )
    assert moved.tobytes() != still.tobytes()
