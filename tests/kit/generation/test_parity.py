"""The same picture as the contest's own pipeline, DiffSynth's SDXLImagePipeline, on the embedded base.

The UNet computes in fp64: fp32's rounding depends on the batch and grows at cfg 4 beyond 1e-4 of the latents'
spread, which would hide a mistake. What is left is the text, which both read in fp32.
"""

import numpy as np
import pytest
import torch
from diffsynth import SDXLImagePipeline
from numpy.typing import NDArray
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.lora.lora import LoadedLora, find_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS

TEXTS = ("一个小女孩坐在沙发上", "一只橙色的小猫，奔跑，在森林", "小猫在浴室洗澡", "夜空下有流星")
NEGATIVE = "模糊，变形"
STEPS = 3
EXACT = torch.float64
STRENGTH = 0.5


class Single(nn.Module):
    """The decoder, which keeps to fp32 whatever the UNet computes in; it notes what it was given."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder, self.latents = decoder, torch.empty(0)

    def forward(self, latents: Tensor, **_tiles: object) -> Tensor:
        self.latents = latents[0]
        return self.decoder(latents.float())


class Theirs:
    """The notebook's loop: one picture a call, noise drawn in fp16, the LoRA beside the weights."""

    def __init__(self, lora: LoadedLora | None) -> None:
        base = load_base("mini")
        self.pipe = SDXLImagePipeline(device="cpu", torch_dtype=EXACT)
        self.pipe.scheduler.__init__(beta_end=BETA_END, num_train_timesteps=TRAIN_STEPS)
        self.pipe.prompter = base.prompter()
        self.pipe.prompter.fetch_models(base.text_encoder())
        self.pipe.unet = base.unet()
        self.pipe.vae_decoder = Single(base.vae_decoder())
        read = self.pipe.encode_prompt
        self.pipe.encode_prompt = lambda *a, **k: {
            name: text.to(EXACT) for name, text in read(*a, **k).items()
        }
        self.pipe.generate_noise = self._half_noise
        if lora is not None:
            _wear(self.pipe.unet, lora)
        self.pipe.unet.to(EXACT)

    def draw(self, request: PanelRequest, settings: DrawSettings) -> tuple[Tensor, NDArray[np.int_]]:
        picture = self.pipe(
            request.prompt, negative_prompt=NEGATIVE, cfg_scale=settings.cfg, height=settings.size,
            width=settings.size, num_inference_steps=STEPS, seed=request.seed, progress_bar_cmd=list,
        )  # fmt: skip
        return self.pipe.vae_decoder.latents, np.asarray(picture).astype(int)

    @staticmethod
    def _half_noise(shape: tuple[int, ...], seed: int, device: str, dtype: torch.dtype) -> Tensor:
        generator = torch.Generator(device).manual_seed(seed)
        return torch.randn(shape, generator=generator, device=device, dtype=torch.float16).to(dtype)


def _wear(unet: nn.Module, lora: LoadedLora) -> None:
    """Put the LoRA beside the weights as peft does, at STRENGTH of its training."""
    targets = ["to_q", "to_k", "to_v", "to_out"]
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha * STRENGTH, target_modules=targets)
    inject_adapter_in_model(config, unet)
    layers = dict(unet.named_modules())
    for name, (down, up) in lora.pairs.items():
        layers[name].lora_A["default"].weight.data.copy_(down)
        layers[name].lora_B["default"].weight.data.copy_(up)


@pytest.fixture(scope="module", params=["", "mini:cyberpunk"])
def both(request: pytest.FixtureRequest) -> tuple[KolorsPainter, Theirs]:
    lora = find_lora(request.param) if request.param else None
    painter = KolorsPainter(load_base("mini"), "cpu")
    painter.encode_prompts([*TEXTS, NEGATIVE])
    painter._networks.dtype = EXACT
    painter.set_lora(lora, STRENGTH if lora else 1.0)
    return painter, Theirs(lora)


@pytest.mark.parametrize(("size", "panels", "cfg"), [(64, 3, 1.0), (64, 3, 4.0), (256, 1, 4.0)])
def test_latents_and_pictures_are_those_of_diffsynths_pipeline(both, size, panels, cfg):
    painter, theirs = both
    settings = DrawSettings(steps=STEPS, cfg=cfg, size=size, noise="contest")
    requests = [
        PanelRequest(key="k", prompt=TEXTS[seed % len(TEXTS)], negative=NEGATIVE, seed=seed)
        for seed in range(panels)
    ]
    with torch.inference_mode():
        noise = torch.cat([first_noise(request.seed, settings, "cpu") for request in requests])
        latents = painter._loop.denoise(noise.to(EXACT), requests, settings)
        pictures = [decoded(painter._networks.decoder, latent.float()) for latent in latents]
    for request, latent, picture in zip(requests, latents, pictures, strict=True):
        expected, their_picture = theirs.draw(request, settings)
        assert (latent - expected).abs().max() <= 1e-4 * expected.std()
        assert np.abs(np.asarray(picture).astype(int) - their_picture).max() <= 1
        assert their_picture.std() > 5, "a flat picture would prove nothing"
