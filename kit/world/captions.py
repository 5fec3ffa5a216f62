"""What people would write about a scene, in Chinese or English: role-tagged clauses in any order."""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from kit.messages import Language
from kit.world import words
from kit.world.scene import ALWAYS_NIGHT, PEOPLE, Character, Colour, Place, Scene

Role = Literal["style", "subject", "action", "place", "detail"]
SENTENCE_SHARE = 0.3
"""Captions that say who does what where in one sentence."""


class CaptionClause(NamedTuple):
    """One clause of a caption and what it speaks of."""

    role: Role
    text: str


def describe(scene: Scene, language: Language, rng: random.Random) -> tuple[CaptionClause, ...]:
    """Return everything that can be said about a scene, synonyms chosen by lot.

    A figure's action follows its subject; degradation and quality words come last, as details.
    """
    clauses = [CaptionClause("style", rng.choice(words.STYLES[language][scene.style]))]
    for character in scene.characters:
        clauses.append(CaptionClause("subject", subject_text(character, language, rng)))
        clauses.append(CaptionClause("action", action_text(character, scene, language, rng)))
    clauses.append(CaptionClause("place", rng.choice(words.PLACES[language][scene.place])))
    if scene.place not in ALWAYS_NIGHT:
        clauses.append(CaptionClause("detail", rng.choice(words.TIMES[language][scene.time])))
    clauses.append(CaptionClause("detail", rng.choice(words.FRAMINGS[language][scene.framing])))
    for damage in scene.degradations:
        clauses.append(CaptionClause("detail", rng.choice(words.DEGRADATIONS[language][damage])))
    return tuple(clauses)


def caption(scene: Scene, language: Language, rng: random.Random) -> str:
    """Return one caption: mostly all that matters, sometimes a part of it, clauses in any order."""
    if rng.random() < SENTENCE_SHARE:
        groups = _sentence_groups(scene, language, rng)
    else:
        groups = _figure_groups(scene, language, rng) + _setting_groups(scene, language, rng)
    rng.shuffle(groups)
    if rng.random() < (0.5 if scene.style == "flat" else 0.95):
        groups.insert(rng.choice((0, 0, len(groups))), [rng.choice(words.STYLES[language][scene.style])])
    clauses = [text for group in groups for text in group]
    clauses = _with_quality(clauses, scene, language, rng)
    return join(clauses, language, rng)


def _figure_groups(scene: Scene, language: Language, rng: random.Random) -> list[list[str]]:
    """Return what is said of each figure, clauses that stay together; two figures are sometimes linked."""
    groups = [_figure_group(character, scene, language, rng) for character in scene.characters]
    rng.shuffle(groups)
    if len(groups) == 1 or rng.random() >= 0.45:
        return groups
    link = rng.choice(("和", "与", "，还有") if language == "zh" else (" and ", " with ", ", and "))
    first, second = groups
    return [[first[0] + link + second[0], *second[1:]]] if len(first) == 1 else groups


def _figure_group(character: Character, scene: Scene, language: Language, rng: random.Random) -> list[str]:
    subject = subject_text(character, language, rng)
    if rng.random() > 0.93:
        return [subject]
    action = action_text(character, scene, language, rng)
    if rng.random() < 0.45:
        return [subject + action if language == "zh" else f"{subject} {action}"]
    backwards = len(scene.characters) == 1 and rng.random() < 0.25
    return [action, subject] if backwards else [subject, action]


def _sentence_groups(scene: Scene, language: Language, rng: random.Random) -> list[list[str]]:
    """Return who does what where as a sentence, perhaps with a clause for what each of two does; and when."""
    bare = [rng.choice(words.KINDS[language][character.kind]) for character in scene.characters]
    who = _together(scene, bare, language, rng)
    deeds = [_deed(character, None, language, rng) for character in scene.characters]
    shared = deeds[0] if len({character.pose for character in scene.characters}) == 1 else ""
    where = rng.choice(_located(scene.place, language))
    if language == "zh":
        group = [f"{who}{'，' if '，' in who else ''}{where}{shared}"]
    else:
        group = [" ".join(part for part in (who, shared, where) if part)]
    if not shared and rng.random() < 0.6:
        start, space = ("", "") if language == "zh" else ("the ", " ")
        group += [start + kind + space + deed for kind, deed in zip(bare, deeds, strict=True)]
    return [group, *_time_groups(scene, language, rng), *_framing_groups(scene, language, rng)]


