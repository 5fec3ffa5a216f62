"""A LoRA for a style that nothing in the package has seen: 40 rendered pictures, prepared, trained, judged.

python -m tests.benchmarks.unseen_style OUT [STYLE]

Only the two commands are timed. A classifier of the world's six styles and the new one, trained on renders
that went through the autoencoder, says how many of the drawn pictures are in the style; it is also held
against drawn pictures of the styles that are known. The judge says what is left of the content.
"""

import csv
import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from eval.scorers.clip import ClipEncoder
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import Painter
from kit.lora.lora import find_lora
from kit.mini.training.shards import HELD_OUT_STYLES
from kit.models.base import load_base
from kit.world import words
from kit.world.captions import caption
from kit.world.render import render
from kit.world.scene import STYLES, Scene, Style, sample_scene
from tests.benchmarks.base import judged, rendered
from tests.benchmarks.judge import Judge, load
from tests.benchmarks.machine import commit, cpu, versions
from tests.benchmarks.new_styles import NEW_STYLES, NewStyle
from tests.benchmarks.pictures import PictureSet, draw, sheet
from tests.benchmarks.prompts import Prompt, held_out_prompts, texts_of
from tests.benchmarks.tally import content_right

PICTURES, PROMPTS, KNOWN = 40, 60, 16
"""Pictures learned from; prompts drawn; prompts drawn in each known style."""
PER_STYLE = 50
"""Renders of each style that the classifier learns from."""
AT_ONCE = 16
"""Pictures that go through the autoencoder together."""


def scenes(count: int, name: str) -> list[Scene]:
    """Return scenes drawn by lot, undamaged."""
    rng = random.Random(f"unseen style {name}")
    return [sample_scene(rng) for _ in range(count)]


