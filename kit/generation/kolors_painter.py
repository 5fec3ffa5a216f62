"""The painter over Kolors' networks: text first, then panels in batches, one UNet call a step."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from PIL import Image
from torch import Tensor, nn

from kit.errors import RunError
from kit.experiment.config import DrawSettings
from kit.generation.anchors.joining import JoinedAnchors, join_anchors
from kit.generation.anchors.shared_attention import Sharing
from kit.generation.denoiser import Denoiser, compile_parts
from kit.generation.device_memory import BATCHES, CPU_BATCH, panels_that_fit
from kit.generation.painter import BatchPlan, DrawFailure, DrawResult, PanelRequest
from kit.generation.sampling.deep_cache import deep_cache
from kit.generation.sampling.dpm_solver import solver_of
from kit.generation.sampling.first_noise import first_noise
from kit.images.decode import is_flat
from kit.lora.lora import LoadedLora
from kit.messages import tr
from kit.models.base import pick_device
from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS
from kit.models.kolors.text_encoder import encode_prompts, token_places, truncated_tail
from kit.models.kolors.unet import linear_shapes, time_ids
from kit.models.networks import Base, offloaded

SCHEDULER = {"name": "EnhancedDDIM", "beta_end": BETA_END, "train_steps": TRAIN_STEPS}
PROBED = 2
"""Steps that are timed before compiling is decided on."""
COMPILED_SAVES, COMPILING_S = 0.17, 72.0
"""Share of the time that compiling saves, measured on an H200, and twice what it cost there with 16 cores."""


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
        self._texts: dict[str, Sequence[Tensor]] = {}
        self._most = max(BATCHES)
        """Panels that fit into memory together, as far as is known."""

    @torch.inference_mode()
    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        unread = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._texts]
        if not unread:
            return
        encoder = self._base.text_encoder(self.device, self._dtype)
        for prompt, *states in encode_prompts(encoder, self._prompter, unread, self.device):
            self._texts[prompt] = states
        del encoder
        torch.cuda.empty_cache()  # nothing where there is no GPU

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""
        return truncated_tail(self._prompter, prompt)

    @cached_property
    def _prompter(self) -> KolorsPrompter:
        return self._base.prompter()

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
        decoder = self._base.vae_decoder(self.device)
        # faster so on a CPU; on a GPU slower, by 3 % of a picture, but smaller by 0.8 GiB
        decoder.to(memory_format=torch.channels_last)
        for layer in decoder.modules():
            if isinstance(layer, nn.SiLU):
                layer.inplace = True  # the same numbers in less memory
        return decoder

    def unload(self) -> None:
        """Free the networks; what was read is kept, and the next picture loads them again."""
        for name in ("_denoiser", "_decoder"):
            vars(self).pop(name, None)
        torch.cuda.empty_cache()

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return as many panels as the free memory takes, and whether compiling pays for these pictures.

        On a GPU some steps of the first pictures are drawn to see how long they take.
        """
        if settings.guidance_until < 1:
            self._refuse_too_small(1, settings.size)  # a batch may be of one panel
        panels = settings.batch or self._fitting(settings)
        if self.device == "cpu" or settings.memory == "low":
            return BatchPlan(panels=panels, compiled=False)
        try:
            seconds = self._step_seconds(requests[:panels], settings) * settings.work * len(requests)
        except torch.OutOfMemoryError as error:
            if panels == 1:
                raise self._too_small(settings) from error
            torch.cuda.empty_cache()
            return self.plan_batches(requests, replace(settings, batch=panels // 2))
        compiling = COMPILING_S * len(_halves(settings))
        return BatchPlan(panels=panels, compiled=seconds * COMPILED_SAVES > compiling)

    def _fitting(self, settings: DrawSettings) -> int:
        if self.device == "cpu":
            return CPU_BATCH
        if settings.memory == "low":
            return max(BATCHES)
        return panels_that_fit(torch.cuda.mem_get_info()[0] / 2**30, settings.size)

    @torch.inference_mode()
    def _step_seconds(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> float:
        """Return how long one step of one picture takes, drawn with the others."""
        noise = torch.cat([first_noise(request.seed, settings, self.device) for request in requests])
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

    def _in_memory(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[DrawResult]:
        if self.device == "cpu" or len(requests) <= self._most:
            try:
                pictures = self._draw_together(requests, settings)
            except torch.OutOfMemoryError as error:
                if len(requests) == 1:
                    raise self._too_small(settings) from error
                self._most = len(requests) // 2
            else:
                return [
                    self._again(request, settings, picture) if isinstance(picture, DrawFailure) else picture
                    for request, picture in zip(requests, pictures, strict=True)
                ]
            torch.cuda.empty_cache()
        half = len(requests) // 2
        return [*self._in_memory(requests[:half], settings), *self._in_memory(requests[half:], settings)]

    def _too_small(self, settings: DrawSettings) -> RunError:
        return RunError(
            tr(
                "{hardware} has too little memory for one panel of {size} pixels: close "
                "other programs that use it, or set a smaller `size` in the experiment",
                hardware=self.hardware,
                size=settings.size,
            )
        )

    def _draw_together(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[DrawResult]:
        noise = torch.cat([first_noise(request.seed, settings, self.device) for request in requests])
        if settings.memory == "auto":
            return [self._decode(latent) for latent in self._denoise(noise, requests, settings)]
        one_by_one = zip(noise[:, None], requests, strict=True)
        latents = [self._denoise(start, [request], settings)[0] for start, request in one_by_one]
        with offloaded(self._denoiser.unet):
            return [self._decode(latent) for latent in latents]

    def _again(self, request: PanelRequest, settings: DrawSettings, fault: DrawFailure) -> DrawResult:
        """Return the picture drawn alone in fp32."""
        if self._dtype == torch.float32:
            return fault
        try:
            with self._denoiser.in_fp32():
                [picture] = self._draw_together([request], settings)
        except torch.OutOfMemoryError:
            return DrawFailure(
                reason=tr("{reason}, and there is too little memory to draw it in fp32", reason=fault.reason)
            )
        if isinstance(picture, DrawFailure):
            return DrawFailure(reason=tr("{reason}, in fp32 as well", reason=picture.reason))
        return picture

    def _denoise(self, latents: Tensor, requests: Sequence[PanelRequest], settings: DrawSettings) -> Tensor:
        """Return the latents after all steps; classifier-free guidance ends when the settings say."""
        joined, guided = join_anchors(requests), settings.guided_steps
        if beside := [first_noise(anchor.seed, settings, self.device) for anchor in joined.beside]:
            latents = torch.cat([latents, *beside])
        drawn = [*requests, *joined.beside]
        negatives = [row.negative for row in drawn] if guided else []
        cross, pooled = self._read_states([*(row.prompt for row in drawn), *negatives])
        self._refuse_too_small(len(drawn) if guided < settings.steps else 2 * len(drawn), settings.size)
        sizes = time_ids(len(cross), settings.size, self.device)
        solver = solver_of(settings)
        self._denoiser.share(self._sharing(joined, drawn))
        with deep_cache(self._denoiser.unet, settings.cache_every):
            for number, step in enumerate(solver.timesteps):
                rows = torch.cat([latents, latents]) if number < guided else latents
                if number in (0, guided):
                    self._denoiser.set_text(cross[: len(rows)])
                predicted = self._denoiser(rows, step[None], sizes[: 6 * len(rows)], pooled[: len(rows)])
                if number < guided:
                    wanted, unwanted = predicted.chunk(2)
                    predicted = unwanted + settings.cfg * (wanted - unwanted)
                latents = solver.step(predicted, step, latents)
        return latents[: len(requests)]

    def _refuse_too_small(self, rows: int, size: int) -> None:
        """Raise RunError where so few rows of a call are too small for the UNet's normalisations."""
        if not self._base.sizes.unet.can_normalise(rows, size):
            raise RunError(
                tr(
                    "size = {size} is too small for this base: set size = {enough} or more in the experiment",
                    size=size,
                    enough=2 * size,
                )
            )

    def _sharing(self, joined: JoinedAnchors, drawn: Sequence[PanelRequest]) -> Sharing | None:
        """Return who reads whom in a batch, None where nobody reads."""
        if not joined.readers:
            return None
        watched = {
            row: [token_places(self._prompter, drawn[row].prompt, words) for words in figures]
            for row, figures in joined.watched.items()
        }
        return Sharing(rows=len(drawn), readers=joined.readers, watched=watched)

    def _read_states(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        unread = next((prompt for prompt in prompts if prompt not in self._texts), None)
        if unread is not None:
            raise RunError(f"every prompt must be read before it is drawn, got {unread!r}")
        states = [self._texts[prompt] for prompt in prompts]
        cross, pooled = (torch.stack(part).to(self.device) for part in zip(*states, strict=True))
        return cross, pooled

    def _decode(self, latent: Tensor) -> DrawResult:
        """Return one picture; rounded down as DiffSynth does, one at a time to bound the memory."""
        if not bool(latent.isfinite().all()):
            return DrawFailure(reason=tr("its numbers are not finite; try a lower strength or cfg"))
        pixels = self._decoder(latent[None].contiguous(memory_format=torch.channels_last))[0]
        if not bool(pixels.isfinite().all()):
            return DrawFailure(reason=tr("its decoded colours are not finite"))
        bytes_ = ((pixels / 2 + 0.5).clip(0, 1) * 255).to("cpu", torch.uint8)
        picture = Image.fromarray(bytes_.permute(1, 2, 0).contiguous().numpy())
        return DrawFailure(reason=tr("it has one colour all over")) if is_flat(picture) else picture
