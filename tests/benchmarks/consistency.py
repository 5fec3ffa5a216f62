"""Measures how alike a hero stays from panel to panel, drawn with and without anchors, by the judge.

    python -m tests.benchmarks.consistency --stories 100 --steps 12 --out runs/consistency

Stories of the drawn world whose heroes' looks no prompt tells: the base chooses hair and clothes. The judge's
classifiers, which never saw a picture of the base, give the share of pairs of panels with the same hair
colour, hair length and clothes; what else a strength changes stands beside. OUT gets result.json, table.md
and sheets.
"""

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from eval.metrics.concept_subspaces import ConceptSubspaces, concept_subspaces, projected
from eval.scorers.clip import ClipEncoder
from kit.experiment.config import Candidate, DrawSettings
from kit.experiment.run import Slot
from kit.generation.multi_gpu import load_painter
from kit.generation.painter import Painter
from kit.generation.recipe import request_of
from kit.lora.lora import embedded_loras, find_lora
from kit.story.story import PANELS, Story
from kit.world import words
from kit.world.render import render
from kit.world.scene import CLOTHES, HAIR, PLACES, Character, HairLength, Kind, Place, Pose, Scene
from tests.benchmarks.judge import Judge, load, verdicts
from tests.benchmarks.machine import commit, cpu, today, versions

ROOT = Path(__file__).parent
POSES: tuple[Pose, ...] = ("stand", "sit", "run", "wave", "read", "crouch")
TOLD_HAIR = ("黑色长发", "红色短发", "棕色长发", "金色短发")
TOLD_CLOTHES = ("穿着红色衣服", "穿着蓝色衣服", "穿着绿色衣服", "穿着黄色衣服")
LOOKS = ("hair", "hair_length", "colour")
"""What the judge reads of a figure's looks; the last is its clothes."""
NEGATIVE = "模糊"
SHEETS = 4
"""Stories that are shown."""


class Tale(NamedTuple):
    """A story and the truth about its panels."""

    story: Story
    seed: int
    places: Sequence[Place]
    kinds: Sequence[Sequence[str]]
    """Of the figures of each panel, from the left."""
    poses: Sequence[Pose]


class Panel(NamedTuple):
    """What was seen in a panel."""

    looks: Mapping[str, Mapping[str, str]]
    """By side, then by LOOKS."""
    place: str
    kinds: Sequence[str]
    count: str
    pose: str
    style: str
    fault: float


def tale(number: int, kind: str) -> Tale:
    """Return a story of one hero, of one whose looks are told, or of two together ("one", "told", "two")."""
    rng = random.Random(f"{kind} {number}")
    cast = rng.sample(("girl", "boy"), 2) if kind == "two" else [("girl", "boy")[number % 2]]
    characters = {name: {"text": f"一个{words.KINDS['zh'][name][0]}"} for name in cast}
    if kind == "told":
        looks = f"，{rng.choice(TOLD_HAIR)}，{rng.choice(TOLD_CLOTHES)}"
        characters = {name: {"text": described["text"] + looks} for name, described in characters.items()}
    shown = [[cast[0]], [cast[-1]], *([cast] * (PANELS - 2))]
    places, poses = rng.sample(PLACES, PANELS), rng.choices(POSES, k=PANELS)
    panels = []
    for panel in range(PANELS):
        clauses: list[dict[str, str]] = []
        for name in shown[panel]:
            clauses += [
                {"role": "subject", "character": name},
                {"role": "action", "text": words.POSES["zh"][poses[panel]][0]},
            ]
        clauses.append({"role": "place", "text": words.PLACES["zh"][places[panel]][0]})
        panels.append({"clauses": clauses})
    told = {"title": f"{kind} {number}", "negative": NEGATIVE, "characters": characters, "panel": panels}
    return Tale(Story.model_validate(told), number, places, shown, poses)


