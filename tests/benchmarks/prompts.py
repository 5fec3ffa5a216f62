"""Prompts whose combination of who, where and what no training has seen; all that can be seen is said."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kit.messages import Language
from kit.story.prompt import COMMAS
from kit.world import words
from kit.world.captions import action_text
from kit.world.scene import ALWAYS_NIGHT, PEOPLE, Character, Scene, is_held_out, sample_scene

NEGATIVE = "丑陋，变形，嘈杂，模糊，低对比度"
"""The negative prompt of the contest's baseline, its five words of damage."""
LANGUAGES: tuple[Language, ...] = ("zh", "en")
"""The prompts' languages, in turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A scene and all that is said about it, style apart."""

    scene: Scene
    language: Language
    clauses: tuple[str, ...]

    def text(self, style: str = "") -> str:
        """Return the prompt, `style` in front; without one, the language's word for the base's flat style."""
        return COMMAS[self.language].join((style or words.STYLES[self.language]["flat"][0], *self.clauses))


def held_out_prompts(count: int, seed: int = 0) -> list[Prompt]:
    """Return prompts of held-out scenes, Chinese and English in turn; a longer list starts with the shorter.

    All scenes show whole figures, flat and undamaged; kind, colours, hair, pose, place and time are said.
    """
    rng = random.Random(f"held-out prompts {seed}")
    prompts: list[Prompt] = []
    while len(prompts) < count:
        scene = replace(sample_scene(rng), framing="full")
        if is_held_out(scene):
            language = LANGUAGES[len(prompts) % len(LANGUAGES)]
            prompts.append(
                Prompt(scene=scene, language=language, clauses=tuple(clauses_of(scene, language, rng)))
            )
    return prompts


def clauses_of(scene: Scene, language: Language, rng: random.Random) -> list[str]:
    """Return the clauses of `captions.describe`, synonyms by lot, but no colour is ever left out."""
    clauses: list[str] = []
    for character in scene.characters:
        clauses += [who(character, language, rng), action_text(character, scene, language, rng)]
    clauses.append(rng.choice(words.PLACES[language][scene.place]))
    if scene.place not in ALWAYS_NIGHT:
        clauses.append(rng.choice(words.TIMES[language][scene.time]))
    return clauses


def who(character: Character, language: Language, rng: random.Random) -> str:
    """Return kind and fur, or kind, hair and (but in the bath) clothes, in a form that the captions use."""
    kind = rng.choice(words.KINDS[language][character.kind])
    colour = words.COLOURS[language][character.colour][0]
    if character.kind not in PEOPLE:
        return f"一只{colour}的{kind}" if language == "zh" else f"{_article(colour)} {colour} {kind}"
    hair = words.COLOURS[language][character.hair or "black"][0]
    length = words.HAIR_LENGTHS[language][character.hair_length or "short"]
    worn = rng.choice(words.CLOTHES[language][character.kind])
    if language == "zh":
        person = f"一个{hair}{length}的{kind}"
        return person if character.pose == "bathe" else f"{person}，穿着{colour}{worn}"
    person = f"a {kind} with {length} {hair} hair"
    article = "" if worn == "clothes" else f"{_article(colour)} "
    return person if character.pose == "bathe" else f"{person} wearing {article}{colour} {worn}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"


def texts_of(prompts: Sequence[Prompt], style: str = "") -> list[str]:
    """Return the texts of many prompts."""
    return [prompt.text(style) for prompt in prompts]
