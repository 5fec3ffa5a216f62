"""The painter over Kolors' networks: text first, then panels in batches, one UNet call a step."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial

import torch
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from PIL.Image import Image
from torch import Tensor

from kit.experiment.config import DrawSettings
from kit.generation.anchors.joining import join_anchors, sharing_of
from kit.generation.denoiser import Denoiser, compile_parts, compiling_pays, refuse_too_small
from kit.generation.device_memory import BATCHES, CPU_BATCH, panels_that_fit, too_little_memory
from kit.generation.painter import (
    BatchPlan,
    DrawFailure,
    DrawResult,
    PanelRequest,
    RedrawRequest,
    refuse_other_size,
)
from kit.generation.repair.attention_mask import attention_mask, attention_to, places_of
from kit.generation.repair.masks import latent_mask, pasted
from kit.generation.repair.repainting import Repainting, repainting_of
from kit.generation.sampling.deep_cache import deep_cache
from kit.generation.sampling.dpm_solver import solver_of
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded, encoded, for_drawing
from kit.generation.sampling.tiled import LATENTS, sizes_of, tiled
from kit.lora.lora import LoadedLora
from kit.messages import tr
from kit.models.base import pick_device
from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS
from kit.models.kolors.unet import linear_shapes
from kit.models.networks import Base, offloaded
from kit.models.prompt_states import PromptStates

SCHEDULER = {"name": "EnhancedDDIM", "beta_end": BETA_END, "train_steps": TRAIN_STEPS}
PROBED = 2
"""Steps that are timed before compiling is decided on."""


def _halves(settings: DrawSettings) -> list[int]:
    """Return how many rows of a call a panel has, for each kind of call: 2 while it is guided, else 1."""
    return [2] * (settings.guided_steps > 0) + [1] * (settings.guided_steps < settings.steps)


class KolorsPainter:
    """Draws with one base; each network is loaded when needed, the text encoder while prompts are read."""

    def __init__(self, base: Base, device: str = "auto") -> None:
        """Take a base, of which nothing is loaded yet; of several GPUs, this process then uses the one."""
        self.device = pick_device(device)
        if ":" in self.device:
            torch.cuda.set_device(self.device)
        if self.device != "cpu":
            # 2 GiB less are held; the public way is an environment variable, which torch reads only at import
            torch.cuda.memory._set_allocator_settings("expandable_segments:True")
        self.hardware = "cpu" if self.device == "cpu" else torch.cuda.get_device_name()
        self._dtype = base.precision(self.device)
        self.identity: Mapping[str, object] = {
            "name": base.name,
            "sha256": dict(base.sha256),
            "scheduler": SCHEDULER,
            "dtype": str(self._dtype).removeprefix("torch."),
        }
        self._base = base
        self._texts = PromptStates(base, self.device)
        self._most = max(BATCHES)
        """Panels that fit into memory together, as far as is known."""

    @torch.inference_mode()
    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        self._texts.encode(prompts, self._dtype)

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""
        return self._texts.truncated_tail(prompt)

    def check(self, lora: LoadedLora | None) -> None:
        """Refuse a LoRA that does not fit the UNet; needs no weights."""
        if lora is not None:
            lora.check_fit(linear_shapes(self._base.sizes.unet))

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        """Merge the LoRA into the UNet; what was merged before is taken out, to the last bit."""
        self.check(lora)
        if lora is not None or "_denoiser" in vars(self):  # nothing is on a UNet that was never loaded
            self._denoiser.set_lora(lora, strength)

    @cached_property
    def _denoiser(self) -> Denoiser:
        with torch.inference_mode(False):  # LoRAs change these weights later
            unet = self._base.unet(self.device, self._dtype)
        return Denoiser(unet)

    @cached_property
    def _decoder(self) -> SDXLVAEDecoder:
        return for_drawing(self._base.vae_decoder(self.device))

    @cached_property
    def _encoder(self) -> SDXLVAEEncoder:
        return self._base.vae_encoder(self.device)

    def unload(self) -> None:
        """Free the networks; what was read is kept, and the next picture loads them again."""
        for name in ("_denoiser", "_decoder", "_encoder"):
            vars(self).pop(name, None)
        torch.cuda.empty_cache()

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return as many panels as the free memory takes, and whether compiling pays for these pictures.

        On a GPU some steps of the first pictures are drawn to see how long they take.
        """
        if settings.guidance_until < 1:
            refuse_too_small(self._base.sizes.unet, 1, settings.size)  # a batch may be of one panel
        panels = settings.batch or self._fitting(settings)
        if self.device == "cpu" or settings.memory == "low":
            return BatchPlan(panels=panels, compiled=False)
        try:
            seconds = self._step_seconds(requests[:panels], settings) * settings.work * len(requests)
        except torch.OutOfMemoryError as error:
            if panels == 1:
                raise too_little_memory(self.hardware, settings.size) from error
            torch.cuda.empty_cache()
            return self.plan_batches(requests, replace(settings, batch=panels // 2))
        return BatchPlan(panels=panels, compiled=compiling_pays(seconds, len(_halves(settings))))

    def _fitting(self, settings: DrawSettings) -> int:
        if self.device == "cpu":
            return CPU_BATCH
        if settings.memory == "low":
            return max(BATCHES)
        return panels_that_fit(torch.cuda.mem_get_info()[0] / 2**30, settings.size)

    @torch.inference_mode()
    def _step_seconds(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> float:
        """Return how long one step of one picture takes, drawn with the others."""
        noise = self._first_noise(requests, settings)
        self._denoise(noise, requests, settings.whole_steps(1))
        torch.cuda.synchronize()
        started = time.monotonic()
        self._denoise(noise, requests, settings.whole_steps(PROBED))
        torch.cuda.synchronize()
        return (time.monotonic() - started) / PROBED / len(requests)

    @torch.inference_mode()
    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> list[DrawResult]:
        """Return the pictures of one batch; panels and their negatives share each UNet call.

        What does not fit into the GPU's memory together is drawn in halves. A picture whose numbers are not
        finite, or that has one colour, is drawn again in fp32 where that is another precision.
        """
        if plan is not None and plan.compiled and not self._denoiser.compiled:
            self._denoiser.compile(rows=[plan.panels * halves for halves in _halves(settings)])
            compile_parts(self._decoder)
        return self._in_memory(requests, settings)

    @torch.inference_mode()
    def redraw(self, requests: Sequence[RedrawRequest], settings: DrawSettings) -> list[DrawResult]:
        """Return pictures drawn again, one at a time, from latents with the noise of their first step.

        At strength 1 they begin as noise alone, as `draw` does; the encoder gives the mean of its latents.
        """
        for asked in requests:
            refuse_other_size(asked.request, asked.picture, settings.size)
        return [self._redrawn(asked, settings) for asked in requests]

    def _redrawn(self, asked: RedrawRequest, settings: DrawSettings) -> DrawResult:
        inside = latent_mask(asked.mask, settings.size).to(self.device)
        original = self._encode(asked.picture, settings, asked.tile)
        kept = replace(repainting_of(original, inside, settings.steps, asked.strength), tile=asked.tile)
        [drawn] = self._in_memory([asked.request], settings, kept)
        return drawn if isinstance(drawn, DrawFailure) else pasted(drawn, asked.picture, asked.mask)

    @torch.inference_mode()
    def mask_of(
        self, request: PanelRequest, picture: Image, words: Sequence[str], settings: DrawSettings
    ) -> Image:
        """Return where a picture shows words of its prompt, with the LoRA that is set."""
        refuse_other_size(request, picture, settings.size)
        places, states = places_of(request, words, self._texts), self._texts.of([request.prompt])
        original, noise = self._encode(picture, settings), self._first_noise([request], settings)
        try:
            seen = attention_to(self._denoiser, original, noise, states, places)
        except torch.OutOfMemoryError as error:
            raise too_little_memory(self.hardware, settings.size) from error
        return attention_mask(seen, picture)

    def _in_memory(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, kept: Repainting | None = None
    ) -> list[DrawResult]:
        if self.device == "cpu" or len(requests) <= self._most:
            try:
                pictures = self._draw_together(requests, settings, kept)
            except torch.OutOfMemoryError as error:
                if len(requests) == 1:
                    raise too_little_memory(self.hardware, settings.size) from error
                self._most = len(requests) // 2
            else:
                return [
                    self._again(picture, request, settings, kept)
                    if isinstance(picture, DrawFailure)
                    else picture
                    for request, picture in zip(requests, pictures, strict=True)
                ]
            torch.cuda.empty_cache()
        half = len(requests) // 2
        return [*self._in_memory(requests[:half], settings), *self._in_memory(requests[half:], settings)]

    def _first_noise(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> Tensor:
        return torch.cat([first_noise(one.seed, settings, self.device, one.variation) for one in requests])

    def _draw_together(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, kept: Repainting | None = None
    ) -> list[DrawResult]:
        noise, tile = self._first_noise(requests, settings), kept.tile if kept else 0
        if settings.memory == "auto":
            return [
                decoded(self._decoder, latent, tile)
                for latent in self._denoise(noise, requests, settings, kept)
            ]
        one_by_one = zip(noise[:, None], requests, strict=True)
        latents = [self._denoise(start, [request], settings, kept)[0] for start, request in one_by_one]
        with offloaded(self._denoiser.unet):
            return [decoded(self._decoder, latent, tile) for latent in latents]

    def _again(
        self, fault: DrawFailure, request: PanelRequest, settings: DrawSettings, kept: Repainting | None
    ) -> DrawResult:
        """Return the picture drawn alone in fp32."""
        if self._dtype == torch.float32:
            return fault
        try:
            with self._denoiser.in_fp32():
                [picture] = self._draw_together([request], settings, kept)
        except torch.OutOfMemoryError:
            return DrawFailure(
                reason=tr("{reason}, and there is too little memory to draw it in fp32", reason=fault.reason)
            )
        if isinstance(picture, DrawFailure):
            return DrawFailure(reason=tr("{reason}, in fp32 as well", reason=picture.reason))
        return picture

    def _denoise(
        self,
        latents: Tensor,
        requests: Sequence[PanelRequest],
        settings: DrawSettings,
        kept: Repainting | None = None,
    ) -> Tensor:
        """Return the latents after all steps; classifier-free guidance ends when the settings say.

        One that is drawn again begins at its first step, or waits for it where anchors are drawn beside it.
        """
        joined, guided = join_anchors(requests), settings.guided_steps
        noise, first = latents[:1], kept.first if kept and not joined.beside else 0
        if joined.beside:
            latents = torch.cat([latents, self._first_noise(joined.beside, settings)])
        drawn = [*requests, *joined.beside]
        negatives = [row.negative for row in drawn] if guided else []
        cross, pooled = self._texts.of([*(row.prompt for row in drawn), *negatives])
        least = len(drawn) if guided < settings.steps else 2 * len(drawn)
        refuse_too_small(self._base.sizes.unet, least, settings.size)
        solver = solver_of(settings, first)
        self._denoiser.share(sharing_of(joined, drawn, self._texts))
        with deep_cache(self._denoiser.unet, settings.cache_every):
            for number, step in enumerate(solver.timesteps, first):
                if kept:
                    latents = kept.held(latents, solver.add_noise(kept.original, noise, step), number)
                rows = torch.cat([latents, latents]) if number < guided else latents
                if number in (first, guided):
                    self._denoiser.set_text(cross[: len(rows)])
                predict = partial(self._predict, step[None], pooled)
                predicted = tiled(predict, rows, LATENTS, kept.tile if kept else 0)
                if number < guided:
                    wanted, unwanted = predicted.chunk(2)
                    predicted = unwanted + settings.cfg * (wanted - unwanted)
                latents = solver.step(predicted, step, latents)
        if kept:
            latents = kept.held(latents, kept.original, settings.steps)
        return latents[: len(requests)]

    def _predict(self, step: Tensor, pooled: Tensor, rows: Tensor) -> Tensor:
        return self._denoiser(rows, step, sizes_of(rows), pooled[: len(rows)])

    def _encode(self, picture: Image, settings: DrawSettings, tile: int = 0) -> Tensor:
        try:
            with offloaded(self._denoiser.unet) if settings.memory == "low" else nullcontext():
                return encoded(self._encoder, picture, self.device, tile)
        except torch.OutOfMemoryError as error:
            raise too_little_memory(self.hardware, settings.size) from error
