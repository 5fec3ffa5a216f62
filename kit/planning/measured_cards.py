"""The table of what was measured, and what it says of cards that were not."""

import re
import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.messages import tr
from kit.planning.pace import Pace

TABLE = Path(__file__).with_name("measured_cards.toml")
MEASURED = (0.8, 1.5)
"""Between which shares of what is told a measured card's time most likely is: hosts and versions differ."""
SCALED = (0.5, 2.0)
"""The same of a card, or a size, that was scaled from another."""


class MeasuredPace(BaseModel, frozen=True, extra="forbid"):
    """One device with one base."""

    hardware: str
    base: str
    size: int
    memory: str
    start_s: float
    picture_s: float
    step_s: dict[int, float]
    """By panels at once."""
    threads: int | None = None
    """Of a CPU."""
    source: str


class _GpuMemory(BaseModel, frozen=True, extra="forbid"):
    panels: dict[str, float]
    source: str


class _PictureBytes(BaseModel, frozen=True, extra="forbid"):
    base: str
    bytes: float
    source: str


class _RaceShare(BaseModel, frozen=True, extra="forbid"):
    seeds: int
    share: tuple[float, float]
    source: str


class MeasuredTable(BaseModel, frozen=True, extra="forbid"):
    """All of it."""

    measured: tuple[MeasuredPace, ...]
    gpu_memory: tuple[_GpuMemory, ...]
    picture: tuple[_PictureBytes, ...]
    race: tuple[_RaceShare, ...]
    tflops: dict[str, float]


@cache
def measured_table() -> MeasuredTable:
    """Return the table."""
    return MeasuredTable.model_validate(tomllib.loads(TABLE.read_text(encoding="utf-8")))


class Device(BaseModel, frozen=True):
    """Where is drawn."""

    hardware: str
    """"cpu" or the name of the GPU."""
    threads: int = 1
    """That torch uses, of a CPU."""


def table_pace(device: Device, base: str, settings: DrawSettings, panels: int) -> Pace | None:
    """Return how fast a device draws by the table; None where it says nothing of the like.

    Args:
        device: where is drawn.
        base: "mini" or "kolors".
        settings: how.
        panels: at once.
    """
    kind = "cpu" if device.hardware == "cpu" else "gpu"
    memory = settings.memory if kind == "gpu" else "auto"
    for row in measured_table().measured:
        if row.base == base and row.memory == memory and (row.hardware == "cpu") == (kind == "cpu"):
            speed = _speed(device, row)
            return None if speed is None else _paced(row, device, settings, panels, speed)
    return None


def _speed(device: Device, row: MeasuredPace) -> float | None:
    """Return how many times as fast as the measured one a device should be; None where nobody knows."""
    if row.threads is not None:
        return device.threads / row.threads
    own, its = tflops_of(device.hardware), tflops_of(row.hardware)
    return own / its if own and its else None


def tflops_of(name: str) -> float | None:
    """Return what a card computes a second; None for one that is not in the table.

    >>> tflops_of("NVIDIA L40S"), tflops_of("Tesla T4"), tflops_of("NVIDIA A1000")
    (362.0, 65.0, None)
    """
    known = measured_table().tflops
    fit = (one for one in sorted(known, key=len, reverse=True) if re.search(rf"\b{one}\b", name))
    return next((known[one] for one in fit), None)


def _paced(row: MeasuredPace, device: Device, settings: DrawSettings, panels: int, speed: float) -> Pace:
    pixels = (settings.size / row.size) ** 2
    guided = 1.0 if settings.cfg != 1 else 0.5
    same = device.hardware == row.hardware != "cpu" and pixels == 1
    together = min(row.step_s, key=lambda one: abs(one - panels))
    if same:
        source = tr("measured on this card ({source})", source=row.source)
    elif row.threads is not None:
        source = tr("scaled from two cores of an AMD EPYC ({source})", source=row.source)
    else:
        source = tr("scaled from {card} ({source})", card=row.hardware, source=row.source)
    low, high = MEASURED if same else SCALED
    return Pace(
        step_s=row.step_s[together] * pixels * guided / speed,
        picture_s=row.picture_s * pixels / speed,
        start_s=row.start_s,
        origin="table" if same else "scaled",
        source=source,
        low=low,
        high=high,
    )


def gpu_memory_gib(settings: DrawSettings, panels: int) -> float:
    """Return what Kolors holds of a GPU; beyond the size that was measured, the pictures' share grows."""
    [told] = measured_table().gpu_memory
    if settings.memory == "low":
        return told.panels["low"]
    sizes = {int(one): gib for one, gib in told.panels.items() if one != "low"}
    from kit.generation.devices.device_memory import USUAL_SIDE, WEIGHTS_GIB

    held = sizes[min(sizes, key=lambda one: abs(one - panels))]
    return WEIGHTS_GIB + (held - WEIGHTS_GIB) * (settings.size / USUAL_SIDE) ** 2


def picture_bytes(base: str, size: int) -> float:
    """Return how large a picture's file is; of a base that is not in the table as of Kolors."""
    known = {one.base: one.bytes for one in measured_table().picture}
    return known.get(base, known["kolors"]) * size**2


def race_share(seeds: int) -> tuple[float, float]:
    """Return which share of the pictures a race draws, at its best and at its worst."""
    rows = measured_table().race
    fit = [row for row in rows if row.seeds <= seeds] or [rows[0]]
    return max(fit, key=lambda row: row.seeds).share
