"""Sets of the drawn world in which one panel is wrong: rows and keys are right, the picture is not."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kit.experiment.config import LoadedExperiment, load_experiment
from kit.generation.painter import DrawResult, PanelRequest
from kit.story.prompt import COMMAS, clauses_of
from kit.story.structure.story_text import story_toml
from kit.world import words
from kit.world.scene import HAIR, PLACES
from tests.benchmarks.tales import Tale, TaleKind, tale

Fault = Literal["figure", "looks", "place", "missing", "letters", "sound"]
PLANTED: tuple[Fault, ...] = get_args(Fault)[:-1]
TRIGGERS = {"ink": "水墨画风格", "watercolour": "水彩画风格", "cyberpunk": "赛博朋克风格"}
CONSISTENCY = 0.6
"""Of stories whose heroes' looks no prompt tells; without it every panel would have a hero of its own."""
_KINDS: Mapping[Fault, Sequence[TaleKind]] = {
    "figure": ("told", "one"),
    "looks": ("told", "one"),
    "place": ("told", "one", "two"),
    "missing": ("two",),
    "letters": ("told", "one", "two"),
    "sound": ("told", "one", "two", "bystander"),
}
_DIFFERENT = (4, 2, 8)
"""Places that a story has."""
_OTHERS = ("kitten", "dog", "rabbit", "youth", "woman", "man")


class PlantedSet(NamedTuple):
    """What is drawn: a story, and what is wrong in it."""

    number: int
    fault: Fault
    kind: TaleKind
    different: int
    panel: int
    """0 to 7, the wrong one; of a sound set it counts for nothing."""
    style: str = ""
    """An embedded LoRA's name; empty for the base."""

    @property
    def tale(self) -> Tale:
        """The story and the truth about it."""
        return tale(self.number, self.kind, self.different)


def planted_set(number: int, fault: Fault, style: str = "") -> PlantedSet:
    """Return a set of a number, which is that of its story, in the style of an embedded LoRA."""
    rng = random.Random(f"planted {fault} {number}")
    kind = rng.choice(_KINDS[fault])
    least = 2 if fault == "missing" else 0  # the first two panels of a pair show one figure each
    return PlantedSet(number, fault, kind, rng.choice(_DIFFERENT), rng.randrange(least, 8), style)


def experiment(folder: Path, asked: PlantedSet, steps: int, size: int) -> LoadedExperiment:
    """Return the experiment of one set, written into a folder."""
    folder.mkdir(parents=True)
    (folder / "tale.toml").write_text(story_toml(asked.tale.story), encoding="utf-8")
    kept = 0.0 if asked.kind == "told" else CONSISTENCY
    lines = ['stories = ["tale.toml"]', f"seeds = [{asked.number}]", f"steps = {steps}", f"size = {size}"]
    lines += [f"consistency = {kept}", "[score]", "gate = 1", "[[candidate]]", 'name = "base"']
    if asked.style:
        lines += [f'lora = "mini:{asked.style}"', f'trigger = "{TRIGGERS[asked.style]}"']
    (folder / "experiment.toml").write_text("\n".join(lines), encoding="utf-8")
    return load_experiment(folder / "experiment.toml")


class PlantingPainter:
    """A painter that draws one panel of a set wrongly, its variations too; what it draws again is right.

    So no other noise mends a planted fault but by luck: only drawing again from the picture does.
    """

    def __init__(self, painter: Any, asked: PlantedSet) -> None:
        """Wrap what draws."""
        self._painter, self._asked = painter, asked
        self._rng = random.Random(f"planting {asked.fault} {asked.number}")
        self._words = altered(asked, self._rng)
        self.glyphs: tuple[np.ndarray, np.ndarray] | None = None
        """Where letters were painted: their inside, their rim."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._painter, name)

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode the wrong words, too."""
        self._painter.encode_prompts([*prompts, *filter(None, [self._words])])

    def draw(self, requests: Sequence[PanelRequest], settings: Any, plan: Any = None) -> list[DrawResult]:
        """Draw, the wrong panel wrongly."""
        wrong = [one.label.endswith(f"/{self._asked.panel + 1}.png") for one in requests]
        asked = [self._planted(one) if hit else one for one, hit in zip(requests, wrong, strict=True)]
        drawn = self._painter.draw(asked, settings, plan)
        if self._asked.fault != "letters":
            return list(drawn)
        return [self._lettered(one) if hit else one for one, hit in zip(drawn, wrong, strict=True)]

    def _planted(self, request: PanelRequest) -> PanelRequest:
        if not self._words:
            return request
        request = replace(request, prompt=self._words)
        if self._asked.fault == "place":
            return request
        return replace(request, anchors=(), consistency=0.0, bystanders=())

    def _lettered(self, picture: Image.Image) -> Image.Image:
        rng = random.Random(f"letters {self._asked.number}")
        side = picture.width
        word = "".join(rng.choices("ABCDEFGHKLMNPRSTUXYZ", k=rng.randint(6, 10)))
        font = ImageFont.load_default(size=round(side * rng.uniform(0.08, 0.12)))
        where = (side * 0.05, side * rng.uniform(0.1, 0.8))
        rim = max(1, round(side / 128))
        copy = picture.convert("RGB")
        ImageDraw.Draw(copy).text(where, word, fill="white", font=font, stroke_width=rim, stroke_fill="black")
        inside, all_of_it = (Image.new("L", picture.size) for _ in range(2))
        ImageDraw.Draw(inside).text(where, word, fill=255, font=font)
        ImageDraw.Draw(all_of_it).text(where, word, fill=255, font=font, stroke_width=rim)
        filled = np.asarray(inside) > 128
        self.glyphs = filled, (np.asarray(all_of_it) > 128) & ~filled
        return copy

    def letters_left(self, picture: Image.Image) -> bool:
        """Return whether what was painted is still seen: its inside lighter than its rim."""
        if self.glyphs is None:
            return False
        grey = np.asarray(picture.convert("L"), dtype=np.float64)
        inside, rim = (grey[where] for where in self.glyphs)
        return bool(inside.mean() - rim.mean() > 60)


def altered(asked: PlantedSet, rng: random.Random) -> str:
    """Return the words that the wrong panel is drawn from; empty where they are its own."""
    story, panel = asked.tale, asked.panel
    if asked.fault in ("letters", "sound"):
        return ""
    texts = [one.text for one in clauses_of(story.story, panel)]
    match asked.fault:
        case "figure":
            other = rng.choice(_OTHERS)
            measure = "一个" if other in ("youth", "woman", "man") else "一只"
            texts[0] = measure + words.KINDS["zh"][other][0]
        case "looks":
            texts[0] = _with_other_looks(story.kinds[panel][0], texts[0], rng)
        case "place":
            other_place = rng.choice([place for place in PLACES if place not in story.places])
            texts[-1] = words.PLACES["zh"][other_place][0]
        case "missing":
            gone = rng.randrange(2)
            texts = [text for at, text in enumerate(texts) if not 2 * gone <= at < 2 * gone + 2]
    trigger = [TRIGGERS[asked.style]] if asked.style else []
    return COMMAS["zh"].join([*trigger, *texts])


def _with_other_looks(kind: str, told: str, rng: random.Random) -> str:
    hair = [words.COLOURS["zh"][colour][0].removesuffix("色") + "色" for colour in HAIR]
    other = rng.choice([one for one in hair if one not in told])
    clothes = rng.choice([one for one in ("红色", "蓝色", "绿色", "黄色") if one not in told])
    return f"一个{words.KINDS['zh'][kind][0]}，{other}{rng.choice('长短')}发，穿着{clothes}衣服"  # type: ignore[index]
