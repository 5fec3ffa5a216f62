"""Measures how alike a hero stays from panel to panel, drawn with and without anchors, by the judge.

    python -m tests.benchmarks.consistency --stories 100 --seeds 4 --workers 12 --out runs/consistency
    python -m tests.benchmarks.consistency --stories 40 --seeds 2 --places 4 --noises seed panel --out OUT

Stories of the drawn world whose heroes' looks no prompt tells: the base chooses hair and clothes. The judge's
classifiers, which never saw a picture of the base, give the share of pairs of panels with the same hair
colour, hair length and clothes; what else a strength changes stands beside. OUT gets result.json, table.md
and sheets.
"""

import argparse
import json
import multiprocessing
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, combinations, product
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from PIL import Image

from eval.metrics.concept_subspaces import ConceptSubspaces, concept_subspaces, projected
from eval.metrics.formulas import PanelSet, identity
from eval.metrics.formulas import place as place_metric
from eval.metrics.story_facts import told_of as facts_of
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Slot
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import Painter, PanelRequest
from kit.generation.recipe import request_of
from kit.images.copies import copied_pairs, look_at
from kit.lora.lora import embedded_loras, find_lora
from kit.story.story import PANELS
from kit.world.render import render
from kit.world.scene import CLOTHES, HAIR, Character, HairLength, Kind, Scene
from tests.benchmarks.judge import Judge, load, verdicts
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.tales import Tale, TaleKind, tale

ROOT = Path(__file__).parent
LOOKS = ("hair", "hair_length", "colour")
"""What the judge reads of a figure's looks; the last is its clothes."""
TRIGGERS = {"ink": "水墨画风格", "watercolour": "水彩画风格", "cyberpunk": "赛博朋克风格"}
BEFORE_THE_CLOTHES = "read"
"""The pose whose book hides them: of told clothes the judge finds half in drawn pictures."""
SEED_STEP = 1000
SHEETS = 4
"""Stories that are shown, by their first seed."""


Noise = Literal["seed", "panel"]
"""Whether the panels of a seed all begin from its noise, or each from its own."""


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


class DrawTask(NamedTuple):
    """A story to draw, and how."""

    kind: TaleKind
    style: str
    """An embedded LoRA's name; empty for the base."""
    consistency: float
    noise: Noise
    number: int
    places: int
    seeds: tuple[int, ...]
    """All are drawn in one batch."""

    @property
    def group(self) -> tuple[str, str, float, Noise]:
        """What a row of the table is about."""
        return self.kind, self.style or "base", self.consistency, self.noise


class Bench:
    """What draws and what judges, of one process."""

    def __init__(self, steps: int, order: str, out: Path, judge: Path) -> None:
        """Load everything."""
        torch.set_num_threads(1)
        self.painter = load_painter("mini", "auto")
        self.judge = load(judge, self.painter.device)
        self.encoder = ClipEncoder.load("mini", self.painter.device)
        self.aesthetic = AestheticScorer.load("mini", self.painter.device)
        self.facets = concept_subspaces(self.encoder, "zh")
        self.settings = DrawSettings(steps=steps, cfg=4.0, size=256, noise="portable")
        self.out, self.order = out, order

    def measure(self, task: DrawTask) -> list[dict[str, float]]:
        """Return what is seen in one story, each number in [0, 1], by seed."""
        story = tale(task.number, task.kind, task.places)
        candidate = Candidate(
            name=task.style or "base", consistency=task.consistency, trigger=TRIGGERS.get(task.style, "")
        )
        slots = [
            Slot(candidate.name, self.order, "tale", seed, panel + 1)
            for seed in task.seeds
            for panel in range(PANELS)
        ]
        own = task.noise == "panel"
        requests = [request_of(story.story, slot, candidate, noise_per_panel=own) for slot in slots]
        self.painter.set_lora(find_lora(f"mini:{task.style}") if task.style else None, 1.0)
        pictures = draw(self.painter, requests, self.settings)
        sets = [pictures[first : first + PANELS] for first in range(0, len(pictures), PANELS)]
        if task.number < SHEETS:
            name = f"{task.kind}-{task.style or 'base'}-{task.number}-{task.consistency:g}-{task.noise}"
            keep(self.out / f"{name}.png", sets[0])
        prompts = [request.prompt for request in requests[:PANELS]]
        return [self._seen_of(story, prompts, task.style or "flat", eight) for eight in sets]

    def _seen_of(
        self, story: Tale, prompts: Sequence[str], style: str, pictures: Sequence[Image.Image]
    ) -> dict[str, float]:
        panels = seen(self.judge, pictures)
        styled = float(np.mean([panel.style == style for panel in panels]))
        metrics = scored(self.encoder, self.facets, prompts, pictures)
        aesthetics = self.aesthetic.score(pictures)
        rows = self.encoder.pictures(pictures)
        told = facts_of(story.story, self.encoder)
        shown = PanelSet(embeddings=rows, aesthetics=aesthetics, told=told)
        by_metric = {"identity metric": identity(shown).value, "place metric": place_metric(shown).value}
        known = {name: value for name, value in by_metric.items() if value is not None}
        metrics |= known | {"aesthetic": float(np.mean(aesthetics)), "styled": styled}
        return told_of(story, panels) | metrics


