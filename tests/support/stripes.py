"""Runs of striped pictures, and scorers to which a stripe is the text it stands for."""

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.scorers.load import Scorers
from eval.scorers.protocols import Inscription, Metric, Stamp
from eval.scoring.records import Scores, StoryScore
from kit.experiment.config import load_experiment
from kit.experiment.run import PanelRow, Run, Slot
from kit.files.encodings import sha256_bytes

SIDE = 32
STORY = """
title = "t"
language = "zh"
[characters.girl]
text = "小女孩"
{panels}
"""
PANEL = """
[[panel]]
clauses = [
    {{ role = "style", text = "水墨画" }},
    {{ role = "subject", character = "girl" }},
    {{ role = "place", text = "地方{k}" }},
]
"""
EXPERIMENT = """
stories = ["story.toml"]
size = 32
orders = {orders}
seeds = {seeds}
[score]
gate = {gate}
[[candidate]]
name = "base"
[[candidate]]
name = "ink"
lora = "mini:ink"
trigger = "触发词"
"""


class Brightness:
    """Scores 1 (black) to 10 (white)."""

    at_once = 1

    def __init__(self, weights: str = "b" * 64) -> None:
        self.metric = Metric(
            name="aesthetic",
            title="Brightness",
            direction="higher",
            range=(1.0, 10.0),
            unit="points",
            source="test",
            stamp=Stamp(weights="fake", weights_sha256=weights, preprocessing="p", embedded=True),
        )
        self.scored = 0

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        self.scored += len(panels)
        return [1 + 9 * float(np.asarray(panel.convert("L")).mean()) / 255 for panel in panels]

    def seen(self, picture: Image.Image) -> Image.Image:
        return picture


class Columns:
    """Puts a picture where its brightest column is; a text where the digit in it says."""

    def __init__(self) -> None:
        self.stamp = Stamp(weights="fake", weights_sha256="c" * 64, preprocessing="q", embedded=True)
        self.seen = 0
        self.read: list[str] = []
        self.fails_after = 10_000

    def pictures(self, panels: Sequence[Image.Image]) -> NDArray[np.float32]:
        if self.seen + len(panels) > self.fails_after:
            raise KeyboardInterrupt
        self.seen += len(panels)
        rows = [np.asarray(panel.convert("L"), np.float32).mean(axis=0) for panel in panels]
        return np.stack([row / np.linalg.norm(row) for row in rows])

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        rows = np.zeros((len(texts), SIDE), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[4 * int("".join(c for c in text if c.isdigit()) or 0)] = 1
        return rows


class RedLetters:
    """Reads its words wherever a picture is red, as large as the red is."""

    def __init__(self, words: str = "HELLO", weights: str = "d" * 64) -> None:
        self.stamp = Stamp(weights="fake", weights_sha256=weights, preprocessing="r", embedded=False)
        self.words = words
        self.seen = 0

    def read(self, panels: Sequence[Image.Image]) -> list[tuple[Inscription, ...]]:
        self.seen += len(panels)
        reds = [float((np.asarray(panel) == (255, 0, 0)).all(axis=2).mean()) for panel in panels]
        return [(Inscription(self.words, red),) if red else () for red in reds]


def reddened(panel: int, rows: int = 8) -> bytes:
    """Return a striped panel with so many red rows, on which `RedLetters` reads."""
    picture = Image.open(BytesIO(striped(panel)))
    picture.paste((255, 0, 0), (0, 0, SIDE, rows))
    return png(picture)


def stripe_scorers() -> Scorers:
    return Scorers(aesthetic=Brightness(), encoder=Columns())


def striped(panel: int, level: int = 200, side: int = SIDE) -> bytes:
    """Return a PNG with a bright stripe where panel's text (0 to 7) points; no two panels are one picture."""
    pixels = np.full((side, side, 3), 10, np.uint8)
    pixels[np.random.default_rng(panel).permutation(side) % 2 == 0] = 50
    pixels[:, 4 * (panel - 1) : 4 * (panel - 1) + 3] = level
    return png(Image.fromarray(pixels))


def png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def new_run(folder: Path, *, orders: Sequence[str] = ("authored",), seeds: int = 1, gate: float = 2.0) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    panels = "".join(PANEL.format(k=k) for k in range(8))
    (folder / "story.toml").write_text(STORY.format(panels=panels), "utf-8")
    text = EXPERIMENT.format(orders=json.dumps(list(orders)), seeds=list(range(seeds)), gate=gate)
    (folder / "experiment.toml").write_text(text, "utf-8")
    return Run.create(folder / "run", load_experiment(folder / "experiment.toml"))


def put_panel(run: Run, slot: Slot, data: bytes) -> Path:
    path = run.panel_path(*slot)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    row = PanelRow(
        key=sha256_bytes(data),
        **slot._asdict(),
        file=path.relative_to(run.folder).as_posix(),
        sha256=sha256_bytes(data),
        prompt="p",
        negative="",
        seconds=0.1,
    )
    run.append(row)
    return path


def fill(run: Run, level: int = 200) -> Run:
    for slot in run.wanted():
        put_panel(run, slot, striped(slot.panel, level + (20 if slot.candidate == "ink" else 0) + slot.seed))
    return run


def story_of(scores: Scores, candidate: str) -> StoryScore:
    return next(s for s in scores.stories if s.candidate == candidate)
