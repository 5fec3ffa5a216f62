"""A masked part drawn by a UNet that is made for inpainting, held against diffusers' own pipeline."""

import shutil
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffsynth.schedulers import EnhancedDDIMScheduler
from diffusers import AutoencoderKL, StableDiffusionXLInpaintPipeline, UNet2DConditionModel
from diffusers_twin import ATTENTION_EPS
from fakes import TOY_PROMPTS, no_editor, toy_base
from painting import CFG4, NEGATIVE, painted, panel_request
from PIL import Image
from published_toy import copy_of_published, published_lora, toy_published
from torch import Tensor, nn

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor, Slot
from kit.experiment.steps import Outpaint, Redraw
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import DrawFailure, RedrawRequest
from kit.generation.recipe import Job
from kit.generation.repair.draw_steps import step_drawn
from kit.generation.repair.repainting import Inpainting, kept_of
from kit.generation.repair.step_files import StepFiles
from kit.generation.sampling.first_noise import first_noise
from kit.hub.repository import inpainting_folder
from kit.images.png_metadata import encoded
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS

EXACT = torch.float64
TWO, FOUR = (replace(CFG4, steps=steps) for steps in (2, 4))
GIRL, CAT = (panel_request(prompt) for prompt in TOY_PROMPTS[:2])


def mask() -> Image.Image:
    marked = np.zeros((64, 64), np.uint8)
    marked[16:48, 8:40] = 255  # whole cells of the latents: of others diffusers looks at one corner
    return Image.fromarray(marked)


