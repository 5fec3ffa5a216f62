"""Zero-shot questions and short texts that the embedded encoder learns from."""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kit.messages import Language
from kit.world import words
from kit.world.captions import subject_text
from kit.world.scene import ALWAYS_NIGHT, ANIMALS, CLOTHES, FUR, HAIR, PEOPLE, Character, Kind, Scene
from kit.world.words import Words

WEIGHTS: Mapping[str, float] = {
    "kind": 3.0,
    "figure": 1.0,
    "pose": 1.0,
    "hair": 0.5,
    "place": 0.5,
    "style": 0.5,
    "expression": 0.25,
    "time": 0.25,
    "framing": 0.25,
}
"""How much each question counts."""
VARIANTS = 32
"""Texts a name and language: the first name itself, then synonyms, half of them in a template."""
_TEMPLATES: Mapping[Language, Sequence[str]] = {
    "zh": ("{}的图片", "画面里有{}", "一张画，{}", "{}，高清", "图中是{}"),
    "en": ("a picture of {}", "{}, high quality", "a drawing, {}", "a picture with {}", "a scene: {}"),
}


class ZeroShotQuestion(NamedTuple):
    """One question about every picture of a corpus."""

    weight: float
    truths: Tensor
    """(pictures, names) 1 where the name holds; a row of zeros asks nothing."""
    texts: Mapping[Language, Sequence[Sequence[str]]]
    """VARIANTS texts a name."""


def answer(scene: Scene) -> dict[str, set[str]]:
    """Return the names that hold for a scene, by question; what cannot be seen has none."""
    figures = scene.characters
    dressed = (who for who in figures if who.kind in ANIMALS or who.pose != "bathe")
    return {
        "kind": {who.kind for who in figures},
        "figure": {f"{who.kind} {who.colour}" for who in dressed},
        "pose": {who.pose for who in figures},
        "hair": {who.hair for who in figures if who.hair},
        "place": {scene.place},
        "style": {scene.style},
        "expression": {who.expression for who in figures},
        "time": set() if scene.place in ALWAYS_NIGHT else {scene.time},
        "framing": {scene.framing},
    }


def name_all(language: Language) -> dict[str, dict[str, Words]]:
    """Return for each question its names, and for each name what people write."""
    tables: dict[str, Mapping[str, Words]] = {
        "kind": {kind: _kind(kind, language) for kind in (*PEOPLE, *ANIMALS)},
        "figure": _figures(language),
        "pose": words.POSES[language],  # type: ignore[dict-item]
        "hair": {colour: _hair(words.COLOURS[language][colour], language) for colour in HAIR},
        "place": words.PLACES[language],  # type: ignore[dict-item]
        "style": words.STYLES[language],  # type: ignore[dict-item]
        "expression": words.EXPRESSIONS[language],  # type: ignore[dict-item]
        "time": words.TIMES[language],  # type: ignore[dict-item]
        "framing": words.FRAMINGS[language],  # type: ignore[dict-item]
    }
    return {question: dict(names) for question, names in tables.items()}


def _kind(kind: Kind, language: Language) -> Words:
    names = words.KINDS[language][kind]
    counter = "a " if language == "en" else "一只" if kind in ANIMALS else "一个"
    return (*names, *(counter + name for name in names))


def _figures(language: Language) -> dict[str, Words]:
    """Return "white dog", "girl in a red dress" and so on for every kind and colour there is."""
    named = {}
    for kind in (*PEOPLE, *ANIMALS):
        who = words.KINDS[language][kind]
        for colour in FUR.get(kind, CLOTHES):
            shades = words.COLOURS[language][colour]
            worn = words.CLOTHES[language].get(kind, ())
            named[f"{kind} {colour}"] = tuple(
                _figure(name, shade, worn[k % len(worn)] if worn else "", language)
                for k, name in enumerate(who)
                for shade in shades
            )
    return named