def draw(painter: Painter, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[Image.Image]:
    """Return the panels of a story as a run would draw them."""
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


def figure(panel: Panel, kinds: Sequence[str], name: str) -> tuple[str, ...] | None:
    """Return the looks of the girl or the boy in a panel; None where the judge finds neither there."""
    sides = ("left", "right")[: len(kinds)]
    found = [side for side, kind in zip(sides, panel.kinds, strict=False) if kind == name]
    return tuple(panel.looks[found[0]][look] for look in LOOKS) if name in kinds and found else None


def told_of(story: Tale, panels: Sequence[Panel]) -> dict[str, float]:
    """Return what the judge says of a story's panels."""
    found: dict[str, list[float]] = {}
    for name in story.story.characters:
        found_of_hero(story, panels, name, found)
    for panel, kinds, place, pose in zip(panels, story.kinds, story.places, story.poses, strict=True):
        found.setdefault("place", []).append(float(panel.place == place))
        found.setdefault("pose", []).append(float(panel.pose == pose))
        found.setdefault("kind", []).append(float(sorted(panel.kinds[: len(kinds)]) == sorted(kinds)))
        found.setdefault("figures", []).append(float(panel.count == str(len(kinds))))
        found.setdefault("faults", []).append(float(panel.fault > 0.5))
        heroes = [figure(panel, kinds, name) for name in kinds if name in story.story.characters]
        others = [figure(panel, kinds, name) for name in kinds if name not in story.story.characters]
        for hero, other in product(heroes, others):
            if hero and other:
                found.setdefault("bystander's hair", []).append(float(hero[0] == other[0]))
                found.setdefault("bystander's clothes", []).append(float(hero[2] == other[2]))
    return {name: float(np.mean(values)) for name, values in found.items()}


def found_of_hero(story: Tale, panels: Sequence[Panel], name: str, found: dict[str, list[float]]) -> None:
    """Add how alike a hero is in the panels; what is in sight counts panels without a book alone."""
    looks = [figure(panel, kinds, name) for panel, kinds in zip(panels, story.kinds, strict=True)]
    all_looks = [look for look in looks if look]
    in_sight = [
        look for look, pose in zip(looks, story.poses, strict=True) if look and pose != BEFORE_THE_CLOTHES
    ]
    if len(all_looks) > 1:
        for place, look in enumerate(LOOKS):
            found.setdefault(look, []).append(same([one[place] for one in all_looks]))
        found.setdefault("all three", []).append(same(all_looks))
        if name == "girl":
            found.setdefault("girl's hair_length", []).append(same([one[1] for one in all_looks]))
    if len(in_sight) > 1:
        clothes = same([one[2] for one in in_sight])
        found.setdefault("clothes in sight", []).append(clothes)
        found.setdefault("all three in sight", []).append(same(in_sight))
        first = next(i for i, kinds in enumerate(story.kinds) if list(kinds) == [name])
        if story.poses[first] != BEFORE_THE_CLOTHES:
            found.setdefault("clothes in sight, and in the anchor", []).append(clothes)


def scored(
    encoder: ClipEncoder, facets: ConceptSubspaces, prompts: Sequence[str], pictures: Sequence[Image.Image]
) -> dict[str, float]:
    """Return the metrics that must not suffer."""
    rows = encoder.pictures(pictures)
    pairs = np.triu_indices(PANELS, 1)
    posed = projected(rows, facets.staging)
    posed /= np.linalg.norm(posed, axis=1, keepdims=True)
    return {
        "text": float((rows * encoder.texts(list(prompts))).sum(axis=1).mean()),
        "staging": float(1 - (posed @ posed.T)[pairs].mean()),
        "copies": float(copied_pairs([look_at(one) for one in pictures], range(PANELS))[pairs].mean()),
    }


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
            Scene(characters=(one,), place=place, seed=number)
            for one, place in zip(figures, story.places, strict=True)
        ]
        rows.append(told_of(story, seen(judge, [render(scene).picture for scene in scenes])))
    return averaged(rows)


