"""The painter over Kolors' networks: text first, then panels in batches, one UNet call a step."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from PIL.Image import Image
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.steps import Step
from kit.experiment.tables import SamplerName
from kit.generation.controls.kolors_controlnets import refuse_strangers
from kit.generation.devices.device_memory import (
    BATCHES,
    enough_memory,
    free_gib,
    panels_at_once,
    too_little_memory,
)
from kit.generation.kolors.compiling import compiled_in_turn, compiling_pays
from kit.generation.kolors.denoiser import halves_of, refuse_too_small
from kit.generation.kolors.drawing_loop import DrawingLoop
from kit.generation.kolors.kolors_networks import KolorsNetworks
from kit.generation.painter import (
    ALONE,
    BatchPlan,
    CompileShare,
    DrawFailure,
    DrawResult,
    PanelRequest,
    RedrawRequest,
    drawn_held_alike,
    refuse_other_size,
)
from kit.generation.repair.attention_mask import attention_mask, attention_to, places_of
from kit.generation.repair.masks import pasted
from kit.generation.repair.repainting import Kept, drawing_base, kept_of
from kit.generation.sampling.picture_latents import decoded
from kit.lora.lora import LoadedLora
from kit.messages import joined, tr
from kit.models.kolors.scheduler import SCHEDULER
from kit.models.kolors.unet import linear_shapes
from kit.models.kolors.vae import pixels_of
from kit.models.networks import Base
from kit.models.sizes import PREFIX_TOKENS, TOKENS
from kit.workers.devices import pick_device

SAMPLERS: tuple[SamplerName, ...] = ("ddim", "dpm++2m")
"""Those that we solve Kolors' equation with."""
PROBED = 2
"""Steps that are timed before compiling is decided on."""


