"""The samplers of diffusers, by the names that experiments have for them."""

from pathlib import Path
from typing import Any

import diffusers

from kit.errors import WeightsError
from kit.experiment.tables import SamplerName, Spacing
from kit.messages import tr
from kit.models.bases.pipeline_class import json_in

_CLASSES: dict[SamplerName, str] = {
    "ddim": "DDIMScheduler",
    "dpm++2m": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-a": "EulerAncestralDiscreteScheduler",
    "lcm": "LCMScheduler",
    "unipc": "UniPCMultistepScheduler",
}
CONFIG = "scheduler_config.json"


def scheduler_config(folder: Path) -> dict[str, object]:
    """Return the config of the scheduler in a folder, without what says who wrote it."""
    return {name: value for name, value in json_in(folder / CONFIG).items() if name != "_diffusers_version"}


def sampler_of(folder: Path, sampler: SamplerName = "own", spacing: Spacing | None = None) -> Any:
    """Return a scheduler of diffusers with the config that lies in a folder.

    Args:
        folder: of a pipeline's scheduler.
        sampler: which; "own" is the class that the config names.
        spacing: how its timesteps lie; None: as the config says.

    Raises:
        WeightsError: the config names no scheduler of diffusers.
    """
    config = scheduler_config(folder)
    name = str(config.get("_class_name")) if sampler == "own" else _CLASSES[sampler]
    made = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    if made is None:
        file = folder / CONFIG
        raise WeightsError(tr("{file} names no scheduler of diffusers: {name}", file=file, name=name[:80]))
    return made.from_config({**config, **({"timestep_spacing": spacing} if spacing else {})})
