"""`storykit generate` in a process of its own, its times noted; it imports no more than the command does."""

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What is drawn by each number of GPUs."""

    base: str
    panels: int
    """A multiple of eight."""
    steps: int
    size: int
    sleep: float
    """Seconds for each panel in place of drawing; 0: it is drawn."""
    eager: bool
    """Whether nothing is compiled, however much is to be drawn."""


def before_drawing(drawing: Drawing) -> None:
    """Have this process draw as it is asked for; called when the painter is imported."""
    if drawing.sleep:
        from tests.benchmarks.sleeping_painter import sleep_in_place_of_drawing

        sleep_in_place_of_drawing(drawing.sleep)
    if drawing.eager:
        from kit.generation.kolors import compiling

        compiling.COMPILING_S = float("inf")


def draw(folder: Path, devices: Sequence[str], drawing: Drawing) -> None:
    """Be the command, in a process of its own: what a user types, with its times noted."""
    from kit.workers import devices as machine
    from storykit.cli.main import main as storykit
    from tests.benchmarks.drawing_times import watch_command

    watch_command(folder / "times", functools.partial(before_drawing, drawing))
    machine.pick_devices = lambda _: list(devices)  # the CPU, too, several times
    sys.argv = ["storykit", "generate", str(folder / "experiment.toml"), "--out", str(folder / "run")]
    storykit()
