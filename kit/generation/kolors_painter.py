"""The painter over Kolors' networks: text first, then panels in batches, one UNet call a step."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial

import torch
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from PIL.Image import Image
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.steps import Step
from kit.experiment.tables import SamplerName
from kit.generation.anchors.joining import join_anchors, sharing_of
from kit.generation.anchors.pictured_anchors import AnchorLatents, PicturedAnchors
from kit.generation.compiling import compiled_in_turn, compiling_pays
from kit.generation.controls.held_panels import by_half
from kit.generation.controls.kolors_controlnets import KolorsControlNets, refuse_strangers
from kit.generation.denoiser import Denoiser, halves_of, refuse_too_small
from kit.generation.devices.device_memory import (
    BATCHES,
    enough_memory,
    free_gib,
    panels_at_once,
    take_over,
    too_little_memory,
)
from kit.generation.ip_adapter.picture_attention import looking
from kit.generation.ip_adapter.picture_reading import KolorsPictures
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
from kit.generation.sampling.deep_cache import deep_cache
from kit.generation.sampling.dpm_solver import solver_of
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded, encoded, for_drawing
from kit.generation.sampling.tiled import LATENTS, tiled
from kit.lora.lora import LoadedLora
from kit.messages import joined, tr
from kit.models.kolors.scheduler import SCHEDULER
from kit.models.kolors.unet import linear_shapes
from kit.models.kolors.vae import pixels_of
from kit.models.networks import Base, offloaded
from kit.models.prompt_states import PromptStates
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
        self.hardware = take_over(self.device)
        self._dtype = base.precision(self.device)
        self.identity: Mapping[str, object] = {
            "name": base.name,
            "sha256": dict(base.sha256),
            "scheduler": SCHEDULER,
            "dtype": str(self._dtype).removeprefix("torch."),
        }
        self._base = self._drawing = base
        """The base, and the one whose UNet is in memory or the next to be: of two only one is."""
        self._worn: tuple[LoadedLora | None, float] = (None, 1.0)
        self._texts = PromptStates(base, self.device)
        self._controlnets = KolorsControlNets(self.device)
        self._pictures = KolorsPictures(self.device)
        self._anchor_latents = AnchorLatents()
        self._most = max(BATCHES)
        """Panels that fit into memory together, as far as is known."""

    @torch.inference_mode()
    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        self._texts.encode(prompts, self._dtype)

    def read_states(self, prompts: Sequence[str]) -> Mapping[str, Sequence[Tensor]]:
        """Return what was read of prompts, for `take_states` of another painter."""
        return self._texts.read(prompts)

    def take_states(self, states: Mapping[str, Sequence[Tensor]]) -> None:
        """Take what another painter of this base read, in place of reading it."""
        self._texts.take(states)

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
        return self._texts.truncated_tail(prompt)

    def check(self, lora: LoadedLora | None) -> None:
        """Refuse a LoRA that does not fit the UNet; needs no weights."""
        if lora is not None:
            lora.check_fit(linear_shapes(self._base.sizes.unet))

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        """Merge the LoRA into whatever UNet draws; what was merged before is taken out, to the last bit."""
        self.check(lora)
        self._worn = (lora, strength)
        if "_denoiser" in vars(self):
            self._denoiser.set_lora(lora, strength)

    @cached_property
    def _denoiser(self) -> Denoiser:
        with torch.inference_mode(False):  # LoRAs change these weights later
            denoiser = Denoiser(self._drawing.unet(self.device, self._dtype))
            denoiser.set_lora(*self._worn)
        return denoiser

    def _draw_with(self, base: Base) -> None:
        """Free the UNet that is in memory where it is another one; this base's is read when it is asked."""
        if base != self._drawing:
            self._drawing = base
            self._free("_denoiser")

    @property
    def inpainting(self) -> str:
        """Return the sha256 of the UNet that draws what a mask names; empty where that is the base's own."""
        found = self._base.inpainting()
        return found.unet_sha256 if found else ""

    @cached_property
    def _decoder(self) -> SDXLVAEDecoder:
        return for_drawing(self._base.vae_decoder(self.device))

    @cached_property
    def _encoder(self) -> SDXLVAEEncoder:
        return self._base.vae_encoder(self.device)

    def unload(self) -> None:
        """Free the networks; what was read is kept, and the next picture loads them again."""
        self._controlnets.unload()
        self._pictures.unload()
        self._anchor_latents.unload()
        self._free("_denoiser", "_decoder", "_encoder")

    def _free(self, *networks: str) -> None:
        for name in networks:
            vars(self).pop(name, None)
        torch.cuda.empty_cache()

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return as many panels as the free memory takes, and whether compiling pays for these pictures.

        On a GPU some steps of the first pictures are drawn to see how long they take.
        """
        self._refuse_strangers(requests)
        self._draw_with(self._base)
        self._learn_words(requests)
        if settings.guidance_until < 1:
            refuse_too_small(self._base.sizes.unet, 1, settings.size)  # a batch may be of one panel
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
        self._refuse_strangers(requests)
        self._draw_with(self._base)
        self._learn_words(requests)
        if plan is not None and plan.compiled and requests and not self._denoiser.compiled:
            self._compile(requests, settings, plan)
        return drawn_held_alike(requests, lambda alike: self._in_memory(alike, settings))

    def _compile(self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan) -> None:
        """Compile the UNet and the decoder by one step of each kind of call, whose pictures are thrown away.

        What does not fit into memory so is compiled when it is called.
        """
        kinds = halves_of(settings)
        self._denoiser.run_compiled(rows=[plan.panels * halves for halves in kinds])
        alike = [one for one in requests if one.held_by == requests[0].held_by] * plan.panels
        alike = alike[: plan.panels]  # a call is of as many as are compiled for
        one_step = settings.whole_steps(1)
        noise = self._first_noise(alike, settings)
        for _ in compiled_in_turn([self._denoiser.unet, self._decoder], self._compile_share):
            try:
                for halves in kinds:
                    guided = replace(one_step, cfg=settings.cfg if halves == 2 else 1.0)
                    latents = self._denoise(noise, alike, guided)
                decoded(self._decoder, latents[0])
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()

    @torch.inference_mode()
    def _learn_words(self, requests: Sequence[PanelRequest]) -> None:
        """Read the prompts anew that have words which the batch's text encoder was taught."""
        words = requests[0].embeddings if requests else ()
        if self._texts.unread(words):
            with self._aside() if "_denoiser" in vars(self) else nullcontext():
                self._texts.teach(words, self._dtype)

    def _refuse_strangers(self, requests: Sequence[PanelRequest]) -> None:
        name, sizes = str(self.identity["name"]), self._base.sizes.unet
        refuse_strangers(requests, name, sizes)
        self._pictures.refuse_strangers(requests, name, sizes)

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
        base = drawing_base(asked.inpainting, self._base)
        if isinstance(base, DrawFailure):
            return base
        self._draw_with(base)
        self._learn_words([asked.request])
        kept = kept_of(asked, settings.steps, self.device, partial(self._encode, settings))
        [drawn] = self._in_memory([asked.request], settings, kept)
        return drawn if isinstance(drawn, DrawFailure) else pasted(drawn, asked.picture, asked.mask)

    @torch.inference_mode()
    def mask_of(
        self, request: PanelRequest, picture: Image, words: Sequence[str], settings: DrawSettings
    ) -> Image:
        """Return where a picture shows words of its prompt, with the LoRA that is set."""
        refuse_other_size(request, picture, settings.size)
        self._draw_with(self._base)
        self._learn_words([request])
        places = places_of(request, words, self._texts)
        states = self._texts.of([request.prompt], request.embeddings)
        noise = self._first_noise([request], settings)
        original = self._encode(settings, pixels_of(picture, self.device))
        with enough_memory(self.hardware, settings.size):
            seen = attention_to(self._denoiser, original, noise, states, places)
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

    def _first_noise(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> Tensor:
        return torch.cat([first_noise(one.seed, settings, self.device, one.variation) for one in requests])

    def _draw_together(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, kept: Kept | None = None
    ) -> list[DrawResult]:
        noise, tile = self._first_noise(requests, settings), kept.tile if kept else 0
        if settings.memory == "auto":
            together = self._denoise(noise, requests, settings, kept)
            return [decoded(self._decoder, latent, tile) for latent in together]
        one_by_one = zip(noise[:, None], requests, strict=True)
        latents = [self._denoise(start, [request], settings, kept)[0] for start, request in one_by_one]
        with self._aside():
            return [decoded(self._decoder, latent, tile) for latent in latents]

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Leave the GPU to the autoencoder for a while."""
        self._controlnets.put_aside()
        with offloaded(self._denoiser.unet):
            yield

    def _again(
        self, fault: DrawFailure, request: PanelRequest, settings: DrawSettings, kept: Kept | None
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
        kept: Kept | None = None,
    ) -> Tensor:
        """Return the latents after all steps; classifier-free guidance ends when the settings say.

        One that is drawn again begins at its first step, or waits for it where anchors are drawn beside it.
        """
        joined, guided = join_anchors(requests), settings.guided_steps
        begins = kept.first if kept else 0
        noise, first = latents[:1], 0 if joined.beside else begins
        if joined.beside:
            latents = torch.cat([latents, self._first_noise(joined.beside, settings)])
        originals = {row: self._anchor(settings, png) for row, png in joined.pictures.items()}
        pictured = PicturedAnchors(originals=originals, noise=latents)
        drawn = [*requests, *joined.beside]
        negatives = [row.negative for row in drawn] if guided else []
        texts, words = [*(row.prompt for row in drawn), *negatives], drawn[0].embeddings
        cross, pooled = self._texts.of(texts, words)
        least = len(drawn) if guided < settings.steps else 2 * len(drawn)
        refuse_too_small(self._base.sizes.unet, least, settings.size)
        solver = solver_of(settings, first)
        self._denoiser.share(sharing_of(joined, drawn, self._texts))
        halves, steps = by_half(cross, len(drawn)), range(begins, settings.steps)
        held = self._controlnets.held(requests, halves, steps, settings.size, self._denoiser.dtype)
        prompted = self._pictures.prompted(requests, len(drawn), steps, self._denoiser, settings.memory)
        caching = deep_cache(self._denoiser.unet, settings.cache_every)
        with caching, looking(self._denoiser.lookers, prompted) as look:
            for number, step in enumerate(solver.timesteps, first):
                if kept:
                    latents = kept.held(latents, solver.add_noise(kept.original, noise, step), number)
                latents = pictured.held(latents, solver, step)
                rows = torch.cat([latents, latents]) if number < guided else latents
                if number in (first, guided):
                    self._denoiser.set_text(cross[: len(rows)])
                read, tile = (kept.seen(rows), kept.tile) if kept else (rows, 0)
                now = held.at(number)
                look(number, len(rows))
                predict = self._denoiser.at(step[None], pooled[: len(rows)], now)
                predicted = tiled(predict, now.with_maps(read) if now else read, LATENTS, tile)
                if number < guided:
                    wanted, unwanted = predicted.chunk(2)
                    predicted = unwanted + settings.cfg * (wanted - unwanted)
                latents = solver.step(predicted, step, latents)
        if kept:
            latents = kept.held(latents, kept.original, settings.steps)
        return latents[: len(requests)]

    def _anchor(self, settings: DrawSettings, png: bytes) -> Tensor:
        """Return the latents of a picture that panels are drawn to match."""
        return self._anchor_latents.of(
            png, settings.size, lambda picture: self._encode(settings, pixels_of(picture, self.device))
        )

    def _encode(self, settings: DrawSettings, pixels: Tensor, tile: int = 0) -> Tensor:
        aside = self._aside() if settings.memory == "low" else nullcontext()
        with enough_memory(self.hardware, settings.size), aside:
            return encoded(self._encoder, pixels, tile)