def draw(
    painter: Painter, story: Tale, candidate: Candidate, settings: DrawSettings, order: str = "authored"
) -> list[Image.Image]:
    """Return the panels of a story as a run would draw them."""
    slots = [Slot(candidate.name, order, "tale", story.seed, panel) for panel in range(1, PANELS + 1)]
    requests = [request_of(story.story, slot, candidate) for slot in slots]
    painter.encode_prompts([text for request in requests for text in request.texts])
    pictures = painter.draw(requests, settings)
    assert all(isinstance(picture, Image.Image) for picture in pictures), pictures
    return [picture for picture in pictures if isinstance(picture, Image.Image)]


def seen(judge: Judge, pictures: Sequence[Image.Image]) -> list[Panel]:
    """Return what the judge says of each panel."""
    rows = torch.from_numpy(np.stack([np.asarray(picture.convert("RGB")) for picture in pictures]))
    heads, faults, _ = verdicts(judge, rows)
    return [
        Panel(
            looks={side: {look: heads[f"{side} {look}"][i] for look in LOOKS} for side in ("left", "right")},
            place=heads["place"][i],
            kinds=[heads["left kind"][i], heads["right kind"][i]],
            count=heads["count"][i],
            pose=heads["left pose"][i],
            style=heads["style"][i],
            fault=float(faults[i].max()),
        )
        for i in range(len(pictures))
    ]


def same(values: Sequence[object]) -> float:
    """Return the share of pairs that are equal."""
    return float(np.mean([one == other for one, other in combinations(values, 2)]))


def told_of(story: Tale, panels: Sequence[Panel]) -> dict[str, float]:
    """Return what the judge says of a story's panels, each number in [0, 1]."""
    found: dict[str, list[float]] = {}
    for name in story.story.characters:
        looks = [
            tuple(panel.looks[side][look] for look in LOOKS)
            for panel, kinds in zip(panels, story.kinds, strict=True)
            for side in ("left", "right")[: len(kinds)]
            if name in kinds and panel.kinds[("left", "right").index(side)] == name
        ]
        if len(looks) > 1:
            for place, look in enumerate(LOOKS):
                found.setdefault(look, []).append(same([one[place] for one in looks]))
            found.setdefault("all three", []).append(same(looks))
    right = zip(panels, story.kinds, story.places, story.poses, strict=True)
    for panel, kinds, place, pose in right:
        found.setdefault("place", []).append(float(panel.place == place))
        found.setdefault("pose", []).append(float(panel.pose == pose))
        found.setdefault("kind", []).append(float(sorted(panel.kinds[: len(kinds)]) == sorted(kinds)))
        found.setdefault("figures", []).append(float(panel.count == str(len(kinds))))
        found.setdefault("faults", []).append(float(panel.fault > 0.5))
    return {name: float(np.mean(values)) for name, values in found.items()}


def scored(
    encoder: ClipEncoder,
    facets: ConceptSubspaces,
    story: Tale,
    prompts: Sequence[str],
    pictures: Sequence[Image.Image],
) -> dict[str, float]:
    """Return the metrics that must not suffer."""
    rows = encoder.pictures(pictures)
    cosines = rows @ rows.T
    pairs = np.triu_indices(PANELS, 1)
    posed = projected(rows, facets.staging)
    posed /= np.linalg.norm(posed, axis=1, keepdims=True)
    return {
        "text": float((rows * encoder.texts(list(prompts))).sum(axis=1).mean()),
        "staging": float(1 - (posed @ posed.T)[pairs].mean()),
        "copies": float((cosines[pairs] > 0.95).mean()),
    }


