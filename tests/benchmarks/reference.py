"""Measures whether a hero has the looks of a picture that it is to match, by the judge.

    python -m tests.benchmarks.reference --stories 3 --out runs/reference

Stories of the drawn world whose hero's looks no prompt tells, as in consistency.py beside this. The picture
is a render of the hero in looks drawn by lot, in a place that the story does not have. OUT gets result.json,
table.md and sheets: the picture, then the eight panels.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from eval.scorers.clip import ClipEncoder
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Slot
from kit.files.encodings import sha256_bytes
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.recipe import request_of
from kit.images.png_metadata import QUICK, encoded
from kit.story.story import PANELS, Story
from kit.world.render import render
from kit.world.scene import CLOTHES, HAIR, PLACES, Character, Scene
from tests.benchmarks.consistency import LOOKS, averaged, draw, figure, seen, table, told_of
from tests.benchmarks.judge import Judge, load
from tests.benchmarks.tales import Tale, tale

ROOT = Path(__file__).parent
WAYS = {
    "off": (0.0, False),
    "a panel": (0.6, False),
    "the picture": (0.6, True),
    "the picture, 0.8": (0.8, True),
}
"""How strongly, and whether the hero's picture is what is matched."""


def hero_of(story: Tale) -> tuple[Character, Image.Image]:
    """Return a hero in looks by lot, and its picture."""
    rng = random.Random(f"reference {story.number}")
    [[kind], *_] = story.kinds
    hero = Character(
        kind="girl" if kind == "girl" else "boy",
        colour=rng.choice(CLOTHES),
        hair=rng.choice(HAIR),
        hair_length=rng.choice(("short", "long")) if kind == "girl" else "short",
    )
    place = rng.choice([one for one in PLACES if one not in story.places])
    return hero, render(Scene(characters=(hero,), place=place, seed=story.number)).picture


def named(story: Story, png: bytes) -> Story:
    """Return a story whose hero has a picture."""
    characters = {
        name: one.model_copy(update={"reference": f"../references/{sha256_bytes(png)}.png"})
        for name, one in story.characters.items()
    }
    return story.model_copy(update={"characters": characters})


def as_in_the_picture(
    hero: Character, story: Tale, judge: Judge, pictures: Sequence[Image.Image]
) -> dict[str, float]:
    """Return in which share of the panels with the hero it has each of the picture's looks."""
    wanted = {"hair": hero.hair, "hair_length": hero.hair_length, "colour": hero.colour}
    looks = [
        figure(panel, kinds, kinds[0])
        for panel, kinds in zip(seen(judge, pictures), story.kinds, strict=True)
    ]
    found = [look for look in looks if look]
    return {
        f"{name} as in the picture": float(np.mean([look[place] == wanted[name] for look in found]))
        for place, name in enumerate(LOOKS)
    }


def main() -> None:
    """Draw and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--judge", type=Path, default=ROOT / "judge.pt")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    painter, encoder = load_painter("mini", "auto"), ClipEncoder.load("mini", "cpu")
    judge = load(options.judge, painter.device)
    settings = DrawSettings(steps=options.steps, cfg=4.0, size=256, noise="portable")
    rows: dict[str, list[dict[str, float]]] = {way: [] for way in options.ways}
    for number in range(options.stories):
        story = tale(number, "one")
        hero, portrait = hero_of(story)
        png = encoded(portrait, level=QUICK)
        for way in options.ways:
            strength, shown = WAYS[way]
            candidate = Candidate(name="base", consistency=strength)
            told = named(story.story, png) if shown else story.story
            slots = [Slot("base", "authored", "tale", number, panel + 1) for panel in range(PANELS)]
            requests = [
                request_of(told, slot, candidate).with_anchor_pictures({sha256_bytes(png): png})
                for slot in slots
            ]
            pictures = draw(painter, requests, settings)
            keep(
                options.out / f"{number}-{strength:g}-{'picture' if shown else 'panel'}.png",
                [portrait, *pictures],
            )
            embedded = encoder.pictures(pictures) * encoder.texts([one.prompt for one in requests])
            rows[way].append(
                as_in_the_picture(hero, story, judge, pictures)
                | told_of(story, seen(judge, pictures))
                | {"text": float(embedded.sum(axis=1).mean())}
            )
    told_rows = [{"matched": way, "stories": len(found)} | averaged(found) for way, found in rows.items()]
    (options.out / "result.json").write_text(json.dumps(told_rows, indent=1, ensure_ascii=False))
    (options.out / "table.md").write_text(table(told_rows))
    print(table(told_rows))


def keep(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Save the hero's picture and the panels of a story as one row."""
    row = Image.new("RGB", (len(pictures) * 128, 128), "white")
    for place, picture in enumerate(pictures):
        row.paste(picture.resize((128, 128), Image.Resampling.LANCZOS), (place * 128, 0))
    row.save(path)


if __name__ == "__main__":
    main()
