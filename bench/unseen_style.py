"""A LoRA for a style that nothing in the package has seen: 40 rendered pictures, trained and judged.

python -m bench.unseen_style OUT STEPS BATCH RATE

The style is stained glass, drawn here from the world's flat pictures. A classifier of seven styles, trained
on renders alone, says how many of the drawn pictures are in it; the judge says what is left of the content.
"""

import csv
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor, nn

from bench.base import judged
from bench.judge import Judge, load
from bench.machine import commit, cpu, versions
from bench.pictures import PictureSet, draw, sheet
from bench.prompts import Prompt, held_out_prompts, texts_of
from bench.tally import content_right
from kit.painter import load_painter
from kit.train import Step
from kit.train_config import Training
from kit.training import train
from kit.world.captions import caption
from kit.world.render import render
from kit.world.scene import STYLES, Scene, sample_scene

TRIGGER = "彩色玻璃风格"
PICTURES, PROMPTS = 40, 60
PER_STYLE = 60
"""Renders of each style that the classifier learns from; as many test it."""


def stained_glass(picture: Image.Image) -> Image.Image:
    """Return a flat picture as panes of strong colour between dark leads."""
    panes = ImageOps.posterize(picture.filter(ImageFilter.MedianFilter(5)), 3)
    colours = np.asarray(ImageEnhance.Color(panes).enhance(1.8), np.float32)
    edges = picture.convert("L").filter(ImageFilter.GaussianBlur(1.2)).filter(ImageFilter.FIND_EDGES)
    strong = np.clip((np.asarray(edges, np.float32) - 10) / 14, 0, 1)
    wide = Image.fromarray((strong * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(3))
    across, down = np.meshgrid(np.arange(picture.width), np.arange(picture.height))
    lattice = ((across + down) % 64 < 3) | ((across - down) % 64 < 3)
    lead = np.maximum(np.asarray(wide, np.float32) / 255, 0.9 * lattice)[..., None]
    glass = colours * (1 - lead) + np.array([20, 18, 24]) * lead
    return Image.fromarray(glass.clip(0, 255).astype(np.uint8))


def scenes(count: int, name: str) -> list[Scene]:
    """Return scenes drawn by lot, undamaged."""
    rng = random.Random(f"unseen style {name}")
    return [sample_scene(rng) for _ in range(count)]


def write_dataset(folder: Path) -> None:
    """Write the pictures with their captions in the contest's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random("captions")
    with (folder / "metadata.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "text"])
        for number, scene in enumerate(scenes(PICTURES, "train")):
            stained_glass(render(scene).picture).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", caption(scene, "zh", rng)])


def features(pictures: Sequence[Image.Image]) -> Tensor:
    """Return (n, features) of colours and edges, which tell styles and not contents."""
    return torch.from_numpy(np.stack([_features(picture) for picture in pictures])).float()


def _features(picture: Image.Image) -> NDArray[np.float64]:
    hsv = np.asarray(picture.convert("HSV"), np.float64) / 255
    grey = np.asarray(picture.convert("L"), np.float64) / 255
    down, across = np.gradient(grey)
    slope = np.hypot(down, across)
    finest = np.abs(np.diff(grey, 2, axis=0)).mean() + np.abs(np.diff(grey, 2, axis=1)).mean()
    parts = [np.histogram(hsv[..., c], 8, (0, 1), density=True)[0] for c in (1, 2)]
    parts += [np.histogram(slope, 8, (0, 0.4), density=True)[0], [finest], hsv.mean((0, 1)), hsv.std((0, 1))]
    return np.concatenate([np.ravel(part) for part in parts])


class Classifier:
    """Logistic regression over seven styles, learned from renders."""

    def __init__(self) -> None:
        """Learn from renders of each style."""
        found = features(self._renders("learn"))
        labels = torch.arange(len(STYLES) + 1).repeat_interleave(PER_STYLE)
        self._mean, self._deviation = found.mean(0), found.std(0) + 1e-6
        self._layer = nn.Linear(found.shape[1], len(STYLES) + 1)
        rows = (found - self._mean) / self._deviation
        optimizer = torch.optim.LBFGS(self._layer.parameters(), max_iter=300)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self._layer(rows), labels)
            loss = loss + 1e-3 * self._layer.weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        self.right = float((self(self._renders("test")) == labels).float().mean())
        """Share of other renders that it names rightly."""

    @staticmethod
    def _renders(name: str) -> list[Image.Image]:
        shown = [render(replace(s, style=style)).picture for style in STYLES for s in scenes(PER_STYLE, name)]
        return shown + [stained_glass(render(scene).picture) for scene in scenes(PER_STYLE, name)]

    @torch.no_grad()
    def __call__(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Return (n,) the number of each picture's style; the last is stained glass."""
        return self._layer((features(pictures) - self._mean) / self._deviation).argmax(1)


class Silent:
    """Hears a training."""

    def begin(self, total: int, done: int) -> None:
        """Say nothing."""

    def hear(self, step: Step) -> None:
        """Say nothing."""


class Eyes(NamedTuple):
    """What looks at drawn pictures."""

    judge: Judge
    classifier: Classifier


def measured(out: Path, lora: str, prompts: Sequence[Prompt], eyes: Eyes) -> dict[str, float]:
    """Return how many pictures are in the style and how many have their content."""
    name = "worn" if lora else "base"
    asked = PictureSet(
        name=name, prompts=texts_of(prompts, TRIGGER if lora else ""), seeds=range(len(prompts)), lora=lora
    )
    pictures = draw(load_painter("mini"), asked, out)
    shown = [Image.fromarray(picture.numpy()) for picture in pictures]
    seen = judged(eyes.judge, pictures).seen
    right = [content_right(prompt.scene, one) for prompt, one in zip(prompts, seen, strict=True)]
    sheet(pictures[:16], right[:16]).save(out / f"{name}.png")
    in_style = float((eyes.classifier(shown) == len(STYLES)).float().mean())
    return {"in_style": in_style, "content": sum(right) / len(right)}


def main() -> None:
    """Train, draw, judge, print."""
    out = Path(sys.argv[1])
    steps, batch, rate = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    began = time.monotonic()
    write_dataset(out / "data")
    learn = {"steps": steps, "batch": batch, "learning_rate": rate, "trigger": TRIGGER, "save_every": steps}
    path = train(Training.model_validate({"data": str(out / "data"), "learn": learn}), out / "lora", Silent())
    seconds = time.monotonic() - began
    prompts = held_out_prompts(PROMPTS)
    eyes = Eyes(load(Path(__file__).parent / "judge.pt"), Classifier())
    rows = {"base": measured(out, "", prompts, eyes), "lora": measured(out, str(path), prompts, eyes)}
    told = {
        "steps": steps,
        "batch": batch,
        "rate": rate,
        "seconds": round(seconds),
        "classifier": eyes.classifier.right,
    }
    print(json.dumps(told | rows))
    print(f"{cpu()}; {versions()}; commit {commit()}")


if __name__ == "__main__":
    main()
