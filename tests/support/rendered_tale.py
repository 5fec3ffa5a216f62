"""A told story of the drawn world, its true pictures, and a painter that gives them, or wrong ones."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import tomli_w
from fakes import FakePainter
from PIL import Image

from kit.experiment.config import load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Run
from kit.generation.generate import generate
from kit.generation.painter import BatchPlan, DrawFailure, PanelRequest, RedrawRequest
from kit.generation.repair.masks import pasted
from kit.world import words
from kit.world.render import render
from kit.world.scene import Character, Place, Pose, Scene

GIRL = Character(kind="girl", colour="red", hair="black", hair_length="long")
CAT = Character(kind="kitten", colour="orange")
SAID = {GIRL: "一个黑色长发的小女孩，穿着红色裙子", CAT: "一只橙色的小猫"}
PLACES: tuple[Place, ...] = ("park", "park", "beach", "beach", "kitchen", "kitchen", "snow", "snow")
POSES: tuple[Pose, ...] = ("stand", "sit", "run", "wave", "stand", "sit", "wave", "run")
PAIRED = (4, 5, 8)
"""Panels that show the cat, too."""
EXPERIMENT = """
stories = ["tale.toml"]
seeds = [0]
size = 256
[score]
gate = 1
[[candidate]]
name = "base"
"""
ROOM = ("base", "authored", "tale")


def scene(panel: int, *figures: Character, place: Place | None = None) -> Scene:
    """Return what a panel (1 to 8) shows, or with other figures or elsewhere."""
    pose = POSES[panel - 1]
    shown = figures or ((GIRL, CAT) if panel in PAIRED else (GIRL,))
    standing = tuple(
        Character(kind=one.kind, colour=one.colour, hair=one.hair, hair_length=one.hair_length, pose=pose)
        for one in shown
    )
    return Scene(characters=standing, place=place or PLACES[panel - 1], seed=panel)


@cache
def true_picture(panel: int) -> Image.Image:
    return render(scene(panel)).picture


def story() -> str:
    """Return the story, every look told."""
    panels = []
    for panel, (place, pose) in enumerate(zip(PLACES, POSES, strict=True), 1):
        clauses = []
        for figure in (GIRL, CAT) if panel in PAIRED else (GIRL,):
            clauses.append({"role": "subject", "text": SAID[figure]})
            clauses.append({"role": "action", "text": words.POSES["zh"][pose][0]})
        clauses.append({"role": "place", "text": words.PLACES["zh"][place][0]})
        panels.append({"clauses": clauses})
    return tomli_w.dumps({"title": "t", "language": "zh", "panel": panels})


class RenderingPainter(FakePainter):
    """Draws the true pictures, of some panels wrong ones; drawn again often enough a panel is right."""

    def __init__(self, wrong: Mapping[int, Image.Image], mends_at: int = 1) -> None:
        super().__init__()
        self.wrong, self.mends_at = wrong, mends_at
        self.stop_at: int | None = None
        """Pretend that the user presses ctrl-c when drawing again for this time, from 1."""

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> list[Image.Image | DrawFailure]:
        super().draw(requests, settings, plan)
        panels = [int(Path(one.label).stem) for one in requests]
        return [self.wrong.get(panel, true_picture(panel)).copy() for panel in panels]

    def redraw(
        self, requests: Sequence[RedrawRequest], settings: DrawSettings
    ) -> list[Image.Image | DrawFailure]:
        super().redraw(requests, settings)
        if len(self.redrawn) == self.stop_at:
            raise KeyboardInterrupt
        [asked] = requests
        panel = int(Path(asked.request.label).stem)
        right = asked.request.seed >= self.mends_at
        return [pasted(true_picture(panel) if right else asked.picture, asked.picture, asked.mask)]

    def mask_of(
        self, request: PanelRequest, picture: Image.Image, words: Sequence[str], settings: DrawSettings
    ) -> Image.Image:
        """Return all of the picture."""
        return Image.new("L", picture.size, 255)


def drawn_tale(folder: Path, painter: RenderingPainter) -> Run:
    """Return the story's run, drawn by a painter from one seed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tale.toml").write_text(story(), encoding="utf-8")
    (folder / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    generate(run, [painter])
    return run