def write_pictures(folder: Path, style: NewStyle) -> None:
    """Write the pictures with their captions, as a user has them."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random("captions")
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "text"])
        for number, scene in enumerate(scenes(PICTURES, "train")):
            style.draw(render(scene).picture).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", caption(scene, "zh", rng)])


def trained(out: Path, style: NewStyle) -> tuple[Path, float]:
    """Return the LoRA that the two commands make, and how many seconds they take."""
    write_pictures(out / "pictures", style)
    data, config, lora = out / "data", out / "train.toml", out / "lora"
    config.write_text(f'data = "data/train"\n[learn]\ntrigger = "{style.trigger}"\n', "utf-8")
    began = time.monotonic()
    for command in (
        ["dataset", "prepare", out / "pictures", "--out", data],
        ["train", config, "--out", lora],
    ):
        subprocess.run([sys.executable, "-m", "storykit", *map(str, command)], check=True)
    return lora / "lora.safetensors", time.monotonic() - began


def through_the_autoencoder(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return pictures as the embedded autoencoder gives them back: so is every picture that it draws."""
    base, seen = load_base("mini"), list[Image.Image]()
    encode, decode = base.vae_encoder(), base.vae_decoder()
    for first in range(0, len(pictures), AT_ONCE):
        pixels = np.stack([np.asarray(picture) for picture in pictures[first : first + AT_ONCE]])
        with torch.no_grad():
            back = decode(encode(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1))
        whole = ((back.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
        seen += [Image.fromarray(one) for one in whole.numpy()]
    return seen


class Classifier:
    """Logistic regression over seven styles, on the encoder's embedding and on colours and edges."""

    def __init__(self, style: NewStyle) -> None:
        """Learn from renders of each style."""
        self._encoder = ClipEncoder.load("mini")
        shown = [render(replace(s, style=k)).picture for k in STYLES for s in scenes(PER_STYLE, "learn")]
        shown += [style.draw(render(scene).picture) for scene in scenes(PER_STYLE, "learn")]
        found = self._features(through_the_autoencoder(shown))
        labels = torch.arange(len(STYLES) + 1).repeat_interleave(PER_STYLE)
        self._mean, self._deviation = found.mean(0), found.std(0) + 1e-6
        self._layer = nn.Linear(found.shape[1], len(STYLES) + 1)
        nn.init.zeros_(self._layer.weight)
        nn.init.zeros_(self._layer.bias)
        rows = (found - self._mean) / self._deviation
        optimizer = torch.optim.LBFGS(self._layer.parameters(), max_iter=300)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self._layer(rows), labels)
            loss = loss + 3e-3 * self._layer.weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    @torch.no_grad()
    def share(self, pictures: Tensor, label: int) -> float:
        """Return the share of the pictures that are in a style; the new one comes after the known ones."""
        shown = [Image.fromarray(picture.numpy()) for picture in pictures]
        rows = (self._features(shown) - self._mean) / self._deviation
        return float((self._layer(rows).argmax(1) == label).float().mean())

    def _features(self, pictures: Sequence[Image.Image]) -> Tensor:
        embedded = torch.from_numpy(self._encoder.pictures(pictures)).float()
        surface = torch.from_numpy(np.stack([_surface(picture) for picture in pictures])).float()
        return torch.cat([embedded, surface], 1)


def _surface(picture: Image.Image) -> NDArray[np.float64]:
    """Return how saturated and light a picture is and how steep its edges are."""
    hsv = np.asarray(picture.convert("HSV"), np.float64) / 255
    grey = np.asarray(picture.convert("L"), np.float64) / 255
    slope = np.hypot(*np.gradient(grey))
    finest = np.abs(np.diff(grey, 2, axis=0)).mean() + np.abs(np.diff(grey, 2, axis=1)).mean()
    parts = [np.histogram(hsv[..., c], 8, (0, 1), density=True)[0] for c in (1, 2)]
    parts += [np.histogram(slope, 8, (0, 0.4), density=True)[0], [finest], hsv.mean((0, 1)), hsv.std((0, 1))]
    return np.concatenate([np.ravel(part) for part in parts])


def content(judge: Judge, prompts: Sequence[Prompt], pictures: Tensor) -> list[bool]:
    """Return for each picture whether its place and figures are right."""
    seen = judged(judge, pictures).seen
    return [content_right(prompt.scene, one) for prompt, one in zip(prompts, seen, strict=True)]


def drawn(painter: Painter, prompts: Sequence[Prompt], dress: tuple[str, str], out: Path) -> Tensor:
    """Return the prompts' pictures with a trigger in front and a LoRA worn."""
    trigger, lora = dress
    asked = PictureSet(
        name=f"drawn {trigger}",
        prompts=texts_of(prompts, trigger),
        seeds=range(len(prompts)),
        lora=lora,
    )
    return draw(painter, asked, out)


def known(painter: Painter, classifier: Classifier, out: Path) -> Mapping[Style, float]:
    """Return how often the classifier is right on drawn pictures of the known styles."""
    prompts, shares = held_out_prompts(PROMPTS + KNOWN)[PROMPTS:], dict[Style, float]()
    for number, style in enumerate(STYLES):
        lora = f"mini:{style}" if style in HELD_OUT_STYLES else ""
        trigger = find_lora(lora).trigger if lora else words.STYLES["zh"][style][1] if number else ""
        shares[style] = classifier.share(drawn(painter, prompts, (trigger, lora), out), number)
    return shares


def main() -> None:
    """Train, draw, judge, print."""
    out, style = Path(sys.argv[1]), NEW_STYLES[sys.argv[2] if len(sys.argv) > 2 else "two-inks"]
    lora, seconds = trained(out, style)
    prompts, judge = held_out_prompts(PROMPTS), load(Path(__file__).parent / "judge.pt")
    painter, classifier = load_painter("mini"), Classifier(style)
    truth = through_the_autoencoder([style.draw(render(prompt.scene).picture) for prompt in prompts])
    shown = {
        "base": drawn(painter, prompts, ("", ""), out),
        "trigger alone": drawn(painter, prompts, (style.trigger, ""), out),
        "lora": drawn(painter, prompts, (style.trigger, str(lora)), out),
        "renders": torch.from_numpy(np.stack([np.asarray(picture) for picture in truth])),
        "flat renders": rendered([prompt.scene for prompt in prompts]),
    }
    rows = {}
    for name, pictures in shown.items():
        right = content(judge, prompts, pictures)
        sheet(pictures[:16], right[:16]).save(out / f"{name}.png")
        rows[name] = {
            "in the style": round(classifier.share(pictures, len(STYLES)), 3),
            "content right": round(sum(right) / len(right), 3),
        }
    print(json.dumps({"seconds": round(seconds), "known": known(painter, classifier, out)} | rows, indent=1))
    print(f"{cpu()}; {versions()}; commit {commit()}")


if __name__ == "__main__":
    main()
