"""Which pipeline of diffusers a LoRA is read for."""

from collections.abc import Mapping
from typing import NamedTuple

from kit.models.bases.base_parts import BaseChoice
from kit.models.bases.pipeline_class import FAMILIES, Family, family_of, json_in, pipeline_folder


class PipelineLayout(NamedTuple):
    """What has to be known of a base to name the layers of its LoRAs."""

    family: Family
    layers_per_block: int = 2
    """Of the UNet, for names that count its blocks one by one; every published base has 2."""


def lora_layout(base: BaseChoice) -> PipelineLayout | None:
    """Return what names the layers of a base's LoRAs; None for Kolors and the embedded base."""
    folder = pipeline_folder(base)
    family = family_of(folder) if folder else None
    if folder is None or family is None:
        return None
    told = json_in(folder / "unet" / "config.json").get("layers_per_block")
    return PipelineLayout(family, told if isinstance(told, int) else 2)


def recorded_layout(identity: Mapping[str, object]) -> PipelineLayout | None:
    """Return the same for a base as runs and bundles record it; None for Kolors and the embedded base."""
    family = FAMILIES.get(str(identity.get("pipeline")))
    return PipelineLayout(family) if family else None
