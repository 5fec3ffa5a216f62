"""A run as a newcomer has it: some seeds of two candidates, measured by the embedded scorers themselves.

Its pictures are renders of the drawn world, so no base draws and all numbers are true.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from command import said
from entries import MINI
from fakes import FakePainter
from PIL import Image

import kit
from kit.experiment.config import load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Run
from kit.generation.generate import generate
from kit.generation.painter import BatchPlan, PanelRequest
from kit.world.render import render
from kit.world.scene import sample_scene

STORY = Path(kit.__file__).parent / "examples" / "demo-zh.toml"
EXPERIMENT = """
stories = ["demo.toml"]
base = "mini"
seeds = {seeds}
size = 64
steps = 6
[[candidate]]
name = "base"
[[candidate]]
name = "ink"
lora = "mini:ink"
trigger = "水墨画风格"
"""


class WorldPainter(FakePainter):
    """Shows a scene of the drawn world that hangs on the request's key; claims to be the embedded base."""

    def __init__(self) -> None:
        super().__init__("mini")
        self.identity = MINI

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> list[Image.Image]:
        scenes = [replace(sample_scene(random.Random(one.key)), degradations=()) for one in requests]
        side = (settings.size, settings.size)
        return [render(scene).picture.resize(side, Image.Resampling.LANCZOS) for scene in scenes]


def newcomers_run(folder: Path, seeds: Sequence[int]) -> Run:
    """Write a run into a folder, its source beside it, and score it."""
    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    (source / "demo.toml").write_bytes(STORY.read_bytes())
    (source / "experiment.toml").write_text(EXPERIMENT.format(seeds=list(seeds)), encoding="utf-8")
    run = Run.create(folder, load_experiment(source / "experiment.toml"))
    generate(run, [WorldPainter()])
    said("score", folder)
    return Run.open(folder)
