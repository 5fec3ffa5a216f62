"""Stable Cascade as diffusers draws it: a prior from words to small latents, a decoder to the picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import torch
from PIL.Image import Image

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.controls.control import Control
from kit.generation.painter import PanelRequest
from kit.generation.pipelines.lora_layers import WornLora
from kit.generation.pipelines.parts import PipelineParts, take_turns
from kit.generation.pipelines.samplers import sampler_of
from kit.generation.pipelines.texts import TextState, stacked

_STAGES = ("prior/", "")
"""What the names of each stage's parts begin with."""


class CascadePipeline:
    """Draws with Stable Cascade, a picture's side a multiple of 128."""

    takes_lora: tuple[str, ...] = ()
    """Nobody trains LoRAs for it in a form that diffusers reads."""
    encoders: tuple[str, ...] = ("text_encoder",)
    tokenizers: tuple[str, ...] = ("tokenizer",)

    def __init__(self, parts: PipelineParts, device: str, dtype: torch.dtype) -> None:
        """Take the parts of both stages, of which nothing is loaded yet."""
        self._parts, self._device, self._dtype = parts, device, dtype
        self._networks: dict[str, Any] = {}

    def read(self, texts: Sequence[str], _worn: WornLora, settings: DrawSettings) -> dict[str, TextState]:
        """Return the states of texts: what the prior reads, and pooled what the decoder reads beside it."""
        read: dict[str, list[TextState]] = {text: [] for text in texts}
        for stage in _STAGES:
            parts = {f"{stage}text_encoder": self._parts.network(f"{stage}text_encoder")}
            pipeline = self._built(
                stage, parts | {f"{stage}tokenizer": self._parts.tokenizer(f"{stage}tokenizer")}
            )
            for text in texts:
                cross, pooled, _, _ = pipeline.encode_prompt(
                    device=self._device, batch_size=1, num_images_per_prompt=1,
                    do_classifier_free_guidance=False, prompt=text,
                )  # fmt: skip
                read[text].append(TextState(cross[0].cpu(), pooled[0].cpu()))
        return {
            text: TextState(prior.cross, torch.cat([prior.pooled, decoder.pooled]))
            for text, (prior, decoder) in read.items()
        }

    def load(self, _worn: WornLora, _controls: Sequence[Control], settings: DrawSettings) -> None:
        """Load what draws where it is not loaded."""
        if not self._networks:
            place = "cpu" if take_turns(settings, self._device) else self._device
            names = ("prior/prior", "prior/text_encoder", "decoder", "vqgan")  # the second says the dtype
            self._networks = {name: self._parts.network(name).to(place) for name in names}

    def unload(self) -> None:
        """Free what draws."""
        self._networks = {}

    def draw(
        self, requests: Sequence[PanelRequest], states: Mapping[str, TextState], settings: DrawSettings
    ) -> list[Image]:
        """Return the pictures of one batch, each from its own seed's noise, in both stages."""
        cross, pooled = stacked([states[one.prompt] for one in requests], self._device, self._dtype)
        unwanted: dict[str, Any] = {}
        if settings.cfg > 1:
            other, other_pooled = stacked(
                [states[one.negative] for one in requests], self._device, self._dtype
            )
            unwanted = {"negative_prompt_embeds": other, "negative_prompt_embeds_pooled": other_pooled[:, :1]}
        chance = [torch.Generator("cpu").manual_seed(one.seed) for one in requests]
        embeddings = self._drawing("prior/", settings)(
            prompt_embeds=cross,
            prompt_embeds_pooled=pooled[:, :1],
            num_inference_steps=settings.steps,
            guidance_scale=settings.cfg,
            height=settings.size,
            width=settings.size,
            generator=chance,
            **unwanted,
        ).image_embeddings
        return list(
            self._drawing("", settings)(
                image_embeddings=embeddings.to(self._dtype),
                prompt_embeds=cross,
                prompt_embeds_pooled=pooled[:, 1:],
                num_inference_steps=settings.decoder_steps,
                guidance_scale=0.0,
                generator=chance,
            ).images
        )

    def _drawing(self, stage: str, settings: DrawSettings) -> Any:
        pipeline = self._built(stage, self._networks)
        if take_turns(settings, self._device):
            pipeline.enable_model_cpu_offload(device=self._device)
        return pipeline

    def _built(self, stage: str, parts: Mapping[str, Any]) -> Any:
        """Return the pipeline of a stage with its parts of these and none of the others."""
        sampler = sampler_of(self._parts.files.place(f"{stage}scheduler"))
        names = (
            ("tokenizer", "text_encoder", "prior")
            if stage
            else ("tokenizer", "text_encoder", "decoder", "vqgan")
        )
        own = {name: parts.get(f"{stage}{name}") for name in names}
        made: Any = diffusers.StableCascadePriorPipeline if stage else diffusers.StableCascadeDecoderPipeline
        pipeline = made(scheduler=sampler, **own)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline
