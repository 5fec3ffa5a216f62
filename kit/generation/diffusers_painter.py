"""The painter over the pipelines of diffusers: SDXL and its kin, Stable Diffusion, Stable Cascade."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from kit.errors import InputError, LoraError, RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.steps import Refine, Step
from kit.generation.devices.device_memory import (
    BATCHES,
    CPU_BATCH,
    USUAL_SIDE,
    free_gib,
    take_over,
    too_little_memory,
)
from kit.generation.painter import (
    BatchPlan,
    DrawFailure,
    DrawResult,
    PanelRequest,
    RedrawRequest,
    drawn_held_alike,
    misfits,
    refuse_other_size,
    refused,
)
from kit.generation.pipelines.cascade import CascadePipeline
from kit.generation.pipelines.clip_pipelines import ClipPipeline
from kit.generation.pipelines.lora_layers import WornLora, layer_shapes
from kit.generation.pipelines.part_checks import check_parts
from kit.generation.pipelines.parts import PipelineParts
from kit.generation.pipelines.samplers import sampler_fault, sampler_of, scheduler_config
from kit.generation.pipelines.texts import (
    COMPEL_MISSING,
    TextState,
    can_read_in_pieces,
    tail,
)
from kit.generation.repair.masks import pasted
from kit.images.decode import is_flat
from kit.lora.lora import LoadedLora
from kit.lora.pipelines.embeddings import Embedding
from kit.messages import mark, tr
from kit.models.bases.base_parts import BaseChoice
from kit.models.bases.controlnet_files import control_refused
from kit.models.bases.pipeline_class import Family
from kit.models.bases.pipeline_files import PipelineFiles, open_pipeline
from kit.models.token_counts import CLIP_TOKENS
from kit.workers.devices import pick_device

NEEDED_GIB: Mapping[Family, tuple[float, float]] = {
    "sdxl": (5.0, 0.2),
    "sd": (2.0, 0.3),
    "cascade": (2.5, 1.1),
}
"""What drawing takes of a GPU beside the weights at 1024 pixels, for one picture and for each panel more;
a little above what was measured (docs/benchmarks.md)."""
_BY_WORDS = mark("where words are in a picture is found for Kolors and the embedded base: draw a mask")


class DiffusersPainter:
    """Draws with one base; text encoders and drawing networks are never in memory together."""

    inpainting = ""
    """No base here has a UNet of its own for inpainting."""
    prompt_tokens = CLIP_TOKENS

    def __init__(self, files: PipelineFiles, name: str, device: str = "auto") -> None:
        """Take a base whose files were checked, and what reports call it; nothing of it is loaded yet."""
        self.device = pick_device(device)
        self.hardware = take_over(self.device)
        dtype = _precision(files, self.device)
        parts = PipelineParts(files, self.device, dtype)
        self._family = files.family
        made = CascadePipeline if files.family == "cascade" else ClipPipeline
        self._parts, self._pipeline = parts, made(parts, self.device, dtype)
        self.identity: Mapping[str, object] = {
            "name": name,
            "pipeline": files.pipeline,
            "sha256": dict(files.sha256),
            "scheduler": scheduler_config(files.place("scheduler")),
            "dtype": str(dtype).removeprefix("torch."),
        }
        self._worn = WornLora()
        self._asked: dict[str, None] = {}
        self._states: dict[str, TextState] = {}
        self._read_as: tuple[tuple[str, float], tuple[Embedding, ...], bool] | None = None
        self._most = max(BATCHES)

    def check_files(self) -> None:
        """Refuse parts that do not belong together; WeightsError in one line, and only heads are read."""
        stages = ("prior/", "") if self._family == "cascade" else ("",)
        check_parts(self._parts, [stage + name for stage in stages for name in self._pipeline.tokenizers])

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Note prompts; all are read together before the next picture, with the LoRA that is worn then."""
        self._asked |= dict.fromkeys(prompts)

    def read_states(self, prompts: Sequence[str]) -> Mapping[str, Sequence[Tensor]]:
        """Return nothing: what is read hangs on the LoRA that is worn."""
        return {}

    def take_states(self, states: Mapping[str, Sequence[Tensor]]) -> None:
        """Take nothing, as `read_states` gives nothing."""

    @cached_property
    def _tokenizers(self) -> list[Any]:
        return [self._parts.tokenizer(name) for name in self._pipeline.tokenizers]

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that CLIP does not read at once; empty when it reads all."""
        return max((tail(tokenizer, prompt) for tokenizer in self._tokenizers), key=len)

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        parts = self._pipeline.takes_lora
        return {k: v for part in parts for k, v in layer_shapes(part, self._parts.empty(part)).items()}

    def check(self, lora: LoadedLora | None) -> None:
        """Refuse a LoRA that does not fit the networks; needs no weights."""
        if lora is not None and not self._pipeline.takes_lora:
            raise LoraError(
                tr(
                    "{file}: no LoRA is worn by {base}: leave it out",
                    file=lora.name,
                    base=self.identity["name"],
                )
            )
        if lora is not None:
            lora.check_fit(self._shapes)

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        """Draw with this LoRA from now on; the networks are read anew, so nothing of another is left."""
        self.check(lora)
        worn = WornLora(lora, strength)
        if worn.known_by != self._worn.known_by:
            self._worn = worn
            self.unload()

    def unload(self) -> None:
        """Free what draws; the next picture loads it again."""
        self._pipeline.unload()
        torch.cuda.empty_cache()

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return as many panels as the free memory takes; nothing is compiled."""
        self._refuse(requests, settings)
        if settings.batch or self.device == "cpu" or settings.memory == "low":
            panels = settings.batch or (CPU_BATCH if self.device == "cpu" else 1)
            return BatchPlan(panels=panels, compiled=False)
        self._ready(requests, settings)
        free = torch.cuda.mem_get_info()[0] / 2**30
        first, each = NEEDED_GIB[self._parts.files.family]
        share = (settings.size / USUAL_SIDE) ** 2
        fits = [panels for panels in BATCHES if free >= (first + panels * each) * share]
        return BatchPlan(panels=next(iter(fits), 1), compiled=False)

    def free_gib(self) -> float | None:
        """Return how much of the device's memory is free; None on a CPU."""
        return free_gib(self.device)

    def refusals(self, settings: DrawSettings, consistency: float = 0.0) -> list[str]:
        """Return why nothing can be drawn so: what Kolors' painter alone can do."""
        faults: list[str] = []
        if consistency:
            faults.append(tr("consistency is for Kolors and the embedded base: set it to 0"))
        if settings.noise == "contest":
            faults.append(tr('noise = "contest" is for Kolors: write noise = "portable"'))
        if settings.cache_every > 1:
            faults.append(tr("cache_every is for Kolors and the embedded base: delete it in [draft]"))
        if self._family == "cascade":
            return faults + _cascade_faults(settings)
        if settings.decoder_steps is not None:
            faults.append(tr("decoder_steps is for Stable Cascade: delete it"))
        if settings.long_prompts and not can_read_in_pieces():
            faults.append(tr(COMPEL_MISSING))
        if fault := sampler_fault(self._parts.files.place("scheduler"), settings):
            faults.append(fault)
        return faults

    def step_refusals(self, step: Step, part: str = "") -> list[str]:
        """Return why no picture can be made by a step: what Kolors' painter alone can do."""
        name = str(self.identity["name"])
        if self._family == "cascade" and step.by_base:
            return [tr("{base} draws no picture again: draw more seeds and pick another one", base=name)]
        faults: list[str] = []
        if part:
            faults.append(tr(_BY_WORDS))
        if isinstance(step, Refine) and step.tile:
            faults.append(tr("{base} draws no picture in parts: leave the parts out", base=name))
        return faults

    def _refuse(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> None:
        """Raise InputError for what `check_drawable` refuses, and for what stands in requests alone."""
        faults = self.refusals(settings, max((one.consistency for one in requests), default=0.0))
        if self._family == "cascade" and any(one.variation for one in requests):
            faults.append(tr("no picture of Stable Cascade is varied: draw it from another seed"))
        if self._family == "cascade" and any(one.control for one in requests):
            faults.append(control_refused(tr("Stable Cascade")))
        if self._family != "cascade":
            unet, name = self._parts.files.config("unet"), str(self.identity["name"])
            faults += misfits(requests, name, unet)
        if faults:
            raise InputError(tr("base {name}", name=str(self.identity["name"])), faults)

    @torch.inference_mode()
    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> list[DrawResult]:
        """Return the pictures of one batch; what does not fit into the GPU's memory is drawn in halves."""
        self._refuse(requests, settings)
        self._ready(requests, settings)
        return drawn_held_alike(requests, lambda alike: self._in_memory(alike, settings))

    def _in_memory(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[DrawResult]:
        if len(requests) <= self._most:
            try:
                with warnings.catch_warnings():  # of numbers that overflow, which we say ourselves
                    warnings.simplefilter("ignore", RuntimeWarning)
                    return [_checked(one) for one in self._pipeline.draw(requests, self._states, settings)]
            except torch.OutOfMemoryError as error:
                if len(requests) == 1:
                    raise too_little_memory(self.hardware, settings.size) from error
                self._most = len(requests) // 2
            torch.cuda.empty_cache()
        half = len(requests) // 2
        return [*self._in_memory(requests[:half], settings), *self._in_memory(requests[half:], settings)]

    @torch.inference_mode()
    def redraw(self, requests: Sequence[RedrawRequest], settings: DrawSettings) -> list[DrawResult]:
        """Return pictures drawn again, one at a time, by the pipeline's own way from picture to picture."""
        pipeline = self._pipeline
        for asked in requests:
            refuse_other_size(asked.request, asked.picture, settings.size)
            if isinstance(pipeline, CascadePipeline) or asked.tile:
                fault = tr("{base} draws no picture again: pick another one", base=str(self.identity["name"]))
                raise refused(asked.request, [fault])
        assert isinstance(pipeline, ClipPipeline)
        self._ready([asked.request for asked in requests], settings)
        results: list[DrawResult] = []
        for asked in requests:
            drawn = _checked(pipeline.redraw(asked, self._states, settings))
            results.append(
                drawn if isinstance(drawn, DrawFailure) else pasted(drawn, asked.picture, asked.mask)
            )
        return results

    def mask_of(
        self, request: PanelRequest, picture: Image, words: Sequence[str], settings: DrawSettings
    ) -> Image:
        """Refuse: words are found in pictures by Kolors' own painter alone."""
        raise refused(request, [tr(_BY_WORDS)])

    def _ready(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> None:
        """Read what was not read, then load what draws."""
        texts = [text for one in requests for text in (one.prompt, one.negative)]
        unasked = next((text for text in texts if text not in self._asked), None)
        if unasked is not None:
            raise RunError(f"every prompt must be read before it is drawn, got {unasked!r}")
        worn = self._worn if self._worn.touches(*self._pipeline.encoders) else WornLora()
        taught = requests[0].embeddings if requests else ()
        read_as = (worn.known_by, taught, settings.long_prompts)
        if read_as != self._read_as:
            self._states, self._read_as = {}, read_as
        unread = [text for text in self._asked if text not in self._states]
        if unread:
            self.unload()
            with torch.inference_mode():
                self._states |= self._pipeline.read(unread, replace(worn, embeddings=taught), settings)
        self._pipeline.load(self._worn, [held for one in requests for held in one.control], settings)


def _cascade_faults(settings: DrawSettings) -> list[str]:
    faults: list[str] = []
    if settings.size % 128:
        faults.append(tr("size must be a multiple of 128, got {size}", size=settings.size))
    if settings.sampler != "own":
        faults.append(tr("Stable Cascade has a sampler of its own: delete sampler"))
    if settings.long_prompts:
        faults.append(tr("long_prompts is for SDXL and Stable Diffusion: delete it"))
    if settings.spacing is not None:
        faults.append(tr("Stable Cascade has a sampler of its own: delete spacing"))
    if settings.guidance_until < 1 or settings.noise_size is not None:
        faults.append(tr("guidance_until and size of [draft] are for other bases: delete them"))
    return faults


def _precision(files: PipelineFiles, device: str) -> torch.dtype:
    """Return what networks compute in: fp16 on a GPU, bf16 for Stable Cascade, else fp32."""
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if files.family == "cascade" else torch.float16


def _checked(picture: Image) -> DrawResult:
    """Return a picture, or why it is none: networks that overflow draw one colour all over."""
    if is_flat(picture):
        return DrawFailure(
            reason=tr(
                "it has one colour all over; where it is black, name a VAE that is made for fp16 in base"
            )
        )
    return picture


def load_diffusers_painter(base: BaseChoice, device: str) -> DiffusersPainter:
    """Return the painter of a base that is a pipeline of diffusers; WeightsError where it is not whole."""
    from kit.experiment.drawing.usual import usual_drawing

    files = open_pipeline(base)
    for scheduler in ("scheduler", *(["prior/scheduler"] if files.family == "cascade" else [])):
        sampler_of(files.place(scheduler))  # what makes none is refused before anything is drawn
    painter = DiffusersPainter(files, usual_drawing(base).title, device)
    painter.check_files()
    return painter