class KolorsPainter:
    """Draws with one base; each network is loaded when needed, the text encoder while prompts are read."""

    prompt_tokens = TOKENS - PREFIX_TOKENS

    def __init__(self, base: Base, device: str = "auto", compile_share: CompileShare = ALONE) -> None:
        """Take a base, of which nothing is loaded yet; of several GPUs, this process then uses the one."""
        self.device = pick_device(device)
        self._compile_share = compile_share
        self._networks = KolorsNetworks(base, self.device)
        self.hardware = self._networks.hardware
        self.identity: Mapping[str, object] = {
            "name": base.name,
            "sha256": dict(base.sha256),
            "scheduler": SCHEDULER,
            "dtype": str(self._networks.dtype).removeprefix("torch."),
        }
        self._loop = DrawingLoop(self._networks)
        self._most = max(BATCHES)
        """Panels that fit into memory together, as far as is known."""

    @torch.inference_mode()
    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        self._networks.encode_prompts(prompts)

    def read_states(self, prompts: Sequence[str]) -> Mapping[str, Sequence[Tensor]]:
        """Return what was read of prompts, for `take_states` of another painter."""
        return self._networks.texts.read(prompts)

    def take_states(self, states: Mapping[str, Sequence[Tensor]]) -> None:
        """Take what another painter of this base read, in place of reading it."""
        self._networks.texts.take(states)

    def free_gib(self) -> float | None:
        """Return how much of the device's memory is free; None on a CPU."""
        return free_gib(self.device)

    def refusals(self, settings: DrawSettings, consistency: float = 0.0) -> list[str]:
        """Return why nothing can be drawn so: what diffusers' pipelines alone have."""
        faults: list[str] = []
        if settings.sampler not in SAMPLERS:
            told = joined(map(repr, SAMPLERS), tr(" or "))
            faults.append(tr("sampler must be {known}, got {got!r}", known=told, got=settings.sampler))
        if settings.spacing is not None:
            faults.append(tr("spacing is for bases that diffusers draws with: delete it"))
        if settings.decoder_steps is not None:
            faults.append(tr("decoder_steps is for Stable Cascade: delete it"))
        if settings.long_prompts:
            faults.append(
                tr(
                    "long_prompts is for SDXL and Stable Diffusion: delete it; this base reads {n} tokens",
                    n=self.prompt_tokens,
                )
            )
        return faults

    def step_refusals(self, step: Step, part: str = "") -> list[str]:
        """Return nothing: every step can be drawn."""
        return []

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""
        return self._networks.texts.truncated_tail(prompt)

    def check(self, lora: LoadedLora | None) -> None:
        """Refuse a LoRA that does not fit the UNet; needs no weights."""
        if lora is not None:
            lora.check_fit(linear_shapes(self._networks.base.sizes.unet))

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        """Merge the LoRA into whatever UNet draws; what was merged before is taken out, to the last bit."""
        self.check(lora)
        self._networks.set_lora(lora, strength)

    @property
    def inpainting(self) -> str:
        """Return the sha256 of the UNet that draws what a mask names; empty where that is the base's own."""
        found = self._networks.base.inpainting()
        return found.unet_sha256 if found else ""

    def unload(self) -> None:
        """Free the networks; what was read is kept, and the next picture loads them again."""
        self._networks.unload()
        self._loop.unload()

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return as many panels as the free memory takes, and whether compiling pays for these pictures.

        On a GPU some steps of the first pictures are drawn to see how long they take.
        """
        self._refuse_strangers(requests)
        self._begin(requests)
        if settings.guidance_until < 1:
            refuse_too_small(self._networks.base.sizes.unet, 1, settings.size)  # a batch may be of one panel
        nets = {held.record.controlnet for one in requests for held in one.control}
        panels = settings.batch or panels_at_once(self.device, settings, len(nets))
        if self.device == "cpu" or settings.memory == "low":
            return BatchPlan(panels=panels, compiled=False)
        try:
            alike = [one for one in requests if one.held_by == requests[0].held_by]
            seconds = self._step_seconds(alike[:panels], settings) * settings.work * len(requests)
        except torch.OutOfMemoryError as error:
            if panels == 1:
                raise too_little_memory(self.hardware, settings.size) from error
            torch.cuda.empty_cache()
            return self.plan_batches(requests, replace(settings, batch=panels // 2))
        return BatchPlan(panels=panels, compiled=compiling_pays(seconds, len(halves_of(settings))))

    @torch.inference_mode()
    def _step_seconds(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> float:
        """Return how long one step of one picture takes, drawn with the others."""
        noise = self._loop.first_noise(requests, settings)
        self._loop.denoise(noise, requests, settings.whole_steps(1))
        torch.cuda.synchronize()
        started = time.monotonic()
        self._loop.denoise(noise, requests, settings.whole_steps(PROBED))
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
        self._refuse_strangers(requests)
        self._begin(requests)
        if plan is not None and plan.compiled and requests and not self._networks.denoiser.compiled:
            self._compile(requests, settings, plan)
        return drawn_held_alike(requests, lambda alike: self._in_memory(alike, settings))

    def _compile(self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan) -> None:
        """Compile the UNet and the decoder by one step of each kind of call, whose pictures are thrown away.

        What does not fit into memory so is compiled when it is called.
        """
        kinds, networks = halves_of(settings), self._networks
        networks.denoiser.run_compiled(rows=[plan.panels * halves for halves in kinds])
        alike = [one for one in requests if one.held_by == requests[0].held_by] * plan.panels
        alike = alike[: plan.panels]  # a call is of as many as are compiled for
        one_step = settings.whole_steps(1)
        noise = self._loop.first_noise(alike, settings)
        for _ in compiled_in_turn([networks.denoiser.unet, networks.decoder], self._compile_share):
            try:
                for halves in kinds:
                    guided = replace(one_step, cfg=settings.cfg if halves == 2 else 1.0)
                    latents = self._loop.denoise(noise, alike, guided)
                decoded(networks.decoder, latents[0])
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()

    @torch.inference_mode()
    def _begin(self, requests: Sequence[PanelRequest], base: Base | None = None) -> None:
        """Have the UNet and the words ready that panels are drawn with."""
        self._networks.draw_with(base or self._networks.base)
        self._networks.learn_words(requests[0].embeddings if requests else ())

    def _refuse_strangers(self, requests: Sequence[PanelRequest]) -> None:
        name, sizes = str(self.identity["name"]), self._networks.base.sizes.unet
        refuse_strangers(requests, name, sizes)
        self._networks.pictures.refuse_strangers(requests, name, sizes)

    @torch.inference_mode()
    def redraw(self, requests: Sequence[RedrawRequest], settings: DrawSettings) -> list[DrawResult]:
        """Return pictures drawn again, one at a time, from latents with the noise of their first step.

        At strength 1 they begin as noise alone, as `draw` does; the encoder gives the mean of its latents.
        """
        for asked in requests:
            refuse_other_size(asked.request, asked.picture, settings.size)
        self._refuse_strangers([asked.request for asked in requests])
        return [self._redrawn(asked, settings) for asked in requests]

    def _redrawn(self, asked: RedrawRequest, settings: DrawSettings) -> DrawResult:
        base = drawing_base(asked.inpainting, self._networks.base)
        if isinstance(base, DrawFailure):
            return base
        self._begin([asked.request], base)
        kept = kept_of(asked, settings.steps, self.device, partial(self._networks.encode, settings))
        [drawn] = self._in_memory([asked.request], settings, kept)
        return drawn if isinstance(drawn, DrawFailure) else pasted(drawn, asked.picture, asked.mask)

    @torch.inference_mode()
    def mask_of(
        self, request: PanelRequest, picture: Image, words: Sequence[str], settings: DrawSettings
    ) -> Image:
        """Return where a picture shows words of its prompt, with the LoRA that is set."""
        refuse_other_size(request, picture, settings.size)
        self._begin([request])
        places = places_of(request, words, self._networks.texts)
        states = self._networks.texts.of([request.prompt], request.embeddings)
        noise = self._loop.first_noise([request], settings)
        original = self._networks.encode(settings, pixels_of(picture, self.device))
        with enough_memory(self.hardware, settings.size):
            seen = attention_to(self._networks.denoiser, original, noise, states, places)
        return attention_mask(seen, picture)

    def _in_memory(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, kept: Kept | None = None
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

    def _draw_together(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, kept: Kept | None = None
    ) -> list[DrawResult]:
        noise, tile = self._loop.first_noise(requests, settings), kept.tile if kept else 0
        if settings.memory == "auto":
            together = self._loop.denoise(noise, requests, settings, kept)
            return [decoded(self._networks.decoder, latent, tile) for latent in together]
        one_by_one = zip(noise[:, None], requests, strict=True)
        latents = [self._loop.denoise(start, [request], settings, kept)[0] for start, request in one_by_one]
        with self._networks.aside():
            return [decoded(self._networks.decoder, latent, tile) for latent in latents]

    def _again(
        self, fault: DrawFailure, request: PanelRequest, settings: DrawSettings, kept: Kept | None
    ) -> DrawResult:
        """Return the picture drawn alone in fp32."""
        if self._networks.dtype == torch.float32:
            return fault
        try:
            with self._networks.denoiser.in_fp32():
                [picture] = self._draw_together([request], settings, kept)
        except torch.OutOfMemoryError:
            return DrawFailure(
                reason=tr("{reason}, and there is too little memory to draw it in fp32", reason=fault.reason)
            )
        if isinstance(picture, DrawFailure):
            return DrawFailure(reason=tr("{reason}, in fp32 as well", reason=picture.reason))
        return picture