def averaged(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each number over the stories that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def keep(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Save the panels of a story as one row."""
    row = Image.new("RGB", (PANELS * 128, 128))
    for place, picture in enumerate(pictures):
        row.paste(picture.resize((128, 128), Image.Resampling.LANCZOS), (place * 128, 0))
    row.save(path)


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


def plan(options: argparse.Namespace) -> list[list[DrawTask]]:
    """Return the stories of each row of the table, row by row."""
    firsts = range(0, options.seeds * SEED_STEP, SEED_STEP)
    return [
        [
            DrawTask(
                kind,
                style,
                consistency,
                noise,
                number,
                options.places,
                tuple(first + number for first in firsts),
            )
            for number in range(options.stories)
        ]
        for kind in options.kinds
        for style in (options.styles if kind == "one" else [""])
        for consistency in options.consistencies
        for noise in options.noises
    ]


_bench: Bench


def _start(steps: int, order: str, out: Path, judge: Path) -> None:
    global _bench
    _bench = Bench(steps, order, out, judge)


def _measure(task: DrawTask) -> list[dict[str, float]]:
    return _bench.measure(task)


def measured(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield a row for each kind of story, style and strength, as each is done."""
    start = (options.steps, options.order, options.out, options.judge)
    spawn = multiprocessing.get_context("spawn")
    before: list[dict[str, float]] = []
    with ProcessPoolExecutor(options.workers, spawn, _start, start) as pool:
        for row in plan(options):
            kind, style, consistency, noise = row[0].group
            by_story = list(pool.map(_measure, row))
            sets = list(chain.from_iterable(by_story))
            about = {"stories": kind, "style": style, "consistency": consistency, "noise": noise}
            yield about | {"sets": len(sets)} | averaged(sets)
            stories = [averaged(seeds) for seeds in by_story]
            if noise == "panel" and len(options.noises) > 1:
                yield about | {"noise": "panel less seed"} | gained(before, stories)
            before = stories


def gained(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]) -> dict[str, str]:
    """Return the mean difference of each number over the stories that have it, and 1.96 standard errors."""
    told = {}
    for name in before[0]:
        pairs = zip(before, after, strict=True)
        differences = [new[name] - old[name] for old, new in pairs if name in old and name in new]
        if len(differences) > 1:
            error = 1.96 * float(np.std(differences, ddof=1)) / len(differences) ** 0.5
            told[name] = f"{np.mean(differences):+.3f} ± {error:.3f}"
    return told


def main() -> None:
    """Draw, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--order", default="authored", help="Of clauses: scene-first puts the hero last.")
    parser.add_argument("--consistencies", type=float, nargs="+", default=[0.0, 0.6])
    parser.add_argument("--kinds", nargs="+", default=list(get_args(TaleKind)), choices=get_args(TaleKind))
    parser.add_argument("--styles", nargs="+", default=["", *embedded_loras()])
    parser.add_argument(
        "--noises", nargs="+", default=["seed"], choices=get_args(Noise), help="In this order."
    )
    parser.add_argument("--places", type=int, default=PANELS, choices=(8, 4, 2), help="In a story.")
    parser.add_argument("--judge", type=Path, default=ROOT / "judge.pt")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    painter = load_painter("mini", "auto")
    machine = (
        f"{painter.hardware}, {cpu()}; {versions()}; commit {commit()}; {today()}; {options.steps} steps"
    )
    true = rendered(load(options.judge, painter.device), options.stories)
    rows: list[dict[str, object]] = [{"stories": "rendered", "style": "flat", "sets": options.stories} | true]
    for row in measured(options):
        rows.append(row)
        print(json.dumps(row, ensure_ascii=False), flush=True)
        (options.out / "result.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
        (options.out / "table.md").write_text(f"{machine}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