def scene() -> Image.Image:
    noise = np.random.default_rng(4).integers(0, 255, (8, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)


def painter_of(folder: Path) -> KolorsPainter:
    painter = KolorsPainter(load_base(folder), "cpu")
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    return painter


@pytest.fixture(scope="module")
def painter() -> KolorsPainter:
    return painter_of(toy_published())


def asked(painter: KolorsPainter, strength: float = 0.5, **told: object) -> RedrawRequest:
    wanted = {"picture": scene(), "mask": mask(), "inpainting": painter.inpainting} | told
    return RedrawRequest(request=GIRL, strength=strength, **wanted)


def redrawn(painter: KolorsPainter, wanted: RedrawRequest, how=TWO) -> np.ndarray:
    [picture] = painter.redraw([wanted], how)
    return np.asarray(picture).astype(int)


# the same as diffusers


class TheirScheduler(EnhancedDDIMScheduler):
    """DiffSynth's, as diffusers calls its own; the noise is ours, theirs is another in float64."""

    order, init_noise_sigma = 1, 1.0

    def __init__(self, noise: Tensor) -> None:
        super().__init__(beta_end=BETA_END, num_train_timesteps=TRAIN_STEPS)
        self.noise = noise

    def set_timesteps(self, num_inference_steps: int, device: object = None) -> None:
        super().set_timesteps(num_inference_steps)

    def scale_model_input(self, latents: Tensor, _step: Tensor) -> Tensor:
        return latents

    def add_noise(self, latents: Tensor, _noise: Tensor, step: Tensor) -> Tensor:
        return super().add_noise(latents, self.noise, step)

    def step(self, predicted: Tensor, step: Tensor, latents: Tensor, return_dict: bool) -> tuple[Tensor]:
        return (super().step(predicted, step, latents),)


def theirs(painter: KolorsPainter, strength: float, noise: Tensor) -> Tensor:
    """Return the latents that diffusers' pipeline for SDXL makes with a UNet of nine channels."""
    unet = UNet2DConditionModel.from_pretrained(
        inpainting_folder(toy_published()) / "unet", torch_dtype=EXACT
    ).eval()
    assert unet.config.in_channels == 9
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    vae = AutoencoderKL.from_pretrained(toy_published() / "vae", torch_dtype=torch.float32).eval()
    with torch.no_grad():  # what it draws from is as narrow as can be: the mean
        vae.quant_conv.weight[4:], vae.quant_conv.bias[4:] = 0, -30
    pipe = StableDiffusionXLInpaintPipeline(
        vae, None, None, None, None, unet, TheirScheduler(noise), add_watermarker=False
    )
    pipe.set_progress_bar_config(disable=True)
    cross, pooled = (part.to(EXACT) for part in painter._networks.texts.of([GIRL.prompt, GIRL.negative]))
    drawn: Tensor = pipe(
        prompt_embeds=cross[:1], pooled_prompt_embeds=pooled[:1], negative_prompt_embeds=cross[1:],
        negative_pooled_prompt_embeds=pooled[1:], image=scene(), mask_image=mask(), height=64, width=64,
        strength=strength, num_inference_steps=FOUR.steps, guidance_scale=FOUR.cfg, output_type="latent",
        latents=noise if strength == 1 else None, generator=torch.Generator().manual_seed(0),
    ).images  # fmt: skip
    return drawn


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_latents_are_those_of_diffusers_inpainting_pipeline(strength):
    ours = painter_of(toy_published())
    ours._networks.dtype = EXACT
    noise = first_noise(GIRL.seed, FOUR, "cpu").to(EXACT)
    expected = theirs(ours, strength, noise)
    wanted = asked(ours, strength)
    with torch.inference_mode():
        ours._networks.draw_with(ours._networks.base.inpainting())
        kept = kept_of(wanted, FOUR.steps, "cpu", partial(ours._networks.encode, FOUR))
        found = ours._loop.denoise(noise, [GIRL], FOUR, kept)
    assert isinstance(kept, Inpainting)
    assert expected.std() > 0.01
    assert (found - expected).abs().max() <= 1e-4 * expected.std()
    turned = torch.cat([kept.around[:, 1:], kept.around[:, :1]], dim=1)
    with torch.inference_mode():
        other = ours._loop.denoise(noise, [GIRL], FOUR, replace(kept, around=turned))
    assert (other - expected).abs().max() > 0.01 * expected.std(), (
        "the order of the channels would not be seen"
    )


def test_the_picture_is_what_the_pipeline_makes_inside_the_mask_and_what_it_was_outside(painter):
    old, marked = np.asarray(scene()).astype(int), np.asarray(mask()) > 0
    found = redrawn(painter, asked(painter, 0.75))
    assert np.array_equal(found[~marked], old[~marked])
    assert (np.abs(found - old).max(axis=2)[marked] > 0).mean() > 0.9
    repainted = redrawn(painter, asked(painter, 0.75, inpainting=""))
    assert np.abs(found - repainted).max() > 1


def test_it_sees_what_is_around_the_mask_and_at_strength_1_nothing_of_what_is_inside(painter):
    inside, outside = np.asarray(scene()).copy(), np.asarray(scene()).copy()
    inside[20:40, 12:30] = (255, 0, 0)
    outside[:8] = (255, 0, 0)
    first, same, other = (
        redrawn(painter, asked(painter, 1.0, picture=picture))[20:40, 12:30]
        for picture in (scene(), Image.fromarray(inside), Image.fromarray(outside))
    )
    assert np.array_equal(first, same)
    assert np.abs(first - other).max() > 1


def test_with_low_memory_it_is_the_same_picture(painter):
    wanted = asked(painter)
    low = redrawn(painter, wanted, replace(TWO, memory="low"))
    assert np.array_equal(low, redrawn(painter, wanted))


# beside the base's own


def test_of_the_two_unets_one_is_in_memory(painter):
    [before] = painted(painter, [GIRL], TWO)
    own = weakref.ref(painter._networks.denoiser.unet)
    assert own().conv_in.in_channels == 4
    redrawn(painter, asked(painter))
    assert own() is None
    made = weakref.ref(painter._networks.denoiser.unet)
    assert made().conv_in.in_channels == 9
    redrawn(painter, asked(painter, inpainting=""))
    assert made() is None
    redrawn(painter, asked(painter))
    assert np.array_equal(painted(painter, [GIRL], TWO)[0], before)
    redrawn(painter, asked(painter))
    painter.mask_of(GIRL, scene(), [GIRL.prompt[:2]], TWO)
    assert painter._networks.denoiser.unet.conv_in.in_channels == 4


def test_a_lora_of_the_base_is_worn_by_it_too_whenever_it_was_put_on(tmp_path):
    painter, lora = painter_of(toy_published()), load_lora(published_lora(tmp_path / "ink.safetensors"))
    wanted = asked(painter)
    bare = redrawn(painter, wanted)
    painter.set_lora(lora, 0.7)
    worn = redrawn(painter, wanted)
    weights = painter._networks.denoiser.unet.state_dict()
    pristine = painter._networks.base.inpainting().unet().state_dict()
    name, (down, up) = next(iter(lora.pairs.items()))
    change = 0.7 * lora.scale * (up.float() @ down.float())
    torch.testing.assert_close(weights[f"{name}.weight"] - pristine[f"{name}.weight"], change)
    moved = [key for key in pristine.keys() & weights.keys() if not torch.equal(weights[key], pristine[key])]
    assert moved
    assert {key.removesuffix(".weight") for key in moved} <= lora.pairs.keys()
    painted(painter, [GIRL], TWO)
    assert np.array_equal(redrawn(painter, wanted), worn)
    painter.set_lora(None, 1.0)
    assert np.array_equal(redrawn(painter, wanted), bare)
    assert np.abs(worn - bare).max() > 1


# steps


def job(*chain: Redraw | Outpaint, **told: object) -> Job:
    return Job(
        slot=Slot("base", "authored", "s", 0, 1), recipe={}, request=replace(GIRL, **told), chain=chain
    )


FILES = StepFiles(lambda _sha256: encoded(mask().convert("RGB")), lambda _sha256: b"", no_editor, "cpu")


def made(
    painter: KolorsPainter, step: Redraw | Outpaint, how: DrawSettings = TWO, **told: object
) -> Image.Image | DrawFailure:
    return step_drawn(painter, job(step, **told), how, scene(), FILES)


def test_a_masked_step_that_names_the_unet_is_drawn_by_it_and_reads_no_other_panel(painter):
    step = Redraw(seed=5, strength=0.75, mask="0" * 64, inpainting=painter.inpainting)
    found = made(painter, step)
    expected = redrawn(painter, replace(asked(painter, 0.75), request=replace(GIRL, seed=5)))
    assert np.array_equal(np.asarray(found).astype(int), expected)
    cat = Anchor(prompt=TOY_PROMPTS[1], seed=1, subject="一只黄色小猫")
    assert made(painter, step, anchors=(cat,), consistency=0.8).tobytes() == found.tobytes()
    own = replace(step, inpainting="")
    assert made(painter, own, anchors=(cat,), consistency=0.8).tobytes() != made(painter, own).tobytes()


def test_outpainting_by_it_keeps_the_picture_and_is_another_one_than_by_the_base(painter):
    step = Outpaint(seed=5, strength=1.0, left=32, top=32, inpainting=painter.inpainting)
    once = replace(TWO, steps=1)
    found, other = (made(painter, one, once) for one in (step, replace(step, inpainting="")))
    assert found.size == other.size == (96, 96)
    assert found.crop((32, 32, 96, 96)).tobytes() == scene().tobytes()
    assert found.tobytes() != other.tobytes()


# not there, or another


def test_a_unet_that_is_not_there_or_another_one_is_one_line_and_no_picture(tmp_path):
    painter, step = painter_of(copy_of_published(tmp_path)), Redraw(seed=5, strength=0.75, mask="0" * 64)
    sha256 = painter.inpainting
    beside, other = inpainting_folder(tmp_path / "Kolors"), made(painter, replace(step, inpainting="a" * 64))
    told = (
        f"it is drawn with Kolors-Inpainting (UNet aaaaaaaa), and {beside} has other weights "
        f"({sha256[:8]}): put those back"
    )
    assert other == DrawFailure(reason=told)
    beside.rename(tmp_path / "away")
    assert painter.inpainting == ""
    told = (
        f"it is drawn with Kolors-Inpainting (UNet {sha256[:8]}), which is not there: put the folder of that "
        f"name beside that of the base, {tmp_path / 'Kolors'}"
    )
    assert made(painter, replace(step, inpainting=sha256)) == DrawFailure(reason=told)


def test_the_embedded_base_has_none(tmp_path):
    inpainting_folder(tmp_path / "base").mkdir()
    assert KolorsPainter(load_base("mini"), "cpu").inpainting == ""
    shutil.copytree(toy_base(), tmp_path / "base")
    assert KolorsPainter(load_base(tmp_path / "base"), "cpu").inpainting == ""
