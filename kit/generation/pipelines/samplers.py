"""The samplers of diffusers, by the names that experiments have for them."""

from pathlib import Path
from typing import Any

import diffusers
from diffusers.schedulers import KarrasDiffusionSchedulers

from kit.errors import WeightsError
from kit.experiment.tables import SamplerName, Spacing
from kit.files.text.library_words import reason_of
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
_KNOWN = {*(one.name for one in KarrasDiffusionSchedulers), "DDPMWuerstchenScheduler", "LCMScheduler"}
"""Those that diffusers' own pipelines of our families draw with."""
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
    file = folder / CONFIG
    if name not in _KNOWN:
        raise WeightsError(
            tr("{file} names no scheduler that this base is drawn with: {name}", file=file, name=name[:80])
        )
    told = {**config, **({"timestep_spacing": spacing} if spacing else {})}
    try:
        return getattr(diffusers, name).from_config(told)
    except (ValueError, TypeError, NotImplementedError, KeyError, AttributeError) as error:
        reason = reason_of(" ".join(str(error).split())[:200])
        raise WeightsError(
            tr("{file} makes no scheduler: {error}; download it again", file=file, error=reason)
        ) from error
