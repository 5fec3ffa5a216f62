"""InstructPix2Pix (Brooks et al., arXiv 2211.09800): a picture edited as an instruction says."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import diffusers
import torch
from PIL.Image import Image

from kit.experiment.steps import Instruct
from kit.generation.devices.device_memory import enough_memory, take_over
from kit.generation.painter import DrawFailure, DrawResult
from kit.generation.pipelines.parts import PipelineParts
from kit.generation.pipelines.samplers import sampler_of
from kit.generation.pipelines.texts import tail
from kit.images.decode import is_flat
from kit.messages import tr
from kit.models.bases.pipeline_class import Family
from kit.models.bases.pipeline_files import PipelineFiles
from kit.models.sizes import STRIDE

_EDITING: Mapping[Family, Any] = {
    "sd": diffusers.StableDiffusionInstructPix2PixPipeline,
    "sdxl": diffusers.StableDiffusionXLInstructPix2PixPipeline,
}
_PARTS: Mapping[Family, tuple[str, ...]] = {
    "sd": ("unet", "vae", "text_encoder"),
    "sdxl": ("unet", "vae", "text_encoder", "text_encoder_2"),
}
_TOKENIZERS: Mapping[Family, tuple[str, ...]] = {"sd": ("tokenizer",), "sdxl": ("tokenizer", "tokenizer_2")}
_CHANNELS = 4
"""Of latents."""


class PictureEditor:
    """Edits pictures by one pipeline; its networks are loaded when one is edited, and freed by `unload`."""

    def __init__(self, files: PipelineFiles, device: str) -> None:
        """Take an editor whose files were checked, and where it computes; nothing of it is loaded yet."""
        self.files = files
        self._device, self._hardware = device, take_over(device)
        self._loaded: tuple[str, Any] | None = None
        """The name of a precision, and the pipeline in it."""

    @cached_property
    def _tokenizers(self) -> dict[str, Any]:
        parts = PipelineParts(self.files, self._device, torch.float32)
        return {name: parts.tokenizer(name) for name in _TOKENIZERS[self.files.family]}

    def truncated_tail(self, instruction: str) -> str:
        """Return the end of an instruction that CLIP does not read; empty when it reads all."""
        return max((tail(one, instruction) for one in self._tokenizers.values()), key=len)

    @torch.inference_mode()
    def edited(self, picture: Image, step: Instruct) -> DrawResult:
        """Return a picture edited as a step says, all of it, at its own size.

        The noise is portable: drawn from the seed on the CPU in fp32. RunError where the device's memory is
        too small.

        Args:
            picture: RGB, square, a multiple of 8 pixels a side.
            step: what is done; its mask is not asked for here.
        """
        side, chance = picture.width, torch.Generator("cpu").manual_seed(step.seed)
        noise = torch.randn((1, _CHANNELS, side // STRIDE, side // STRIDE), generator=chance)
        with enough_memory(self._hardware, side):
            pipeline = self._pipeline(step.dtype)
            [made] = pipeline(
                prompt=step.instruction,
                image=picture,
                num_inference_steps=step.steps,
                guidance_scale=step.guidance,
                image_guidance_scale=step.picture_guidance,
                latents=noise.to(self._device, pipeline.unet.dtype),
                generator=chance,
                **({"height": side, "width": side} if self.files.family == "sdxl" else {}),
            ).images
        if is_flat(made):
            return DrawFailure(
                reason=tr("it has one colour all over: try another seed, or other values of guidance")
            )
        edited: Image = made
        return edited

    def _pipeline(self, dtype: str) -> Any:
        """Return the pipeline, loaded where it is not in this precision."""
        if self._loaded is None or self._loaded[0] != dtype:
            self.unload()
            self._loaded = (dtype, self._built(dtype))
        return self._loaded[1]

    def _built(self, dtype: str) -> Any:
        family = self.files.family
        flags: dict[str, Any] = {"safety_checker": None, "feature_extractor": None}
        flags |= {"requires_safety_checker": False}
        if family == "sdxl":
            told = self.files.index
            flags = {"add_watermarker": False, "is_cosxl_edit": bool(told.get("is_cosxl_edit", False))}
            flags |= {"force_zeros_for_empty_prompt": bool(told.get("force_zeros_for_empty_prompt", True))}
        parts = PipelineParts(self.files, self._device, getattr(torch, dtype))
        pipeline = _EDITING[family](
            **{part: parts.network(part) for part in _PARTS[family]},
            **self._tokenizers,
            scheduler=sampler_of(self.files.place("scheduler")),
            **flags,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def unload(self) -> None:
        """Free its networks; the next picture loads them again."""
        if self._loaded is not None:
            self._loaded = None
            torch.cuda.empty_cache()
