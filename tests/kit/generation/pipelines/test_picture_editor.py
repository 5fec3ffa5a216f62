"""What an InstructPix2Pix edits for us is what its bare pipeline edits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

diffusers = pytest.importorskip("diffusers", reason="needs storykit[bases]")

import torch  # noqa: E402
from PIL import Image  # noqa: E402

from kit.experiment.steps import Instruct  # noqa: E402
from kit.generation.painter import DrawFailure  # noqa: E402
from kit.generation.pipelines.picture_editor import PictureEditor  # noqa: E402
from kit.models.bases.pipeline_files import open_editor  # noqa: E402
from tests.support.toy_pipelines import EDITOR, XL_EDITOR, toy  # noqa: E402

WORDS, SEED = "make it night", 7
STEP = Instruct(seed=SEED, instruction=WORDS, guidance=7.5, picture_guidance=1.5, steps=4, editor="0" * 64)


def picture(side: int) -> Image.Image:
    squares = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(squares).resize((side, side), Image.Resampling.BICUBIC)


def editor(name: str) -> PictureEditor:
    return PictureEditor(open_editor(str(toy(name))), "cpu")


def edited(by: PictureEditor, step: Instruct = STEP, side: int = 64) -> Image.Image:
    made = by.edited(picture(side), step)
    assert not isinstance(made, DrawFailure)
    assert made.size == (side, side)
    return made


def bare(name: str, side: int, **told: object) -> Image.Image:
    """Return what the pipeline makes as its model's page has it, with a generator on the CPU."""
    made = diffusers.DiffusionPipeline.from_pretrained(
        toy(name), torch_dtype=torch.float32, safety_checker=None
    )
    made.set_progress_bar_config(disable=True)
    sized = {"height": side, "width": side} if name == XL_EDITOR else {}
    asked: dict[str, Any] = {"num_inference_steps": 4, "guidance_scale": 7.5, "image_guidance_scale": 1.5}
    noise = torch.Generator("cpu").manual_seed(SEED)
    return made(WORDS, image=picture(side), generator=noise, **asked | sized | told).images[0]


def apart(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference in levels of 255; both must show something."""
    left, right = (np.asarray(shown, dtype=int) for shown in (one, other))
    assert left.std() > 5
    return int(np.abs(left - right).max())


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize("name", [EDITOR, XL_EDITOR])
def test_a_picture_is_edited_as_the_bare_pipeline_edits_it(name: str, side: int) -> None:
    assert apart(edited(editor(name), side=side), bare(name, side)) == 0


def test_all_that_a_step_says_shapes_the_picture_and_nothing_else_does() -> None:
    one = editor(EDITOR)
    plain = edited(one)
    assert apart(plain, edited(editor(EDITOR), replace(STEP, mask="5" * 64))) == 0
    others: list[dict[str, object]] = [
        {"seed": 8}, {"instruction": "make it day"}, {"guidance": 3.0}, {"picture_guidance": 3.0},
        {"steps": 5}, {"dtype": "float16"},
    ]  # fmt: skip
    for other in others:
        assert apart(plain, edited(one, replace(STEP, **other))) > 0, other
    assert apart(plain, edited(one)) == 0
    weak = bare(EDITOR, 64, guidance_scale=3.0, image_guidance_scale=2.0)
    assert apart(edited(one, replace(STEP, guidance=3.0, picture_guidance=2.0)), weak) == 0


def test_in_half_precision_it_begins_from_the_same_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    made = diffusers.StableDiffusionInstructPix2PixPipeline
    begun: list[torch.Tensor] = []
    kept: Callable[..., object] = made.__call__
    monkeypatch.setattr(
        made, "__call__", lambda self, **told: begun.append(told["latents"]) or kept(self, **told)
    )
    one = editor(EDITOR)
    edited(one, replace(STEP, steps=1))
    edited(one, replace(STEP, steps=1, dtype="float16"))
    whole, half = begun
    assert (whole.dtype, half.dtype) == (torch.float32, torch.float16)
    assert torch.equal(whole.half(), half)


def test_its_networks_are_there_while_it_edits_and_until_they_are_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []
    made = diffusers.UNet2DConditionModel
    kept = made.from_pretrained
    monkeypatch.setattr(
        made, "from_pretrained", lambda place, **told: loaded.append(str(place)) or kept(place, **told)
    )
    one = editor(EDITOR)
    assert not one.truncated_tail(WORDS)
    assert loaded == []
    first = edited(one)
    edited(one)
    assert len(loaded) == 1
    one.unload()
    assert apart(edited(one), first) == 0
    assert loaded == [str(toy(EDITOR) / "unet")] * 2


@pytest.mark.parametrize("name", [EDITOR, XL_EDITOR])
def test_what_is_beyond_75_tokens_is_told(name: str) -> None:
    assert editor(name).truncated_tail(" ".join(["make the sky red"] * 25) + " at last").endswith("at last")


def test_a_picture_of_one_colour_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = diffusers.StableDiffusionInstructPix2PixPipeline
    black = Image.new("RGB", (64, 64))
    monkeypatch.setattr(made, "__call__", lambda self, **told: type("Made", (), {"images": [black]}))
    failed = editor(EDITOR).edited(picture(64), STEP)
    assert isinstance(failed, DrawFailure)
    assert "one colour" in failed.reason
