"""The samplers of diffusers, by the names that experiments have for them."""

from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.schedulers import KarrasDiffusionSchedulers

from kit.errors import WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
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
_MOST_TIMES = 1000
"""Steps of the noise that all networks of our families were trained with."""
_REFUSALS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
)
"""What schedulers raise of configs and steps that are none."""


def scheduler_config(folder: Path) -> dict[str, object]:
    """Return the config of the scheduler in a folder, without what says who wrote it."""
    return {name: value for name, value in json_in(folder / CONFIG).items() if name != "_diffusers_version"}


def _refuse_times(file: Path, told: object) -> None:
    """Raise WeightsError where a config's timesteps are no number that a network was trained with."""
    if type(told) is not int or not 0 < told <= _MOST_TIMES:
        raise WeightsError(
            tr(
                "{file} says num_train_timesteps {told}, it must be 1 to {most}; download it again",
                file=file,
                told=str(told)[:40],
                most=_MOST_TIMES,
            )
        )


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
    _refuse_times(folder / CONFIG, config.get("num_train_timesteps", _MOST_TIMES))
    name = str(config.get("_class_name")) if sampler == "own" else _CLASSES[sampler]
    file = folder / CONFIG
    if name not in _KNOWN:
        raise WeightsError(
            tr("{file} names no scheduler that this base is drawn with: {name}", file=file, name=name[:80])
        )
    told = {**config, **({"timestep_spacing": spacing} if spacing else {})}
    try:
        return getattr(diffusers, name).from_config(told)
    except _REFUSALS as error:
        raise WeightsError(
            tr("{file} makes no scheduler: {error}; download it again", file=file, error=_in_words(error))
        ) from error


def sampler_fault(folder: Path, settings: DrawSettings) -> str:
    """Return why a sampler cannot take the steps that settings ask for; empty where it can.

    Its first step is tried on an empty picture.
    """
    sampler = sampler_of(folder, settings.sampler, settings.spacing)
    steps, most = settings.steps, sampler.config.num_train_timesteps
    if steps > most:
        return tr("steps must be at most {most} with this sampler, got {steps}", most=most, steps=steps)
    try:
        sampler.set_timesteps(steps, device="cpu")
        empty = torch.zeros(1, 4, 8, 8)
        sampler.step(sampler.scale_model_input(empty, sampler.timesteps[0]), sampler.timesteps[0], empty)
    except _REFUSALS as error:
        told = {"sampler": settings.sampler, "steps": steps, "error": _in_words(error)}
        return tr("sampler {sampler!r} cannot take {steps} steps: {error}", **told)
    return ""


def _in_words(error: Exception) -> str:
    return reason_of(" ".join(str(error).split())[:200])
