"""A figure learned from eight pictures and drawn in twenty new scenes, judged.

python -m tests.benchmarks.identity OUT [--preset embedding] [--without-prior] [--device cuda]

The figure is a combination of kind, hair and clothes that the base draws by its description, and not by the
name that it is given here. The pictures come from the world's renderer, places and poses of the scenes are
others. The judge, which learned from renders alone, says in how many pictures kind, colours and length of
hair are the figure's, and how many of the class's own pictures have become it.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kit.generation.devices.multi_gpu import load_painter
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


def write_training(out: Path, given: argparse.Namespace) -> Path:
    """Write the eight pictures with their captions and the training file, as a user has them."""
    data, name = out / f"data-{given.preset}", NAMES[given.preset]
    data.mkdir(parents=True, exist_ok=True)
    rows = ["file_name,text"]
    for number, scene in enumerate(scenes(SEEN, len(SEEN), "learn")):
        render(scene).picture.save(data / f"{number}.png")
        rows.append(f"{number}.png,{said(scene, name)}")
    (data / "metadata.csv").write_text("\n".join(rows) + "\n", "utf-8")
    tables = {
        "dreambooth": f'[prior]\nprompt = "{CLASS}"\n' + ("weight = 0\n" if given.without_prior else ""),
        "embedding": f'[embedding]\ntoken = "{name}"\nbegins_as = "{CLASS}"\n',
    }
    learn = f'data = "{data.name}"\npreset = "{given.preset}"\n[learn]\ntrigger = "{name}"\n{given.learn}\n'
    config = out / f"{run_name(given)}.toml"
    config.write_text(learn + tables[given.preset], "utf-8")
    return config


def run_name(given: argparse.Namespace) -> str:
    """Return what the training's folder is called."""
    return given.preset + ("-without-prior" if given.without_prior else "")


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


def main() -> None:
    """Train, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", choices=("dreambooth", "embedding"), default="dreambooth")
    parser.add_argument("--without-prior", action="store_true")
    parser.add_argument("--learn", default="", help="further keys of [learn]")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    config = write_training(given.out, given)
    folder, began = given.out / run_name(given), time.monotonic()
    command = [sys.executable, "-m", "storykit", "train", str(config), "--out", str(folder)]
    subprocess.run([*command, "--device", given.device], check=True)
    told = {"preset": run_name(given), "seconds": round(time.monotonic() - began)}
    rows = measured(given, folder)
    contact(given.out / f"data-{given.preset}", folder)
    print(json.dumps(told | rows, indent=1, ensure_ascii=False))
    print(f"{cpu()}; {versions()}; commit {commit()}")


def measured(given: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Return what the judge sees of figure and class, drawn by the base alone and with what was learned."""
    name, kind = NAMES[given.preset], "embedding" if given.preset == "embedding" else "lora"
    learned = {kind: str(folder / f"{folder.name}.safetensors")}
    sets: dict[str, tuple[str, dict[str, str]]] = {
        "figure, base alone": (name, {}),
        "figure": (name, learned),
        "class, base alone": (CLASS, {}),
        "class": (CLASS, learned),
    }
    judge, painter = load(Path(__file__).parent / "judge.pt"), load_painter("mini", given.device)
    asked, rows = scenes(UNSEEN, SCENES, "draw"), dict[str, dict[str, float]]()
    for row, (who, worn) in sets.items():
        prompts = [said(one, who) for one in asked]
        wanted = PictureSet(name=row, prompts=prompts, seeds=range(SCENES), **worn)
        pictures = draw(painter, wanted, given.out / "drawn")
        right = shown(judge, pictures)
        sheet(pictures, right, 5).save(folder / f"{row}.png")
        rows[row] = {"is the figure": share(right), "place": share(placed(judge, asked, pictures))}
    truth = [np.asarray(render(one).picture) for one in asked]
    rows["renders"] = {"is the figure": share(shown(judge, torch.from_numpy(np.stack(truth))))}
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