def _together(scene: Scene, bare: Sequence[str], language: Language, rng: random.Random) -> str:
    """Return all figures of a scene joined, by their bare kinds or as `subject_text` tells of them."""
    named = bare if language == "zh" else [f"a {kind}" for kind in bare]
    if rng.random() < 0.5:
        named = [subject_text(character, language, rng) for character in scene.characters]
    return (rng.choice(("和", "与")) if language == "zh" else " and ").join(named)


def _located(place: Place, language: Language) -> list[str]:
    """Return the names of a place that go on a sentence: "in the park", 在公园."""
    names = words.PLACES[language][place]
    if language == "zh":
        return [name for name in names if name.startswith("在")] or [f"在{names[0]}"]
    return [name for name in names if name.startswith(("in ", "on ", "at ", "by ", "under "))]


def _setting_groups(scene: Scene, language: Language, rng: random.Random) -> list[list[str]]:
    """Return what is said of place, time and framing, a group each."""
    groups: list[list[str]] = []
    if rng.random() < 0.9:
        groups.append([rng.choice(words.PLACES[language][scene.place])])
    return groups + _time_groups(scene, language, rng) + _framing_groups(scene, language, rng)


def _time_groups(scene: Scene, language: Language, rng: random.Random) -> list[list[str]]:
    return [[rng.choice(words.TIMES[language][scene.time])]] if _tells_time(scene, rng) else []


def _framing_groups(scene: Scene, language: Language, rng: random.Random) -> list[list[str]]:
    if rng.random() < (0.15 if scene.framing == "full" else 0.8):
        return [[rng.choice(words.FRAMINGS[language][scene.framing])]]
    return []


def _tells_time(scene: Scene, rng: random.Random) -> bool:
    """Return whether a caption names the time of day: seldom by day, never where it is always night."""
    if scene.place in ALWAYS_NIGHT or (scene.time == "day" and rng.random() >= 0.35):
        return False
    return rng.random() < 0.85


def _with_quality(clauses: list[str], scene: Scene, language: Language, rng: random.Random) -> list[str]:
    if not scene.degradations:
        return [*clauses, rng.choice(words.GOOD[language])] if rng.random() < 0.2 else clauses
    bad = [rng.choice(words.DEGRADATIONS[language][d]) for d in scene.degradations]
    if rng.random() < 0.3:
        bad.append(rng.choice(words.BAD[language]))
    rng.shuffle(bad)
    alone = rng.random()
    return bad if alone < 0.3 else [*bad, *clauses] if alone < 0.5 else [*clauses, *bad]


def join(clauses: Sequence[str], language: Language, rng: random.Random) -> str:
    """Return the clauses with the marks people put between them."""
    marks = ("，", "，", "，", ",", "、", "。") if language == "zh" else (", ", ", ", ", ", ". ")
    return rng.choice(marks).join(clauses)


def subject_text(character: Character, language: Language, rng: random.Random) -> str:
    """Return who is seen: kind with hair and clothes, or with fur, sometimes only a part of it."""
    kind = rng.choice(words.KINDS[language][character.kind])
    if character.kind in PEOPLE:
        return _person_zh(character, kind, rng) if language == "zh" else _person_en(character, kind, rng)
    colour = rng.choice(words.COLOURS[language][character.colour])
    return _animal_zh(kind, colour, rng) if language == "zh" else _animal_en(kind, colour, rng)


