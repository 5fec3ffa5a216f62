"""Measures whether a hero has the looks of a picture that it is to match, by the judge.

    python -m tests.benchmarks.reference --stories 3 --out runs/reference

Stories of the drawn world whose hero's looks no prompt tells, as in consistency.py beside this. The picture
is a render of the hero in looks drawn by lot, in a place that the story does not have. OUT gets result.json,
table.md and sheets: the picture, then the eight panels.
"""

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from eval.scorers.clip import ClipEncoder
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.references.image_prompt_record import reference_file
from kit.experiment.run import Slot
from kit.files.encodings import sha256_bytes
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import Painter
from kit.generation.recipe import request_of
from kit.images.decode import open_picture
from kit.images.png_metadata import QUICK, encoded
from kit.story.story import PANELS, Story
from kit.world.render import render
from kit.world.scene import CLOTHES, HAIR, PLACES, Character, Scene
from tests.benchmarks.consistency import LOOKS, averaged, draw, figure, seen, table, told_of
from tests.benchmarks.judge import Judge, load
from tests.benchmarks.tales import Tale, tale

ROOT = Path(__file__).parent
WAYS = {
    "nothing": (0.0, ""),
    "a panel": (0.6, ""),
    "the picture": (0.6, "whole"),
    "the picture, 0.8": (0.8, "whole"),
    "the picture on white": (0.6, "white"),
}
"""How strongly, and what of the hero's picture is matched; empty: a panel is."""


class Hero(NamedTuple):
    """Whom a story is about, and its pictures."""

    looks: Character
    pictures: Mapping[str, bytes]
    """By what of it they show: "whole", or on "white"."""


class Hand(NamedTuple):
    """What draws and what judges."""

    painter: Painter
    judge: Judge
    encoder: ClipEncoder
    settings: DrawSettings


def hero_of(story: Tale) -> Hero:
    """Return a hero in looks by lot."""
    rng = random.Random(f"reference {story.number}")
    [[kind], *_] = story.kinds
    looks = Character(
        kind="girl" if kind == "girl" else "boy",
        colour=rng.choice(CLOTHES),
        hair=rng.choice(HAIR),
        hair_length=rng.choice(("short", "long")) if kind == "girl" else "short",
    )
    place = rng.choice([one for one in PLACES if one not in story.places])
    shown = render(Scene(characters=(looks,), place=place, seed=story.number))
    white = np.where(shown.subjects[0][..., None], np.asarray(shown.picture), np.uint8(255))
    pictures = {"whole": shown.picture, "white": Image.fromarray(white)}
    return Hero(looks, {name: encoded(one, level=QUICK) for name, one in pictures.items()})


def named(story: Story, sha256: str) -> Story:
    """Return a story whose hero has a picture."""
    characters = {
        name: one.model_copy(update={"reference": f"../{reference_file(sha256)}"})
        for name, one in story.characters.items()
    }
    return story.model_copy(update={"characters": characters})


def measure(story: Tale, hero: Hero, way: str, hand: Hand, out: Path) -> dict[str, float]:
    """Return what is seen in a story drawn in one way, in [0, 1], and the seconds of a picture."""
    strength, shown = WAYS[way]
    told, files = story.story, {sha256_bytes(png): png for png in hero.pictures.values()}
    if shown:
        told = named(story.story, sha256_bytes(hero.pictures[shown]))
    candidate = Candidate(name="base", consistency=strength)
    slots = [Slot("base", "authored", "tale", story.number, panel + 1) for panel in range(PANELS)]
    requests = [request_of(told, slot, candidate).with_anchor_pictures(files) for slot in slots]
    start = time.monotonic()
    pictures = draw(hand.painter, requests, hand.settings)
    seconds = (time.monotonic() - start) / PANELS
    keep(out / f"{story.number} {way}.png", [open_picture(hero.pictures[shown or "whole"]), *pictures])
    panels, looks = seen(hand.judge, pictures), hero.looks
    wanted = {"hair": looks.hair, "hair_length": looks.hair_length, "colour": looks.colour}
    found = [
        look for one, [kind] in zip(panels, story.kinds, strict=True) if (look := figure(one, [kind], kind))
    ]
    as_told = hand.encoder.pictures(pictures) * hand.encoder.texts([one.prompt for one in requests])
    return {
        **{
            f"{name} as in the picture": float(np.mean([look[place] == wanted[name] for look in found]))
            for place, name in enumerate(LOOKS)
        },
        **told_of(story, panels),
        "text": float(as_told.sum(axis=1).mean()),
        "seconds": seconds,
    }


def keep(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Save the hero's picture and the panels of a story as one row."""
    row = Image.new("RGB", (len(pictures) * 128, 128), "white")
    for place, picture in enumerate(pictures):
        row.paste(picture.convert("RGB").resize((128, 128), Image.Resampling.LANCZOS), (place * 128, 0))
    row.save(path)


def main() -> None:
    """Draw and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--judge", type=Path, default=ROOT / "judge.pt")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    painter = load_painter("mini", "auto")
    hand = Hand(
        painter=painter,
        judge=load(options.judge, painter.device),
        encoder=ClipEncoder.load("mini", painter.device),
        settings=DrawSettings(steps=options.steps, cfg=4.0, size=256, noise="portable"),
    )
    stories = [tale(number, "one") for number in range(options.stories)]
    rows = []
    for way in options.ways:
        found = [measure(story, hero_of(story), way, hand, options.out) for story in stories]
        rows.append({"matched": way, "stories": len(stories)} | averaged(found))
        print(table(rows[-1:]), flush=True)
    (options.out / "result.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False))
    (options.out / "table.md").write_text(table(rows))


if __name__ == "__main__":
    main()
