"""Masks from words, held against what the drawn world knows to be where."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import TOY_PROMPTS, toy_lora
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from painting import CFG4, NEGATIVE, painted, panel_request
from PIL import Image
from scenes import GIRL, alone
from torch import nn

from kit.errors import InputError, RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.generation.repair.attention_mask import attention_mask, otsu_threshold
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.world.captions import describe
from kit.world.render import render
from kit.world.scene import Character

EMBEDDED_SIZE = DrawSettings(steps=25, cfg=4.0, size=256, noise="portable")
CAT = Character(kind="kitten", colour="orange", pose="run")


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("scene", [alone(GIRL), replace(alone(CAT), place="forest")], ids=["girl", "cat"])
def test_the_mask_of_a_figures_words_lies_on_the_figure(scene):
    truth = render(scene)
    clauses = describe(scene, "zh", random.Random(0))
    request = PanelRequest(prompt="，".join(one.text for one in clauses), negative="", seed=1)
    painter = KolorsPainter(load_base("mini"), "cpu")
    painter.encode_prompts([request.prompt])
    subject = [one.text for one in clauses if one.role == "subject"]
    mask = painter.mask_of(request, truth.picture, subject, EMBEDDED_SIZE)
    assert mask.mode == "L"
    assert set(np.unique(mask)) == {0, 255}
    assert overlap(np.asarray(mask) > 0, truth.subjects[0]) > 0.7
    assert overlap(np.asarray(mask) == 0, truth.place) > 0.9


def test_looking_for_words_leaves_what_is_drawn_then_as_it_was(painter):
    request = panel_request(TOY_PROMPTS[0])
    [before] = painted(painter, [request])
    picture = Image.fromarray(before.astype(np.uint8))
    masks = [painter.mask_of(request, picture, ["粉色裙子"], CFG4) for _ in range(2)]
    assert masks[0].tobytes() == masks[1].tobytes()
    assert masks[0].size == (64, 64)
    assert masks[0].getbbox() is not None
    assert np.array_equal(painted(painter, [request])[0], before)


def test_words_that_the_prompt_does_not_have_are_refused_and_what_to_do_is_said(painter):
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    with pytest.raises(InputError) as told:
        painter.mask_of(panel_request(TOY_PROMPTS[0]), Image.new("RGB", (64, 64)), ["粉色裙子", "小狗"], CFG4)
    assert str(told.value) == (
        "seed-0: its prompt does not say '小狗': name a clause as the prompt has it, or give a mask file"
    )


def test_a_picture_of_another_size_has_no_mask(painter):
    with pytest.raises(InputError, match="has 32 x 32 pixels and is drawn again in 64 x 64"):
        painter.mask_of(panel_request(TOY_PROMPTS[0]), Image.new("RGB", (32, 32)), ["粉色裙子"], CFG4)


def test_layers_of_one_resolution_count_as_much_together_as_one_of_another():
    left, right = torch.zeros(1, 8, 8), torch.zeros(1, 16, 16)
    left[:, :, :4], right[:, :, 12:] = 1.0, 3.0
    grey = Image.new("RGB", (64, 64))
    fine_wins = np.asarray(attention_mask([left] * 5 + [right], grey)) > 0
    assert fine_wins[:, 52:].all()
    assert not fine_wins[:, 36:44].any()
    coarse_wins = np.asarray(attention_mask([left] + [right / 5] * 5, grey)) > 0
    assert coarse_wins[:, :28].all()


def test_what_overflows_in_fp16_is_looked_at_in_fp32(painter, tmp_path):
    painter._networks.dtype = torch.float16
    painter.set_lora(load_lora(toy_lora(tmp_path / "loud.safetensors", scale=400.0)), 1.0)
    request, picture = panel_request(TOY_PROMPTS[0]), Image.linear_gradient("L").resize((64, 64))
    painter.encode_prompts([request.prompt])
    assert painter.mask_of(request, picture.convert("RGB"), ["粉色裙子"], CFG4).getbbox() is not None
    assert {weight.dtype for weight in painter._networks.denoiser.unet.state_dict().values()} == {
        torch.float16
    }


def test_too_little_memory_to_look_is_one_line_that_says_what_to_do(painter):
    class Full(nn.Module):
        def forward(self, *given: object) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")

    painter._networks.denoiser.unet = Full()
    painter.encode_prompts([TOY_PROMPTS[0]])
    with pytest.raises(RunError, match="too little memory for one panel of 64 pixels: close other programs"):
        painter.mask_of(panel_request(TOY_PROMPTS[0]), Image.new("RGB", (64, 64)), ["粉色裙子"], CFG4)


def test_attention_that_is_not_finite_is_no_mask():
    with pytest.raises(RunError, match="cannot be told: the numbers are not finite; give a mask file"):
        attention_mask([torch.full((1, 8, 8), torch.nan)], Image.new("RGB", (64, 64)))


@given(st.integers(0, 2**32 - 1), st.integers(5, 95))
@settings(max_examples=25, deadline=None)
def test_the_threshold_leaves_the_least_spread_within_both_groups(seed: int, share: int) -> None:
    dice = np.random.default_rng(seed)
    values = np.concatenate([dice.normal(0, 1, 10 * share), dice.normal(6, 2, 10 * (100 - share))])

    def within(threshold: float) -> float:
        parts = (values[values <= threshold], values[values > threshold])
        return sum(float(part.var()) * len(part) for part in parts if len(part))

    found = within(otsu_threshold(values))
    assert found <= 1.01 * min(within(one) for one in np.quantile(values, np.linspace(0.01, 0.99, 99)))
