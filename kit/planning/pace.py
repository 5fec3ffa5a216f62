"""How fast a device draws, and what that makes of a load."""

from dataclasses import dataclass
from typing import Literal

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.planning.drawing_load import DrawingLoad

Origin = Literal["probe", "table", "scaled"]
"""Measured on this machine, measured on a card of the same name, or scaled from another card."""
READING = 1.12
"""What reading an anchor costs, as a factor of a picture's steps (docs/consistency.md)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast a device draws with one base at one size, so many panels at once."""

    step_s: float
    """A step of a picture, its share of the batch."""
    picture_s: float
    """What a picture takes beside its steps: decoding."""
    start_s: float
    """From the command to the first step: libraries, weights, prompts."""
    origin: Origin
    source: str
    """Who measured it, and when."""
    low: float
    high: float
    """The time is most likely between so much of what is told, and so much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """How long drawing takes, in seconds."""

    seconds: float
    low: float
    high: float


def duration(load: DrawingLoad, pace: Pace, settings: DrawSettings, devices: int = 1) -> Duration:
    """Return how long drawing a load takes; several GPUs load the base at the same time."""
    if not load.pictures:
        return Duration(seconds=0.0, low=0.0, high=0.0)
    reading = 1 + (READING - 1) * load.readers / load.pictures
    steps = load.rows * settings.work * pace.step_s * reading / devices
    drawing = steps + load.pictures * pace.picture_s / devices
    seconds = pace.start_s + drawing
    return Duration(seconds=seconds, low=seconds * pace.low, high=seconds * pace.high)
