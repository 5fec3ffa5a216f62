"""What drawing an experiment takes, and what would take less."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.devices.device_memory import BATCHES, CPU_BATCH, panels_that_fit
from kit.generation.painter import Painter
from kit.messages import in_english
from kit.planning.drawing_load import BaseNotHere, DrawingLoad, Factors
from kit.planning.measured_cards import Device, gpu_memory_gib, picture_bytes, race_share, table_pace
from kit.planning.pace import Duration, Pace, duration

Change = Literal["seeds", "steps", "race", "memory"]
_NAMELESS: Mapping[str, object] = {}
CPU_GIB = 1.2
"""What the embedded base takes of the computer's memory at its most (docs/benchmarks.md)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saving:
    """A change that draws less, or with less."""

    id: Change
    told: int
    """Seeds, steps, or panels at once that it leaves."""
    low: Duration | None
    """How long drawing takes then, at the best; None where nobody knows."""
    high: Duration | None
    """The same at the worst; for all but a race it is the same."""
    gpu_gib: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingPlan:
    """What drawing takes."""

    base: str
    """"mini", "kolors", "folder" for another like the embedded one, or what a pipeline is called."""
    hardware: str
    devices: int
    panels_at_once: int
    load: DrawingLoad
    pace: Pace | None
    """None where nobody knows how fast this device draws."""
    time: Duration | None
    gpu_gib: float | None
    """Of each GPU; None on a CPU and where it was not measured."""
    disk_bytes: float
    savings: tuple[Saving, ...]

    def record(self) -> dict[str, object]:
        """Return it for machines, in English."""
        told = asdict(self)
        del told["load"]["first"]
        if self.pace is not None:
            told["pace"]["source"] = in_english(self.pace.source)
        return told


def device_of(painter: Painter | BaseNotHere) -> Device:
    """Return where a painter draws."""
    import torch

    return Device(hardware=painter.hardware, threads=torch.get_num_threads())


def panels_at_once(
    settings: DrawSettings, free_gib: float | None, base: Mapping[str, object] = _NAMELESS
) -> int:
    """Return how many panels will be drawn together, of a pipeline of diffusers how many at most.

    Args:
        settings: how.
        free_gib: of a GPU; None for a CPU.
        base: as a painter says what it is.
    """
    if settings.batch:
        return settings.batch
    if free_gib is None:
        return CPU_BATCH
    if "pipeline" in base:  # its painter sees what is free once the networks are there
        return 1 if settings.memory == "low" else max(BATCHES)
    return max(BATCHES) if settings.memory == "low" else panels_that_fit(free_gib, settings.size)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanFacts:
    """What a plan is made of."""

    factors: Factors
    load: DrawingLoad
    settings: DrawSettings
    base: str
    device: Device
    devices: int
    panels: int
    """Drawn at once."""
    pace: Pace | None
    races: bool
    """Whether a race can be held over the candidates."""


def make_plan(facts: PlanFacts) -> DrawingPlan:
    """Return what drawing takes."""
    on_gpu = facts.device.hardware != "cpu"
    return DrawingPlan(
        base=facts.base,
        hardware=facts.device.hardware,
        devices=facts.devices,
        panels_at_once=facts.panels,
        load=facts.load,
        pace=facts.pace,
        time=_time(facts, facts.load, facts.settings),
        gpu_gib=gpu_memory_gib(facts.settings, facts.panels) if on_gpu and facts.base == "kolors" else None,
        disk_bytes=facts.load.pictures * picture_bytes(facts.base, facts.settings.size),
        savings=_savings(facts) if facts.load.pictures else (),
    )


def _time(facts: PlanFacts, load: DrawingLoad, settings: DrawSettings) -> Duration | None:
    return None if facts.pace is None else duration(load, facts.pace, settings, facts.devices)


def _part(load: DrawingLoad, share: float) -> DrawingLoad:
    return replace(
        load,
        pictures=round(load.pictures * share),
        rows=round(load.rows * share),
        readers=round(load.readers * share),
    )


def _savings(facts: PlanFacts) -> tuple[Saving, ...]:
    load, settings, seeds = facts.load, facts.settings, len(facts.factors.seeds)
    found = []
    if facts.races:
        best, worst = (_time(facts, _part(load, share), settings) for share in race_share(seeds))
        found.append(Saving(id="race", told=seeds, low=best, high=worst))
    if seeds > 1:
        fewer = _time(facts, _part(load, (seeds // 2) / seeds), settings)
        found.append(Saving(id="seeds", told=seeds // 2, low=fewer, high=fewer))
    if settings.steps > 1:
        quick = _time(facts, load, replace(settings, steps=settings.steps // 2))
        found.append(Saving(id="steps", told=settings.steps // 2, low=quick, high=quick))
    if facts.device.hardware != "cpu" and facts.base == "kolors" and settings.memory == "auto":
        found.append(_low_memory(facts))
    return tuple(found)


def _low_memory(facts: PlanFacts) -> Saving:
    """Return what memory = "low" takes: by the table, as many times longer as there."""
    low = replace(facts.settings, memory="low")
    paces = (
        table_pace(facts.device, facts.base, settings, facts.panels) for settings in (facts.settings, low)
    )
    usual, slower = (pace and duration(facts.load, pace, facts.settings, facts.devices) for pace in paces)
    now = _time(facts, facts.load, facts.settings)
    time = None
    if usual and slower and now:
        factor = slower.seconds / usual.seconds
        time = Duration(seconds=now.seconds * factor, low=now.low * factor, high=now.high * factor)
    return Saving(id="memory", told=1, low=time, high=time, gpu_gib=gpu_memory_gib(low, 1))
