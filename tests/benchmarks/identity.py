"""A figure learned from eight pictures and drawn in twenty new scenes, judged.

python -m tests.benchmarks.identity OUT [--device cuda] [--only WORD] [--more]

The figure is a combination of kind, hair and clothes that the base draws by its description, and not by the
name that it is given here. The pictures come from the world's renderer, places and poses of the scenes are
others. The judge, which learned from renders alone, says in how many pictures kind, colours and length of
hair are the figure's, and how many of the class's own pictures have become it. Both presets as they are, or
with --more other settings beside them; each row is printed at once, and what is there is not done again.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kit.files.encodings import sha256_bytes
from kit.generation.devices.multi_gpu import load_painter
from kit.training.config import load_training
from kit.training.train import train
from kit.world import words
from kit.world.captions import action_text
from kit.world.render import render
from kit.world.scene import ALWAYS_NIGHT, Character, Place, Scene, is_held_out
from kit.world.tale import posed
from tests.benchmarks.judge import Judge, load, verdicts
from tests.benchmarks.machine import commit, cpu, versions
from tests.benchmarks.pictures import PictureSet, draw, sheet

FIGURE = Character(kind="girl", colour="yellow", hair="purple", hair_length="long")
CLASS = "女孩"
NAMES = {"dreambooth": f"ktxl{CLASS}", "embedding": "<ktxl>"}
"""What it is called; by dreambooth as Kolors' own script does it."""
SEEN: tuple[Place, ...] = ("living", "kitchen", "classroom", "stage", "park", "beach", "snow", "street")
UNSEEN: tuple[Place, ...] = (
    "bedroom", "doorway", "practice", "dressing", "forest", "mountain", "cafe", "stars", "bathroom",
    "audience",
)  # fmt: skip
SCENES = 20
USUAL = (("dreambooth", ""), ("embedding", ""))
LORAS = ((4, 200, 4), (4, 400, 4), (16, 200, 4), (16, 400, 4), (16, 800, 4), (16, 270, 8))
"""Rank, steps and batch of other LoRAs."""
WORDS = ((0.1, 400, 4), (0.3, 400, 4), (1.0, 400, 4), (0.3, 1200, 4), (0.3, 400, 8), (0.3, 1200, 8))
"""Learning rate, steps and vectors of other words."""
MORE = (
    ("dreambooth", "prior.weight = 0"),
    ("dreambooth", "prior.weight = 0.3"),
    ("dreambooth", "learn.learning_rate = 8e-3"),
    *(
        ("dreambooth", f"learn.rank = {r}; learn.alpha = {r}; learn.steps = {n}; learn.batch = {batch}")
        for r, n, batch in LORAS
    ),
    *(
        ("embedding", f"learn.learning_rate = {rate}; learn.steps = {n}; embedding.vectors = {vectors}")
        for rate, n, vectors in WORDS
    ),
)
"""Presets, and what is said besides in their training files."""
HEADS = ("kind", "colour", "hair", "hair_length")


def scenes(places: Sequence[Place], count: int, name: str) -> list[Scene]:
    """Return scenes of the figure, the places in turn."""
    rng = random.Random(f"identity {name}")
    found: list[Scene] = []
    while len(found) < count:
        place = places[len(found) % len(places)]
        scene = Scene(
            characters=(posed(rng, FIGURE, place),),
            place=place,
            time="night" if place in ALWAYS_NIGHT else rng.choice(("day", "dusk", "night")),
            seed=rng.getrandbits(32),
        )
        if not is_held_out(scene):
            found.append(scene)
    return found


def said(scene: Scene, who: str) -> str:
    """Return what a user would write: who does what, where and when, and nothing of how the figure looks."""
    rng = random.Random(scene.seed)
    figure = replace(scene.characters[0], expression="smile")
    clauses = [who, action_text(figure, scene, "zh", rng), rng.choice(words.PLACES["zh"][scene.place])]
    if scene.place not in ALWAYS_NIGHT:
        clauses.append(rng.choice(words.TIMES["zh"][scene.time]))
    return "，".join(clauses)


def write_training(out: Path, preset: str, besides: str) -> Path:
    """Write the eight pictures with their captions and the training file, as a user has them."""
    data, name = out / f"data-{preset}", NAMES[preset]
    data.mkdir(parents=True, exist_ok=True)
    rows = ["file_name,text"]
    for number, scene in enumerate(scenes(SEEN, len(SEEN), "learn")):
        render(scene).picture.save(data / f"{number}.png")
        rows.append(f"{number}.png,{said(scene, name)}")
    (data / "metadata.csv").write_text("\n".join(rows) + "\n", "utf-8")
    lines = {
        "dreambooth": f'learn.trigger = "{name}"; prior.prompt = "{CLASS}"',
        "embedding": f'learn.trigger = "{name}"; embedding.token = "{name}"; embedding.begins_as = "{CLASS}"',
    }
    told = f'data = "{data.name}"; preset = "{preset}"; {lines[preset]}; {besides}'
    config = out / f"{preset}-{sha256_bytes(besides.encode())[:8]}.toml"
    config.write_text("\n".join(line.strip() for line in told.split(";")) + "\n", "utf-8")
    return config


