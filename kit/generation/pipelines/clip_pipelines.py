"""Stable Diffusion and SDXL as diffusers draws them."""

from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import torch
from PIL.Image import Image
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.controls.control import Control
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.generation.pipelines.controlnets import (
    HELD,
    HELD_MASKED,
    HELD_REDRAWING,
    ControlNets,
    held_to,
)
from kit.generation.pipelines.lora_layers import WornLora
from kit.generation.pipelines.parts import PipelineParts, quietly, take_turns
from kit.generation.pipelines.samplers import sampler_of
from kit.generation.pipelines.texts import TextState, read_in_pieces, stacked
from kit.generation.sampling.first_noise import first_noise
from kit.models.bases.pipeline_class import Family

_DRAWING: Mapping[Family, Any] = {
    "sdxl": diffusers.StableDiffusionXLPipeline,
    "sd": diffusers.StableDiffusionPipeline,
}
_REDRAWING: Mapping[Family, Any] = {
    "sdxl": diffusers.StableDiffusionXLImg2ImgPipeline,
    "sd": diffusers.StableDiffusionImg2ImgPipeline,
}
_MASKED: Mapping[Family, Any] = {
    "sdxl": diffusers.StableDiffusionXLInpaintPipeline,
    "sd": diffusers.StableDiffusionInpaintPipeline,
}
_HALVES = ("prompt_embeds", "add_text_embeds", "add_time_ids", "image")
"""What pipelines have twice while they guide, what is not wanted first; "image" are the maps."""


