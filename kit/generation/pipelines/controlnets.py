"""ControlNets in the pipelines of diffusers: read once, and what a batch is held to as pipelines take it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import diffusers

from kit.generation.controls.control import Control, map_pixels
from kit.generation.painter import PanelRequest
from kit.generation.pipelines.parts import PipelineParts
from kit.models.bases.controlnet_files import open_controlnet
from kit.models.bases.pipeline_class import Family

HELD: Mapping[Family, Any] = {
    "sdxl": diffusers.StableDiffusionXLControlNetPipeline,
    "sd": diffusers.StableDiffusionControlNetPipeline,
}
HELD_REDRAWING: Mapping[Family, Any] = {
    "sdxl": diffusers.StableDiffusionXLControlNetImg2ImgPipeline,
    "sd": diffusers.StableDiffusionControlNetImg2ImgPipeline,
}
HELD_MASKED: Mapping[Family, Any] = {
    "sdxl": diffusers.StableDiffusionXLControlNetInpaintPipeline,
    "sd": diffusers.StableDiffusionControlNetInpaintPipeline,
}


class ControlNets:
    """The ControlNets that panels were held to so far, each loaded once."""

    def __init__(self, parts: PipelineParts) -> None:
        """Take who reads networks; nothing is loaded yet."""
        self._parts = parts
        self._nets: dict[str, Any] = {}
        """By their sha256."""

    def load(self, controls: Iterable[Control], place: str) -> None:
        """Load what is not loaded.

        Args:
            controls: those that are to be drawn with.
            place: the device where networks wait.
        """
        for one in controls:
            if one.record.controlnet not in self._nets:
                net = self._parts.controlnet(open_controlnet(one.folder).network)
                self._nets[one.record.controlnet] = net.to(place)

    def unload(self) -> None:
        """Free all of them."""
        self._nets = {}

    def part(self, controls: Sequence[Control]) -> dict[str, Any]:
        """Return what a pipeline takes as its ControlNet: one, or several; nothing where there is none."""
        nets = [self._nets[one.record.controlnet] for one in controls]
        return {"controlnet": nets[0] if len(nets) == 1 else nets} if nets else {}


def held_to(requests: Sequence[PanelRequest], size: int, name: str = "image") -> dict[str, Any]:
    """Return what a pipeline is told of the maps of a batch; nothing where its panels have none.

    Args:
        requests: held to maps by the same ControlNets, with the same weights.
        size: of the pictures that are drawn, in pixels.
        name: what the pipeline calls the maps.
    """
    maps = [map_pixels(column, size) for column in zip(*(one.control for one in requests), strict=True)]
    if not maps:
        return {}
    first = [held.record for held in requests[0].control]
    told: dict[str, list[Any]] = {
        name: maps,
        "controlnet_conditioning_scale": [one.weight for one in first],
        "control_guidance_end": [one.until for one in first],
    }
    return {key: value[0] for key, value in told.items()} if len(maps) == 1 else told
