"""Kolors' networks on one device: each is loaded when it is needed, and of two UNets one is in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property

import torch
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.controls.kolors_controlnets import KolorsControlNets
from kit.generation.devices.device_memory import enough_memory, take_over
from kit.generation.ip_adapter.picture_reading import KolorsPictures
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.sampling.picture_latents import encoded, for_drawing
from kit.lora.lora import LoadedLora
from kit.models.networks import Base, offloaded
from kit.models.prompt_states import PromptStates, Words


class KolorsNetworks:
    """What draws with one base, and what was read with it."""

    def __init__(self, base: Base, device: str) -> None:
        """Take a base, of which nothing is loaded yet; of several GPUs, this process then uses the one."""
        self.base, self.device, self.hardware = base, device, take_over(device)
        self.dtype = base.precision(device)
        self.texts = PromptStates(base, device)
        self.controlnets = KolorsControlNets(device)
        self.pictures = KolorsPictures(device)
        self._drawing = base
        """Whose UNet is in memory, or the next to be."""
        self._worn: tuple[LoadedLora | None, float] = (None, 1.0)

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        self.texts.encode(prompts, self.dtype)

    def learn_words(self, words: Words) -> None:
        """Read the prompts anew that have words which the text encoder is to be taught."""
        if self.texts.unread(words):
            with self.aside() if "denoiser" in vars(self) else nullcontext():
                self.texts.teach(words, self.dtype)

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        """Merge the LoRA into whatever UNet draws; what was merged before is taken out, to the last bit."""
        self._worn = (lora, strength)
        if "denoiser" in vars(self):
            self.denoiser.set_lora(lora, strength)

    @cached_property
    def denoiser(self) -> Denoiser:
        """The UNet, wearing the LoRA."""
        with torch.inference_mode(False):  # LoRAs change these weights later
            denoiser = Denoiser(self._drawing.unet(self.device, self.dtype))
            denoiser.set_lora(*self._worn)
        return denoiser

    def draw_with(self, base: Base) -> None:
        """Free the UNet that is in memory where it is another one; this base's is read when it is asked."""
        if base != self._drawing:
            self._drawing = base
            self._free("denoiser")

    @cached_property
    def decoder(self) -> SDXLVAEDecoder:
        """From latents to a picture."""
        return for_drawing(self.base.vae_decoder(self.device))

    @cached_property
    def encoder(self) -> SDXLVAEEncoder:
        """From a picture to latents."""
        return self.base.vae_encoder(self.device)

    def encode(self, settings: DrawSettings, pixels: Tensor, tile: int = 0) -> Tensor:
        """Return a picture's latents, (1, 4, H/8, W/8), as `encoded` does; RunError where memory is short."""
        aside = self.aside() if settings.memory == "low" else nullcontext()
        with enough_memory(self.hardware, settings.size), aside:
            return encoded(self.encoder, pixels, tile)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the GPU to the autoencoder for a while."""
        self.controlnets.put_aside()
        with offloaded(self.denoiser.unet):
            yield

    def unload(self) -> None:
        """Free the networks; what was read is kept, and the next picture loads them again."""
        self.controlnets.unload()
        self.pictures.unload()
        self._free("denoiser", "decoder", "encoder")

    def _free(self, *networks: str) -> None:
        for name in networks:
            vars(self).pop(name, None)
        torch.cuda.empty_cache()
