"""Short texts about scenes of the drawn world, from which the embedded encoder learns single facts."""

import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

from kit.world import words
from kit.world.captions import subject_text
from kit.world.scene import Character, Scene

LANGUAGES: tuple[words.Language, ...] = ("zh", "en")
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