def shown(judge: Judge, pictures: Tensor) -> list[bool]:
    """Return of each picture whether the judge sees one figure, and in it all that makes it this one."""
    heads, _, _ = verdicts(judge, pictures)
    return [
        heads["count"][k] == "1" and all(heads[f"left {head}"][k] == getattr(FIGURE, head) for head in HEADS)
        for k in range(len(pictures))
    ]


def placed(judge: Judge, asked: Sequence[Scene], pictures: Tensor) -> list[bool]:
    """Return of each picture whether the judge sees it at the place that was asked for."""
    heads, _, _ = verdicts(judge, pictures)
    return [heads["place"][k] == scene.place for k, scene in enumerate(asked)]


def share(answers: Sequence[bool]) -> float:
    """Return the share that is true."""
    return round(sum(answers) / len(answers), 3)


class Quiet:
    """Hears a training and says how far it is now and then."""

    def __init__(self) -> None:
        """Begin."""
        self._done = 0

    def note(self, text: str) -> None:
        """Say what goes on."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, total: int, done: int) -> None:
        """Note how far it is."""
        self._done = done

    def advance(self, count: int, note: str = "") -> None:
        """Say every hundredth step."""
        self._done += count
        if self._done % 100 == 0:
            print(f"step {self._done}, {note}", file=sys.stderr, flush=True)


def main() -> None:
    """Train, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="", help="settings that say this word")
    parser.add_argument("--more", action="store_true", help="other settings, too")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    print(f"{cpu()}; {versions()}; commit {commit()}", flush=True)
    asked = [one for one in (*USUAL, *(MORE if given.more else ())) if given.only in " ".join(one)]
    for preset, besides in asked:
        config = write_training(given.out, preset, besides)
        folder, began = given.out / config.stem, time.monotonic()
        file = train(load_training(config), folder, Quiet(), given.device)
        told: dict[str, object] = {"preset": preset, "besides": besides, "folder": folder.name}
        told["seconds"] = round(time.monotonic() - began)
        told |= measured(preset, file, given.out, given.device)
        contact(given.out / f"data-{preset}", folder)
        print(json.dumps(told, ensure_ascii=False), flush=True)


def measured(preset: str, file: Path, out: Path, device: str) -> dict[str, object]:
    """Return the shares of pictures in which the judge sees the figure, of those at the right place too."""
    name = NAMES[preset]
    bare = PictureSet(name="", prompts=(), seeds=range(SCENES))
    worn = replace(bare, embedding=str(file)) if preset == "embedding" else replace(bare, lora=str(file))
    judge, painter = load(Path(__file__).parent / "judge.pt"), load_painter("mini", device)
    asked, rows = scenes(UNSEEN, SCENES, "draw"), dict[str, object]()
    for row, who, learned in (
        ("figure, base alone", name, bare),
        ("figure", name, worn),
        ("class, base alone", CLASS, bare),
        ("class", CLASS, worn),
    ):
        prompts = [said(one, who) for one in asked]
        pictures = draw(painter, replace(learned, name=row, prompts=prompts), out / "drawn")
        right = shown(judge, pictures)
        sheet(pictures, right, 5).save(file.parent / f"{row}.png")
        rows[row] = share(right)
        rows[f"{row}: place"] = share(placed(judge, asked, pictures))
    truth = [np.asarray(render(one).picture) for one in asked]
    rows["renders"] = share(shown(judge, torch.from_numpy(np.stack(truth))))
    return rows


def contact(data: Path, folder: Path) -> None:
    """Write the sheet of a report: the eight pictures, below them the twenty scenes."""
    learned = [Image.open(data / f"{number}.png") for number in range(len(SEEN))]
    drawn = Image.open(folder / "figure.png")
    side = drawn.width // len(SEEN)
    page = Image.new("RGB", (drawn.width, side + 8 + drawn.height), "white")
    for number, picture in enumerate(learned):
        page.paste(picture.resize((side - 4, side - 4), Image.Resampling.LANCZOS), (number * side + 2, 2))
    page.paste(drawn, (0, side + 8))
    page.save(folder / "contact.png")


if __name__ == "__main__":
    main()
