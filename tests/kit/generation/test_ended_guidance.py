"""Guidance that ends before the last step: the rest is drawn from the wanted texts alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import TOY_PROMPTS, toy_base
from painting import CFG4, NEGATIVE, painted, panel_request
from torch import Tensor, nn

from kit.errors import RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor
from kit.generation.anchors.joining import join_anchors, sharing_of
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.generation.sampling.dpm_solver import solver_of
from kit.generation.sampling.first_noise import first_noise
from kit.models.base import load_base
from kit.models.kolors.unet import time_ids

GIRL = Anchor(prompt=TOY_PROMPTS[0], seed=1, subject="一个紫色短发小女孩")
ENDED = replace(CFG4, guidance_until=0.67)
PLAIN = [panel_request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS[:2])]
READING = [
    PLAIN[0],
    replace(panel_request(TOY_PROMPTS[2], 1), anchors=(GIRL,), consistency=0.8),
    replace(panel_request(TOY_PROMPTS[3], 2), anchors=(GIRL,), consistency=0.8),
]


@pytest.fixture(scope="module")
def exact() -> KolorsPainter:
    """The toy base in fp64: fp32's rounding, which depends on the batch, would hide a mistake."""
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter._networks.dtype = torch.float64
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    return painter


def noise(requests: list[PanelRequest], settings: DrawSettings) -> Tensor:
    return torch.cat([first_noise(request.seed, settings, "cpu") for request in requests]).double()


def both_halves(painter: KolorsPainter, requests: list[PanelRequest], settings: DrawSettings) -> Tensor:
    """Return the latents where unwanted rows run to the end, and are looked at no more."""
    joined = join_anchors(requests)
    drawn = [*requests, *joined.beside]
    latents, solver = noise(drawn, settings), solver_of(settings)
    cross, pooled = painter._networks.texts.of(
        [*(row.prompt for row in drawn), *(row.negative for row in drawn)]
    )
    engine = painter._networks.denoiser
    engine.set_text(cross)
    engine.share(sharing_of(joined, drawn, painter._networks.texts))
    for number, step in enumerate(solver.timesteps):
        rows = torch.cat([latents, latents])
        wanted, unwanted = engine(rows, step[None], time_ids(len(rows), settings.size), pooled).chunk(2)
        guided = unwanted + settings.cfg * (wanted - unwanted)
        latents = solver.step(guided if number < settings.guided_steps else wanted, step, latents)
    return latents[: len(requests)]


@pytest.mark.parametrize("requests", [PLAIN, READING], ids=["plain", "reading"])
@pytest.mark.parametrize("sampler", ["ddim", "dpm++2m"])
def test_once_guidance_has_ended_the_unwanted_rows_decide_nothing(exact, requests, sampler):
    how = replace(ENDED, steps=4, guidance_until=0.5, sampler=sampler)
    with torch.inference_mode():
        expected = both_halves(exact, requests, how)
        found = exact._loop.denoise(noise(requests, how), requests, how)
        guided = exact._loop.denoise(noise(requests, how), requests, replace(how, guidance_until=1.0))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
    assert (found - guided).abs().max() > 1e-4


class CountedRows(nn.Module):
    """A UNet that notes how many rows it is asked for."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet, self.rows = unet, list[int]()

    def forward(self, rows: Tensor, *others: object) -> Tensor:
        self.rows.append(len(rows))
        return self.unet(rows, *others)


@pytest.mark.parametrize(
    ("cfg", "until", "rows"),
    [(4.0, 1.0, [4, 4, 4]), (4.0, 0.67, [4, 4, 2]), (4.0, 0.01, [4, 2, 2]), (1.0, 0.67, [2, 2, 2])],
)
def test_unguided_steps_compute_half(painter, cfg, until, rows):
    painter._networks.denoiser.unet = counted = CountedRows(painter._networks.denoiser.unet)
    painted(painter, PLAIN, replace(CFG4, cfg=cfg, guidance_until=until))
    assert counted.rows == rows


def test_guidance_to_the_last_step_is_guidance_to_the_last_bit(painter):
    full = painted(painter, PLAIN)
    for until in (1.0, 0.9):
        ended = painted(painter, PLAIN, replace(CFG4, guidance_until=until))
        assert all(np.array_equal(one, other) for one, other in zip(ended, full, strict=True))


@pytest.mark.parametrize("sampler", ["ddim", "dpm++2m"])
def test_a_draft_does_not_depend_on_the_panels_drawn_with_it_nor_on_what_was_drawn_before(painter, sampler):
    how = replace(ENDED, sampler=sampler, cache_every=2)
    together, alone = painted(painter, READING, how), [painted(painter, [one], how)[0] for one in READING]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one - other).max() <= 1
    for one, other in zip(together, painted(painter, READING, how), strict=True):
        assert np.array_equal(one, other)


def test_a_size_that_one_unguided_row_is_too_small_for_is_refused_before_the_first_picture(painter):
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    small = replace(ENDED, size=32, noise_size=64)
    with pytest.raises(RunError, match="size = 32 is too small for this base: set size = 64 or more"):
        painter.plan_batches(PLAIN, small)
    assert painter.plan_batches(PLAIN, replace(small, guidance_until=1.0)).panels == 4