class ClipPipeline:
    """Draws with Stable Diffusion or SDXL; the text encoders are there only while prompts are read."""

    def __init__(self, parts: PipelineParts, device: str, dtype: torch.dtype) -> None:
        """Take a pipeline's parts, of which nothing is loaded yet."""
        self._parts, self._device, self._dtype = parts, device, dtype
        self._family = parts.files.family
        self._networks: dict[str, Any] = {}
        self._filler: Tensor | None = None
        """What stands behind the shorter of a prompt and its negative one."""
        self._controlnets = ControlNets(parts)
        both = self._family == "sdxl"
        self.encoders = ("text_encoder", "text_encoder_2") if both else ("text_encoder",)
        self.tokenizers = ("tokenizer", "tokenizer_2") if both else ("tokenizer",)
        self.takes_lora = ("unet", *self.encoders)

    def read(self, texts: Sequence[str], worn: WornLora, settings: DrawSettings) -> dict[str, TextState]:
        """Return the states of texts, read by text encoders with a LoRA and the words they were taught."""
        parts: dict[str, Any] = {
            one: worn.merged_into(one, self._parts.network(one)) for one in self.encoders
        }
        parts |= {name: self._parts.tokenizer(name) for name in self.tokenizers}
        pipeline = self._built(_DRAWING, parts, settings)
        for one in worn.embeddings:
            for part, rows in one.vectors.items():
                tokenizer = parts[part.replace("text_encoder", "tokenizer")]
                with quietly():
                    pipeline.load_textual_inversion(rows, one.token, tokenizer, parts[part])
        if settings.long_prompts:
            self._filler = read_in_pieces(pipeline, "").cross
        with quietly():  # what is cut of a prompt was told, or it shapes nothing
            return {text: self._state(pipeline, text, settings.long_prompts) for text in texts}

    def _state(self, pipeline: Any, text: str, in_pieces: bool) -> TextState:
        if in_pieces:  # else the pipeline itself puts several vectors in place of one word
            state = read_in_pieces(pipeline, pipeline.maybe_convert_prompt(text, pipeline.tokenizer))
        else:
            state = self._read_at_once(pipeline, text)
        return state if text else self._nothing(state)

    def _read_at_once(self, pipeline: Any, text: str) -> TextState:
        cross, *more = pipeline.encode_prompt(
            prompt=text, device=self._device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return TextState(cross[0].cpu(), more[1][0].cpu() if len(more) > 1 else torch.empty(0))

    def _nothing(self, state: TextState) -> TextState:
        """Return what stands for no words: SDXL reads zeros, where its folder says nothing else."""
        if self._family == "sd" or not self._parts.files.index.get("force_zeros_for_empty_prompt", True):
            return state
        return TextState(*map(torch.zeros_like, state))

    def load(self, worn: WornLora, controls: Sequence[Control], settings: DrawSettings) -> None:
        """Load what draws, with a LoRA and the ControlNets of maps, where it is not loaded."""
        place = "cpu" if take_turns(settings, self._device) else self._device
        if not self._networks:
            unet = worn.merged_into("unet", self._parts.network("unet")).to(place)
            self._networks = {"unet": unet, "vae": self._parts.network("vae").to(place)}
        self._controlnets.load(controls, place)

    def unload(self) -> None:
        """Free what draws."""
        self._networks = {}
        self._controlnets.unload()

    def draw(
        self, requests: Sequence[PanelRequest], states: Mapping[str, TextState], settings: DrawSettings
    ) -> list[Image]:
        """Return the pictures of one batch; those that read as long are together, so none hangs on others."""
        lengths = [
            max(
                len(states[text].cross)
                for text in (one.prompt, *([one.negative] if settings.cfg > 1 else []))
            )
            for one in requests
        ]
        made: dict[int, Image] = {}
        for length in dict.fromkeys(lengths):
            alike = [place for place, own in enumerate(lengths) if own == length]
            pictures = self._draw_alike([requests[place] for place in alike], states, settings)
            made |= dict(zip(alike, pictures, strict=True))
        return [made[place] for place in range(len(requests))]

    def _draw_alike(
        self, requests: Sequence[PanelRequest], states: Mapping[str, TextState], settings: DrawSettings
    ) -> list[Image]:
        noise = [first_noise(one.seed, settings, self._device, one.variation) for one in requests]
        pipeline = self._drawing((_DRAWING, HELD), requests[0], settings)
        guided = settings.guided_steps
        ending = _ended_guidance(pipeline, guided) if 0 < guided < settings.steps else {}
        return list(
            pipeline(
                latents=torch.cat(noise).to(self._dtype),
                generator=[step_noise(one.seed, noise[0].shape) for one in requests],
                height=settings.size,
                width=settings.size,
                **self._shared(requests, states, settings),
                **held_to(requests, settings.size),
                **ending,
            ).images
        )

    def redraw(self, asked: RedrawRequest, states: Mapping[str, TextState], settings: DrawSettings) -> Image:
        """Return one picture drawn again from its own latents, all of it or inside a mask."""
        masked = {"mask_image": asked.mask, **_sides(settings)} if asked.mask else {}
        ways = (_MASKED, HELD_MASKED) if asked.mask else (_REDRAWING, HELD_REDRAWING)
        pipeline = self._drawing(ways, asked.request, settings)
        least = (1 + 1e-6) / settings.steps  # one step at least
        [picture] = pipeline(
            image=asked.picture,
            strength=max(asked.strength, least) if least < 1 else 1.0,
            generator=[torch.Generator("cpu").manual_seed(asked.request.seed)],
            **masked,
            **held_to([asked.request], settings.size, "control_image"),
            **self._shared([asked.request], states, settings),
        ).images
        made: Image = picture
        return made

    def _shared(
        self, requests: Sequence[PanelRequest], states: Mapping[str, TextState], settings: DrawSettings
    ) -> dict[str, Any]:
        """Return what every way to draw is told."""
        texts = [states[one.prompt] for one in requests]
        if settings.cfg > 1:
            texts += [states[one.negative] for one in requests]
        cross, pooled = stacked(texts, self._device, self._dtype, self._filler)
        wanted = slice(0, len(requests))
        unwanted = slice(len(requests), None)
        told: dict[str, Any] = {"prompt_embeds": cross[wanted]}
        if self._family == "sdxl":
            told["pooled_prompt_embeds"] = pooled[wanted]
        if settings.cfg > 1:
            told["negative_prompt_embeds"] = cross[unwanted]
            if self._family == "sdxl":
                told["negative_pooled_prompt_embeds"] = pooled[unwanted]
        return told | {"num_inference_steps": settings.steps, "guidance_scale": settings.cfg}

    def _drawing(
        self,
        ways: tuple[Mapping[Family, Any], Mapping[Family, Any]],
        request: PanelRequest,
        settings: DrawSettings,
    ) -> Any:
        """Return what draws a batch as its first request is held; the second ways are with ControlNets."""
        controlnets = self._controlnets.part(request.control)
        pipeline = self._built(ways[bool(controlnets)], self._networks | controlnets, settings)
        if settings.memory == "low":
            pipeline.vae.enable_tiling()
        if take_turns(settings, self._device):
            pipeline.enable_model_cpu_offload(device=self._device)
        return pipeline

    def _built(self, classes: Mapping[Family, Any], parts: Mapping[str, Any], settings: DrawSettings) -> Any:
        """Return a pipeline of diffusers with these parts and none of the others."""
        files = self._parts.files
        sampler = sampler_of(files.place("scheduler"), settings.sampler, settings.spacing)
        lacking = dict.fromkeys(("vae", "unet", *self.encoders, *self.tokenizers))
        flags: dict[str, Any] = {"add_watermarker": False}
        if self._family == "sd":
            flags = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipeline = classes[self._family](**{**lacking, **parts}, scheduler=sampler, **flags)
        pipeline.set_progress_bar_config(disable=True)
        if "vae" in parts:
            pipeline.vae.enable_slicing()  # one picture after the other, which takes no longer
        return pipeline


def _sides(settings: DrawSettings) -> dict[str, int]:
    return {"height": settings.size, "width": settings.size}


def step_noise(seed: int, shape: Sequence[int]) -> torch.Generator:
    """Return what the noise between steps is drawn from: behind the first noise, as pipelines do it."""
    chance = torch.Generator("cpu").manual_seed(seed)
    torch.randn(tuple(shape), generator=chance)
    return chance


def _second_half(told: torch.Tensor | list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
    return [one.chunk(2)[1] for one in told] if isinstance(told, list) else told.chunk(2)[1]


def _ended_guidance(pipeline: Any, guided: int) -> dict[str, Any]:
    """Return what has a pipeline guide its first steps only, the way diffusers describes it."""
    there = [name for name in _HALVES if name in pipeline._callback_tensor_inputs]

    def after(pipeline: Any, step: int, _time: int, tensors: dict[str, Any]) -> dict[str, Any]:
        if step + 1 == guided:
            pipeline._guidance_scale = 0.0
            tensors |= {name: _second_half(tensors[name]) for name in there}
        return tensors

    return {"callback_on_step_end": after, "callback_on_step_end_tensor_inputs": there}