def _animal_zh(kind: str, colour: str, rng: random.Random) -> str:
    short = colour if colour.endswith("色") else colour + "色"
    forms = (f"一只{short}的{kind}", f"{short}{kind}", f"一只可爱的{short}{kind}")
    return rng.choices((*forms, f"{short}的{kind}", f"一只{kind}"), (3, 3, 2, 2, 0.5))[0]


def _animal_en(kind: str, colour: str, rng: random.Random) -> str:
    forms = (f"{_article(colour)} {colour} {kind}", f"a cute {colour} {kind}", f"{colour} {kind}")
    return rng.choices((*forms, f"a {kind}"), (4, 2, 2, 0.5))[0]


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"


def _person_zh(character: Character, kind: str, rng: random.Random) -> str:
    hair = _hair_zh(character, rng)
    colour = _colour_zh(character.colour, rng)
    worn = f"{colour}{rng.choice(words.CLOTHES['zh'][character.kind])}"
    forms = (f"一个{hair}的{kind}", f"{hair}{kind}", f"一位{hair}{kind}", f"{hair}的{kind}")
    who = rng.choice((*forms, f"一个{kind}，{hair}"))
    if rng.random() < 0.06:
        who = f"一个{kind}"
    if character.pose == "bathe" or rng.random() < 0.1:
        return who
    wearing = rng.choice(("穿着", "穿", "身穿", "身着", ""))
    if rng.random() < 0.3:
        return rng.choice((f"{wearing or '穿'}{worn}的{hair}{kind}", f"一个穿{worn}的{hair}{kind}"))
    return f"{who}{rng.choice(('，', '', '，'))}{wearing or '穿着'}{worn}"


def _hair_zh(character: Character, rng: random.Random) -> str:
    length = words.HAIR_LENGTHS["zh"][character.hair_length or "short"]
    return _colour_zh(character.hair or "black", rng) + length


def _colour_zh(colour: Colour, rng: random.Random) -> str:
    word = rng.choice(words.COLOURS["zh"][colour])
    return word if word.endswith("色") or rng.random() < 0.3 else word + "色"


def _person_en(character: Character, kind: str, rng: random.Random) -> str:
    colour = rng.choice(words.COLOURS["en"][character.colour])
    shade = rng.choice(words.COLOURS["en"][character.hair or "black"])
    length = words.HAIR_LENGTHS["en"][character.hair_length or "short"]
    worn = rng.choice(words.CLOTHES["en"][character.kind])
    worn = f"{colour} {worn}"
    who = f"a {kind}{rng.choice((' with', ' with', ','))} {length} {shade} hair"
    if rng.random() < 0.06:
        who = f"a {kind}"
    if character.pose == "bathe" or rng.random() < 0.1:
        return who
    worn = worn if worn.endswith("clothes") else f"{_article(worn)} {worn}"
    return f"{who} {rng.choice(('in', 'wearing'))} {worn}"


def action_text(character: Character, scene: Scene, language: Language, rng: random.Random) -> str:
    """Return what a figure does, and sometimes how it feels."""
    text = _deed(character, scene.place, language, rng)
    said = 0.12 if character.expression == "smile" else 0.7
    if character.pose in ("sleep", "wish", "sing") or rng.random() > said:
        return text
    feeling = rng.choice(words.EXPRESSIONS[language][character.expression])
    mark = "，" if language == "zh" else ", "
    return f"{text}{mark}{feeling}" if rng.random() < 0.7 else f"{feeling}{mark}{text}"


def _deed(character: Character, place: Place | None, language: Language, rng: random.Random) -> str:
    if character.prop is not None:
        thing = rng.choice(words.PROPS[language][character.prop])
        zh, en = ("拿着", "手里拿着", "手拿", "举着"), ("holding ", "holds ", "carrying ")
        return rng.choice(zh if language == "zh" else en) + thing
    placed = words.PLACED_POSES[language].get((character.pose, place)) if place else None
    if placed and rng.random() < 0.5:
        return rng.choice(placed)
    return rng.choice(words.POSES[language][character.pose])
