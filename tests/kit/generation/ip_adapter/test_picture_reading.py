"""Kolors drawn after pictures by an IP-Adapter is what diffusers' own classes make of the same weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from diffusers_twin import ATTENTION_EPS, EXACT, SAME
from fakes import TOY_PROMPTS, toy_base, toy_sizes
from painting import NEGATIVE, painted
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from kit.errors import InputError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor
from kit.generation.denoiser import Denoiser
from kit.generation.ip_adapter.picture_attention import looking
from kit.generation.ip_adapter.picture_reading import KolorsPictures
from kit.generation.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.generation.references.image_prompt import ImagePrompt
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from tests.support.kolors_controlnets import held, kolors_controlnets
from tests.support.kolors_ip_adapters import WEIGHTS, VISION, kolors_adapter, prompted, write_adapter
from tests.support.published_toy import SIZES, published_lora, toy_published
from tests.support.toy_controlnets import shapes

HOW = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")


def request(seed: int = 0, *pictures: ImagePrompt, **more: object) -> PanelRequest:
    return PanelRequest(
        prompt=TOY_PROMPTS[seed % len(TOY_PROMPTS)],
        negative=NEGATIVE,
        seed=seed,
        image_prompts=pictures,
        **more,
    )


def new_painter(base: Path | None = None) -> KolorsPainter:
    return KolorsPainter(load_base(base or toy_published()), "cpu")


@pytest.fixture(scope="module")
def painter() -> KolorsPainter:
    return new_painter()


# the same as diffusers


class Theirs:
    """diffusers' UNet with the adapter in it, as its KolorsPipeline loads it and reads pictures."""

    def __init__(self, panels: Sequence[PanelRequest]) -> None:
        self.unet = UNet2DConditionModel.from_pretrained(toy_published() / "unet", torch_dtype=EXACT).eval()
        for name, layer in self.unet.named_modules():
            if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
                layer.eps = ATTENTION_EPS
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            kolors_adapter() / "image_encoder", dtype=EXACT
        )
        prepare = CLIPImageProcessor(size=VISION.image_size, crop_size=VISION.image_size)
        parts = {"vae": None, "text_encoder": None, "tokenizer": None, "image_encoder": encoder}
        pipeline = KolorsPipeline(
            scheduler=EulerDiscreteScheduler(), unet=self.unet, feature_extractor=prepare, **parts
        )
        pipeline.load_ip_adapter(str(kolors_adapter()), subfolder="", weight_name=WEIGHTS)
        first = panels[0].image_prompts[0].record
        pipeline.set_ip_adapter_scale(
            {part: first.weight for part in first.blocks} if len(first.blocks) < 3 else first.weight
        )
        read = [
            pipeline.prepare_ip_adapter_image_embeds(
                [[shown.picture() for shown in one.image_prompts]], None, "cpu", 1, True
            )[0].chunk(2)
            for one in panels
        ]
        self.pictures = torch.cat([torch.cat(half) for half in zip(*read, strict=True)][::-1])

    def __call__(self, rows: Tensor, step: Tensor, text: Tensor, pooled: Tensor) -> Tensor:
        ids = torch.tensor([[64, 64, 0, 0, 64, 64]] * len(rows))
        more = {"text_embeds": pooled, "time_ids": ids, "image_embeds": [self.pictures]}
        told: Tensor = self.unet(rows, step, text, added_cond_kwargs=more).sample
        return told


def example(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(9)
    latents = torch.randn(rows, 4, 8, 8, generator=chance, dtype=EXACT)
    text = torch.randn(rows, 12, SIZES.unet.pooled, generator=chance, dtype=EXACT)
    return latents, text, torch.randn(rows, SIZES.unet.pooled, generator=chance, dtype=EXACT)


ONE = ((prompted(0),), (prompted(1),))
STRONG = ((prompted(0, 1.0),), (prompted(1, 1.0),))
TWO = ((prompted(0), prompted(1)), (prompted(2), prompted(3)))


@pytest.mark.parametrize("pictures", [ONE, STRONG, TWO], ids=["weight .5", "weight 1", "two pictures each"])
def test_the_unet_predicts_what_diffusers_predicts_with_the_same_adapter(pictures):
    panels = [request(seed, *own) for seed, own in enumerate(pictures)]
    rows, text, pooled = example(4)
    engine, step = Denoiser(load_base(toy_published()).unet(dtype=EXACT)), torch.tensor([500])
    with torch.inference_mode():
        engine.set_text(text)
        bare = engine.at(step, pooled)(rows)
        prompt = KolorsPictures("cpu").prompted(panels, 2, range(1), engine)
        with looking(engine.lookers, prompt) as look:
            look(0, len(rows))
            ours = engine.at(step, pooled)(rows)
        expected = Theirs(panels)(rows, step, text, pooled)
        assert torch.equal(engine.at(step, pooled)(rows), bare), "nothing is left of it"
    assert (ours - expected).abs().max() <= SAME
    assert (ours - bare).abs().max() > 0.01 * bare.std()