def _figure(name: str, shade: str, worn: str, language: Language) -> str:
    if language == "en":
        return f"a {name} in {shade} {worn}" if worn else f"a {shade} {name}"
    full = shade if shade.endswith("色") else shade + "色"
    return f"穿{full}{worn}的{name}" if worn else f"{full}的{name}"


def _hair(shades: Words, language: Language) -> Words:
    if language == "en":
        return tuple(f"{shade} hair" for shade in shades)
    return tuple(f"{shade}{end}" for shade in shades for end in ("头发", "的头发"))


def ask(scenes: Sequence[Scene], rng: random.Random) -> list[ZeroShotQuestion]:
    """Return every question about the scenes, in the order of WEIGHTS."""
    named = {language: name_all(language) for language in LANGUAGES}
    answers = [answer(scene) for scene in scenes]
    questions = []
    for question, weight in WEIGHTS.items():
        names = {name: k for k, name in enumerate(named["zh"][question])}
        truths = torch.zeros(len(scenes), len(names), dtype=torch.uint8)
        for row, held in zip(truths, answers, strict=True):
            row[[names[name] for name in held[question]]] = 1
        texts = {
            language: [_vary(named[language][question][name], language, rng) for name in names]
            for language in LANGUAGES
        }
        questions.append(ZeroShotQuestion(weight, truths, texts))
    return questions


def _vary(names: Words, language: Language, rng: random.Random) -> list[str]:
    texts = [names[0], *rng.choices(names, k=VARIANTS - 1)]
    half = VARIANTS // 2
    return texts[:half] + [rng.choice(_TEMPLATES[language]).format(text) for text in texts[half:]]


def name_loss(pictures: Tensor, names: Tensor, truths: Tensor, scale: Tensor) -> Tensor:
    """Return how badly unit rows of pictures choose among unit rows of names; several may hold alike."""
    logits = scale.exp().clamp(max=100) * pictures.float() @ names.float().T
    held = truths.sum(1, keepdim=True)
    wrong = F.cross_entropy(logits, truths / held.clamp(min=1), reduction="sum")
    return wrong / (held > 0).sum().clamp(min=1)


LANGUAGES: tuple[Language, ...] = ("zh", "en")
_BREAK = re.compile(r"[，、,;；。.]\s*")
_HAN = re.compile(r"[\u4e00-\u9fff]")


def rebuild(facts: Mapping[str, Any]) -> Scene:
    """Return the scene that `dataclasses.asdict` took apart."""
    characters = tuple(Character(**figure) for figure in facts["characters"])
    return Scene(**{**facts, "characters": characters, "degradations": tuple(facts["degradations"])})


def names_of(names: Mapping[Any, words.Words]) -> dict[str, str]:
    """Return the first of each thing's names."""
    return {str(thing): synonyms[0] for thing, synonyms in names.items()}


def name_scene(scene: Scene, rng: random.Random) -> list[str]:
    """Return ten short texts true of the scene: kind, place, style, figure and two facts; zh and en."""
    texts: list[str] = []
    for language in LANGUAGES:
        figure = rng.choice(scene.characters)
        kind = rng.choice(words.KINDS[language][figure.kind])
        place = rng.choice(words.PLACES[language][scene.place])
        style = rng.choice(words.STYLES[language][scene.style])
        pair = rng.sample((kind, rng.choice((place, style))), 2)
        texts += [kind, place, style, subject_text(figure, language, rng), _join(pair)]
    return texts


def shorten(caption: str, rng: random.Random) -> str:
    """Return one or two of the caption's clauses, in their order."""
    clauses = [clause for clause in _BREAK.split(caption) if clause]
    kept = sorted(rng.sample(range(len(clauses)), min(len(clauses), rng.choice((1, 2)))))
    return _join(clauses[k] for k in kept)


def _join(clauses: Iterable[str]) -> str:
    text = ", ".join(clauses)
    return text.replace(", ", "，") if _HAN.search(text) else text
