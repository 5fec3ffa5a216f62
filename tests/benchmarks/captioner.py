"""Measures the embedded captioner on renders of fresh scenes, and on pictures that the embedded base draws.

    python -m tests.benchmarks.captioner --count 400 --drawn 64 --out runs/captioner-bench

The scenes are of every style and any combination, one in twelve of which no training has. For drawn pictures
the truth is the prompt; what the judge sees there (tests/benchmarks/judge.py, another network, which learned
on its own) stands beside. Drawn pictures stay in OUT; sheet.png shows ten renders and ten drawn ones.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kit.dataset.captioning.scenes.scene_captioner import SceneCaptioner, open_scene_captioner
from kit.embedded import EMBEDDED
from kit.generation.devices.multi_gpu import load_painter
from kit.images.contact_sheet import draw_contact_sheet
from kit.story.prompt import COMMAS
from kit.world.render import render
from kit.world.scene import STYLES, Scene, sample_scene
from tests.benchmarks.judge import load, verdicts
from tests.benchmarks.pictures import PictureSet, draw
from tests.benchmarks.prompts import held_out_prompts, texts_of
from tests.benchmarks.tally import Figure, Seen, read_verdicts, tally

SHOWN = 10
"""Pictures of each kind on the sheet."""
JUDGE = Path(__file__).parent / "judge.pt"


def fresh_scene(number: int) -> Scene:
    """Return a scene of any style and combination, by numbers that no training has."""
    rng = random.Random(f"captioner check {number}")
    return sample_scene(rng, rng.choice(STYLES))


def seen_of(scene: Scene) -> Seen:
    """Return a scene as the tally counts what was seen."""
    figures = tuple(Figure(c.kind, c.colour, c.hair or "", c.pose) for c in scene.characters)
    return Seen(scene.place, scene.time, scene.style, figures)


def shares(scenes: Sequence[Scene], seen: Sequence[Seen]) -> dict[str, str]:
    """Return the share of right answers by row, with its count and 95 % interval."""
    table = {}
    for row, share in tally(scenes, seen).items():
        low, high = share.interval
        table[row] = f"{share.share:.3f} of {share.total}, {low:.3f} to {high:.3f}"
    styles = [one.style == scene.style for one, scene in zip(seen, scenes, strict=True)]
    return table | {"style": f"{np.mean(styles):.3f} of {len(styles)}"}


def drawn_pictures(count: int, out: Path) -> tuple[list[Scene], torch.Tensor]:
    """Return held-out scenes and what the embedded base draws of their prompts, (n, 256, 256, 3)."""
    prompts = held_out_prompts(count)
    wanted = PictureSet(name="plain", prompts=texts_of(prompts), seeds=list(range(count)))
    return [prompt.scene for prompt in prompts], draw(load_painter(EMBEDDED, "cpu"), wanted, out)


def sheet(captioners: Sequence[SceneCaptioner], pictures: Sequence[Image.Image], path: Path) -> None:
    """Write pictures with their captions, the languages of the captioners in turn."""
    told = []
    for number, picture in enumerate(pictures):
        captioner = captioners[number % len(captioners)]
        told.append(COMMAS[captioner.language].join(captioner(picture)))
    names = [f"render {n}" if n < SHOWN else f"drawn {n - SHOWN}" for n in range(len(pictures))]
    draw_contact_sheet(pictures, names, told).save(path)


def main() -> None:
    """Measure, print, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="renders")
    parser.add_argument("--drawn", type=int, default=64, help="pictures of the embedded base")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    captioners = [open_scene_captioner("zh"), open_scene_captioner("en")]
    scenes = [fresh_scene(number) for number in range(given.count)]
    renders = [render(scene).picture for scene in scenes]
    asked, drawn = drawn_pictures(given.drawn, given.out)
    pictures = [Image.fromarray(one) for one in drawn.numpy()]
    heads, _, _ = verdicts(load(JUDGE), drawn)
    told = [[seen_of(captioners[0].scenes([one])[0]) for one in shown] for shown in (renders, pictures)]
    result = {
        "renders": shares(scenes, told[0]),
        "drawn": shares(asked, told[1]),
        "drawn, by the judge": shares(asked, read_verdicts(heads)),
    }
    print(json.dumps(result, indent=1))
    (given.out / "result.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    sheet(captioners, [*renders[:SHOWN], *pictures[:SHOWN]], given.out / "sheet.png")


if __name__ == "__main__":
    main()