def measured(painter: Painter, options: argparse.Namespace, judge: Judge) -> Iterator[dict[str, object]]:
    """Yield a row for each kind of story, style and strength."""
    encoder = ClipEncoder.load("mini")
    facets = concept_subspaces(encoder, "zh")
    settings = DrawSettings(steps=options.steps, cfg=4.0, size=256, noise="portable")
    triggers = {"ink": "水墨画风格", "watercolour": "水彩画风格", "cyberpunk": "赛博朋克风格"}
    yield {"stories": "rendered", "style": "flat", "count": options.stories} | rendered(
        judge, options.stories
    )
    plans = [("one", ["", *embedded_loras()]), ("told", [""]), ("two", [""])]
    for kind, styles in plans:
        if kind not in options.kinds:
            continue
        count = options.stories if kind == "one" else max(1, options.stories // 2)
        for style in styles:
            painter.set_lora(find_lora(f"mini:{style}") if style else None, 1.0)
            for strength in options.consistencies:
                candidate = Candidate(
                    name=style or "base", consistency=strength, trigger=triggers.get(style, "")
                )
                rows: list[dict[str, float]] = []
                for number in range(count):
                    story = tale(number, kind)
                    pictures = draw(painter, story, candidate, settings, options.order)
                    slots = [Slot("", options.order, "", 0, panel) for panel in range(1, PANELS + 1)]
                    prompts = [request_of(story.story, slot, candidate).prompt for slot in slots]
                    panels = seen(judge, pictures)
                    row = told_of(story, panels) | scored(encoder, facets, story, prompts, pictures)
                    row["styled"] = float(np.mean([panel.style == (style or "flat") for panel in panels]))
                    rows.append(row)
                    if number < SHEETS:
                        keep(options.out, f"{kind}-{style or 'base'}-{number}", strength, pictures)
                names = dict.fromkeys(name for row in rows for name in row)
                means = {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
                yield {
                    "stories": kind,
                    "style": style or "base",
                    "consistency": strength,
                    "count": count,
                } | means


def rendered(judge: Judge, count: int) -> dict[str, float]:
    """Return what the judge says of true pictures of one hero: more than that nothing drawn can reach."""
    rows = []
    for number in range(count):
        story, rng = tale(number, "one"), random.Random(f"rendered {number}")
        looks = {"colour": rng.choice(CLOTHES), "hair": rng.choice(HAIR)}
        kind: Kind = "girl" if number % 2 == 0 else "boy"
        length: HairLength = rng.choice(("short", "long")) if kind == "girl" else "short"
        figures = [Character(kind=kind, hair_length=length, pose=pose, **looks) for pose in story.poses]
        scenes = [
            Scene(characters=(figure,), place=place, seed=number)
            for figure, place in zip(figures, story.places, strict=True)
        ]
        rows.append(told_of(story, seen(judge, [render(scene).picture for scene in scenes])))
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in rows[0]}


def keep(folder: Path, name: str, strength: float, pictures: Sequence[Image.Image]) -> None:
    """Save the panels of a story as one row."""
    row = Image.new("RGB", (PANELS * 128, 128))
    for place, picture in enumerate(pictures):
        row.paste(picture.resize((128, 128), Image.Resampling.LANCZOS), (place * 128, 0))
    folder.mkdir(parents=True, exist_ok=True)
    row.save(folder / f"{name}-{strength:g}.png")


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = [
            f"{value:.3f}" if isinstance(value := row.get(name, ""), float) else str(value) for name in names
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--consistencies", type=float, nargs="+", default=[0.0, 0.5, 0.7, 0.85])
    parser.add_argument("--kinds", nargs="+", default=["one", "told", "two"])
    parser.add_argument("--order", default="authored", help="Of clauses: scene-first puts the hero last.")
    parser.add_argument("--judge", type=Path, default=ROOT / "judge.pt")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    painter = load_painter("mini", "auto")
    judge, rows = load(options.judge, painter.device), []
    machine = (
        f"{painter.hardware}, {cpu()}; {versions()}; commit {commit()}; {today()}; {options.steps} steps"
    )
    for row in measured(painter, options, judge):
        rows.append(row)
        print(json.dumps(row, ensure_ascii=False), flush=True)
        (options.out / "result.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
        (options.out / "table.md").write_text(f"{machine}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
