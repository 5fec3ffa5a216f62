"""Figures who are called by a name or a pronoun, or shown once: rules that take a story as it was read."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from kit.messages import tr
from kit.story.lexicon import FIRST_NAMES, NOT_NAMES, SORT_OF, figures_in, simplified
from kit.story.lint.appearances import Appearance, Reading
from kit.story.lint.figure_rules import fullest_of, shown_as, text_of
from kit.story.lint.finding import Finding, numbers
from kit.story.story import PANELS, language_of

_PRONOUN = re.compile(
    r"(?:^|[，,。;；]\s*)(?P<who>(?:她|他|它)们?(?!的)|我们?(?!的)|(?<![a-z])(?:she|he|they|i)(?![a-z'’])"
    r"|it (?!is|was|rains|snows|looks|has been|seems)[a-z]+s(?![a-z])"
    r"|(?:she|he|they|i)['’](?:s|re|m)(?![a-z]))"
)
_FEMALE = ("girl", "woman", "mother", "grandmother", "princess", "queen", "witch")
_MALE = ("boy", "man", "father", "grandfather", "prince", "king", "wizard")
_CHINESE_NAME = re.compile(r"(?:小|阿|老)[\u3400-\u9fff]")
_ENGLISH_NAME = re.compile(r"[A-Z][a-z]+")
_FOLLOWS_NAME = re.compile(r"$|[，,、在坐站跑走看拿抱推睡醒笑哭躺蹲跳唱读吃喝和与穿戴打开闭许回来去正]")


def names_alone(reading: Reading) -> Iterator[Finding]:
    """Yield names that stand for somebody whom the model does not know: "小满在跑步"."""
    for name, described in reading.story.characters.items():
        shown = [one for one in reading.cast().get(name, ()) if one.named]
        if shown and _is_a_name(described.text.strip()) and not figures_in(described.text):
            yield _unknown(described.text.strip(), [one.panel for one in shown], place=text_of(name))
    opened: dict[str, list[int]] = {}
    for panel in range(PANELS):
        if reading.story.panels[panel].prompt is not None and (name := _opening_name(reading, panel)):
            opened.setdefault(name, []).append(panel + 1)
    for name, panels in opened.items():
        alone = [panel for panel in panels if not reading.in_panel(panel)]
        if len(panels) > 1 and alone:
            yield _unknown(name, alone, place="")


def _opening_name(reading: Reading, panel: int) -> str:
    """Return the name that a prompt begins with, its style apart; empty where that is a usual word."""
    piece = next((piece for piece in reading.pieces[panel] if not piece.style), None)
    text = piece.text if piece else ""
    if (found := _CHINESE_NAME.match(text)) and _FOLLOWS_NAME.match(text, found.end()):
        return found[0] if _is_a_name(found[0]) else ""
    if (found := _ENGLISH_NAME.match(text)) and _is_a_name(found[0]):
        return found[0]
    return ""


def _is_a_name(text: str) -> bool:
    low = simplified(text)
    if _CHINESE_NAME.fullmatch(text):
        return low not in NOT_NAMES
    return low in FIRST_NAMES


def _unknown(name: str, panels: list[int], place: str) -> Finding:
    chinese = language_of(name) == "zh"
    words = (
        f"{name}，一个黑色长发的小女孩，穿着红色裙子"
        if chinese
        else f"{name}, a child with short black hair in a red shirt"
    )
    return Finding(
        rule="name-alone",
        panels=tuple(panels),
        what=tr(
            "{name!r} is a name and the model does not know who that is: say in every panel what {who} "
            "looks like",
            name=name,
            who=name,
        ),
        instead=f"{place}{json.dumps(words, ensure_ascii=False) if place else words}",
        is_example=True,
    )


def pronouns(reading: Reading) -> Iterator[Finding]:
    """Yield panels that call somebody "she" whom they do not show in words."""
    for panel, prompt in enumerate(reading.prompts, 1):
        found = _PRONOUN.search(simplified(prompt))
        if found is None or any(one.start < found.start("who") for one in reading.in_panel(panel)):
            continue
        said = prompt[found.start("who") : found.end("who")].split()[0].split("'")[0].split("’")[0]
        words = _joined([reading.words(one) for one in _meant(reading, said)]) or _anybody(prompt)
        end = found.start("who") + len(said)
        yield Finding(
            rule="pronoun",
            panels=(panel,),
            what=tr(
                "{word!r} is nobody to the model, which reads each panel alone: say who it is", word=said
            ),
            instead=f"{prompt[: found.start('who')]}{words}{prompt[end:]}",
        )


def _anybody(prompt: str) -> str:
    if language_of(prompt) == "zh":
        return "一个黑色长发的小女孩，穿着红色裙子"
    return "a girl with long black hair in a red dress"


def _joined(words: list[str]) -> str:
    """Return two figures as one phrase."""
    return (" and " if "".join(words).isascii() else "和").join(words)


def _meant(reading: Reading, pronoun: str) -> list[Appearance]:
    """Return whom a pronoun means: who is in most panels of those that it can mean, or the two."""
    low = simplified(pronoun)
    excluded = _MALE if low in ("she", "她") else _FEMALE if low in ("he", "他") else ()
    cast = {who: shown for who, shown in reading.cast().items() if shown[0].kind not in excluded}
    meant = sorted(cast, key=lambda who: -len(cast[who]))[: 2 if low == "they" or low.endswith("们") else 1]
    return [fullest_of(reading, cast[who]) for who in meant]


def one_panel_figures(reading: Reading) -> Iterator[Finding]:
    """Yield figures that only one panel shows, where others are in several."""
    cast = reading.cast()
    often = Counter({who: len(shown) for who, shown in cast.items() if len(shown) > 1})
    for who, shown in cast.items():
        one = shown[0]
        if not often or len(shown) > 1 or not one.leads or _is_bystander(reading, one):
            continue
        other = _slip_of(reading, one, often)
        if _is_animal(one) == _is_animal(cast[other][0]):
            where = numbers([two.panel for two in cast[other]])
            told = tr(
                "{who} is in {panels}: if it is the same, say the same",
                who=shown_as(other, cast[other][0]),
                panels=where,
            )
            instead = _in_place(reading, one, fullest_of(reading, cast[other]))
        else:
            told = tr("so none shows what it looks like: if it comes again, say it in these words")
            instead = _in_place(reading, one, one)
        yield Finding(
            rule="one-panel-figure",
            panels=(one.panel,),
            what=tr(
                "{who} is in no other panel, {told}, {otherwise}",
                who=shown_as(who, one),
                told=told,
                otherwise=_otherwise(reading, one),
            ),
            instead=instead,
        )


def _is_bystander(reading: Reading, one: Appearance) -> bool:
    """Return whether a figure is meant to be there once: unknown, or no character beside characters."""
    clauses = reading.story.panels[one.panel - 1].prompt is None
    return not one.named and (not one.kind or (clauses and bool(reading.story.characters)))


def _is_animal(one: Appearance) -> bool:
    return SORT_OF.get(one.kind) in ("animals", "known_animals")


def _slip_of(reading: Reading, one: Appearance, often: Counter[str]) -> str:
    """Return who may have been meant: who is not there, is most like it, and in most panels."""
    cast = reading.cast()

    def likeness(who: str) -> tuple[bool, bool, bool, int]:
        other = cast[who][0]
        absent = all(two.panel != one.panel for two in cast[who])
        alike = bool(one.kind) and other.kind == one.kind
        return _is_animal(other) == _is_animal(one), absent, alike, often[who]

    return max(often, key=likeness)


def _otherwise(reading: Reading, one: Appearance) -> str:
    """Return what to do where a figure is meant to be in one panel only."""
    if reading.story.panels[one.panel - 1].prompt is not None:
        return tr("else leave it")
    words = json.dumps(reading.words(one), ensure_ascii=False)
    return tr('else make it a bystander, {{ role = "subject", text = {words} }}', words=words)


def _in_place(reading: Reading, one: Appearance, other: Appearance) -> str:
    """Return how the other figure is written in a panel."""
    if reading.story.panels[one.panel - 1].prompt is not None:
        return reading.words(other)
    same = (
        f"character = {json.dumps(other.who, ensure_ascii=False)}"
        if other.named
        else f"text = {json.dumps(reading.words(other), ensure_ascii=False)}"
    )
    return f'{{ role = "subject", {same} }}'
