"""What is wrong with the words of the figures: each rule takes a story as it was read and yields findings."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from kit.messages import joined, tr, trn
from kit.story.lexicon import AGE, SORT_OF, figures_in, simplified
from kit.story.lint.appearances import Appearance, Reading
from kit.story.lint.examples import with_examples
from kit.story.lint.finding import Finding, numbers
from kit.story.lint.looks import Looks, Trait, lacking, looks_of

_COMPARED: tuple[Trait, ...] = ("hair colour", "hair length", "colour")

_AGE = re.compile(AGE)
"""Words beside a name that draw another figure."""
_WORN: tuple[Trait, ...] = ("clothes", "hair colour", "hair length")
_SHOWN = 4
"""Wordings that a finding repeats."""


def words_differ(reading: Reading) -> Iterator[Finding]:
    """Yield figures that have other words in some panels than in the others."""
    for who, shown in reading.cast().items():
        fullest = fullest_of(reading, shown)
        others = [one for one in shown if _said_otherwise(reading, one, fullest)]
        if others:
            yield Finding(
                rule="words-differ",
                panels=tuple(one.panel for one in others),
                what=_differing(reading, who, others, fullest),
                instead=_one_wording(reading, shown, others, fullest),
            )


def _one_wording(
    reading: Reading, shown: Sequence[Appearance], others: Sequence[Appearance], fullest: Appearance
) -> str:
    """Return what to write where a figure is said otherwise."""
    words = reading.words(fullest)
    if all(simplified(reading.words(one)) == simplified(words) for one in others):
        return _with_said(reading, fullest, fullest, _WORN)
    if not fullest.named:
        return f"{text_of(fullest.who)}{_quoted(words)}" if any(one.named for one in shown) else words
    if reading.story.panels[others[0].panel - 1].prompt is None:
        return f'{{ role = "subject", character = {_quoted(fullest.who)} }}'
    return words


def text_of(who: str) -> str:
    """Return where the words of a character stand, as a line to write."""
    name = who if re.fullmatch(r"[A-Za-z0-9_-]+", who) else _quoted(who)
    return f"[characters.{name}] text = "


def _key(reading: Reading, one: Appearance) -> tuple[str, tuple[str, ...]]:
    """Return what a figure is called and the looks that are said with its name."""
    words = reading.words(one)
    looks, ages = looks_of(words), sorted(set(_AGE.findall(simplified(words))))
    worn = () if SORT_OF.get(one.kind) == "people" else sorted(looks.clothes | looks.accessories)
    return simplified(one.noun), (*ages, *worn, *(looks.traits().get(trait, "") for trait in _COMPARED))


def _said_otherwise(reading: Reading, one: Appearance, other: Appearance) -> bool:
    """Return whether a panel calls a figure, or says that it looks, otherwise than another panel does.

    A raincoat over the usual dress is no other look.
    """
    if _key(reading, one) != _key(reading, other):
        return True
    own, others = (looks_of(reading.words(two)).clothes for two in (one, other))
    if bool(own) != bool(others):
        return True
    here, there = looks_of(reading.about(one)), looks_of(reading.about(other))
    if here.clothes and there.clothes and not here.clothes & there.clothes:
        return True
    pairs = [(here.hair_colour, there.hair_colour), (here.hair_length, there.hair_length)]
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)


def fullest_of(reading: Reading, shown: Sequence[Appearance]) -> Appearance:
    """Return where a figure has the words that say most, of those as full the most frequent and earliest."""
    often = Counter(simplified(reading.words(one)) for one in shown)

    def fullness(one: Appearance) -> tuple[int, bool, int, bool, int]:
        words = reading.words(one)
        looks = looks_of(words)
        worn = 0 if SORT_OF.get(one.kind) == "people" else len(looks.accessories)
        said = len(looks.traits()) + worn
        return said, one.named, often[simplified(words)], one.counted, -one.panel

    return max(shown, key=fullness)


def _differing(reading: Reading, who: str, others: Sequence[Appearance], fullest: Appearance) -> str:
    said: dict[str, list[int]] = {}
    for one in [*others, fullest]:
        words = reading.words(one)
        if one is not fullest and simplified(words) == simplified(reading.words(fullest)):
            words = ", ".join(dict.fromkeys([words, *looks_of(reading.about(one)).traits().values()]))
        said.setdefault(words, []).append(one.panel)
    told: list[str] = [
        tr("{words!r} in {panels}", words=words, panels=numbers(panels)) for words, panels in said.items()
    ]
    if len(told) > _SHOWN:
        told = [*told[: _SHOWN - 1], tr("{n} more", n=len(told) - _SHOWN), told[-1]]
    return tr(
        "{who} is {wordings}: other words draw somebody else; leave what is meant to change",
        who=shown_as(who, fullest),
        wordings=_list(told),
    )


def shown_as(who: str, one: Appearance) -> str:
    """Return what a figure is called in a message."""
    return who if one.named else one.noun


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def looks_not_named(reading: Reading) -> Iterator[Finding]:
    """Yield figures of two panels or more whose looks no words name, or only those of some panels."""
    taken: set[str] = set()
    for who, shown in reading.cast().items():
        about = {one.panel: looks_of(reading.about(one)) for one in shown}
        seen = [one for one in shown if not about[one.panel].unseen]
        if len(seen) < 2:
            continue
        yield from _sometimes_named(reading, who, seen, about)
        yield from _never_named(reading, who, seen, about, taken)
        yield from _sometimes_worn(reading, who, seen, about)
        taken |= _colours_of(looks_of(reading.words(fullest_of(reading, seen))))


def _never_named(
    reading: Reading, who: str, seen: Sequence[Appearance], about: Mapping[int, Looks], taken: set[str]
) -> Iterator[Finding]:
    fullest = fullest_of(reading, seen)
    lacks = lacking(fullest.kind, looks_of(reading.words(fullest)))
    missing = [trait for trait in lacks if all(trait not in about[one.panel].traits() for one in seen)]
    if any(about[one.panel].hair_hidden for one in seen):
        missing = [trait for trait in missing if not trait.startswith("hair")]
    if missing:
        sometimes = [trait for trait in lacks if trait not in missing]
        saying = next((one for one in seen if set(sometimes) & set(about[one.panel].traits())), fullest)
        words = _with_said(reading, fullest, saying, sometimes)
        words = with_examples(words, fullest.kind, missing, taken)
        taken |= _colours_of(looks_of(words))
        yield Finding(
            rule="looks-not-named",
            panels=tuple(one.panel for one in seen),
            what=tr(
                "no words name the {traits} of {who}: the model chooses anew in every panel",
                traits=_named(missing),
                who=shown_as(who, fullest),
            ),
            instead=text_of(who) + _quoted(words) if fullest.named else words,
            is_example=True,
        )


def _colours_of(looks: Looks) -> set[str]:
    return {
        looks.hair_colour,
        *(words.split()[0] if words.isascii() else words[0] for words in looks.clothes),
        looks.coat,
    } - {""}


def _list(words: Sequence[str]) -> str:
    """Return words with commas and an "and" between."""
    if len(words) == 1:
        return words[0]
    return tr("{first} and {last}", first=joined(words[:-1], tr(", ")), last=words[-1])


def _named(traits: Sequence[Trait]) -> str:
    return _list([tr(trait) for trait in traits])


def _sometimes_named(
    reading: Reading, who: str, seen: Sequence[Appearance], about: Mapping[int, Looks]
) -> Iterator[Finding]:
    """Yield what some panels say of a figure in other clauses than its own, and others do not."""
    fullest = fullest_of(reading, seen)
    own = looks_of(reading.words(fullest))
    sometimes: dict[tuple[int, ...], list[Trait]] = {}
    for trait in lacking(fullest.kind, own):
        silent = tuple(one.panel for one in seen if trait not in about[one.panel].traits())
        if silent and len(silent) < len(seen):
            sometimes.setdefault(silent, []).append(trait)
    saying = {silent: [one for one in seen if one.panel not in silent] for silent in sometimes}
    clauses = [_clauses_naming(reading, saying[silent][0], traits) for silent, traits in sometimes.items()]
    words = _joined(reading.words(fullest), *dict.fromkeys(chain.from_iterable(clauses)))
    for silent, traits in sometimes.items():
        said = saying[silent]
        yield Finding(
            rule="looks-not-named",
            panels=silent,
            what=trn(
                "{panels} alone names the {traits} of {who}: here the model chooses anew",
                "{panels} alone name the {traits} of {who}: here the model chooses anew",
                len(said),
                panels=numbers([one.panel for one in said]),
                traits=_named(traits),
                who=shown_as(who, fullest),
            ),
            instead=text_of(who) + _quoted(words) if fullest.named else words,
        )


def _sometimes_worn(
    reading: Reading, who: str, seen: Sequence[Appearance], about: Mapping[int, Looks]
) -> Iterator[Finding]:
    """Yield what a figure wears in some panels; what a person wears once is for the weather or the night."""
    fullest = fullest_of(reading, seen)
    own, once = looks_of(reading.words(fullest)), SORT_OF.get(fullest.kind) == "people"
    dressed = not once or bool(frozenset.intersection(*(about[one.panel].clothes for one in seen)))
    worn = {one.panel: about[one.panel].worn(clothes=dressed) for one in seen}
    for item, panels in Counter(item for items in worn.values() for item in items).items():
        told = item in own.worn(clothes=True)
        if not once < panels < len(seen) or (told and not once):
            continue
        said = [one for one in seen if item in worn[one.panel]]
        silent = [one for one in seen if one not in said]
        if told and all(_said_otherwise(reading, one, fullest) for one in silent):
            continue  # is told already
        words = reading.words(fullest) + ("" if told else _clause_with(reading, said[0], item))
        yield Finding(
            rule="looks-not-named",
            panels=tuple(one.panel for one in silent),
            what=trn(
                "{panels} alone names the {item} of {who}: here it is gone",
                "{panels} alone name the {item} of {who}: here it is gone",
                len(said),
                panels=numbers([one.panel for one in said]),
                item=item,
                who=shown_as(who, fullest),
            ),
            instead=text_of(who) + _quoted(words) if fullest.named else words,
        )


def _clause_with(reading: Reading, one: Appearance, item: str) -> str:
    """Return the clause of a panel that names a thing worn, with the comma before it."""
    clauses = [
        piece.text
        for piece in reading.pieces[one.panel - 1]
        if item in looks_of(piece.text).worn(clothes=True)
    ]
    words = clauses[0] if clauses and not figures_in(clauses[0]) else item
    return f"{', ' if words.isascii() else '，'}{words}"


def _with_said(reading: Reading, fullest: Appearance, one: Appearance, traits: Sequence[Trait]) -> str:
    """Return the words of a figure with the clauses of a panel that name traits."""
    return _joined(reading.words(fullest), *_clauses_naming(reading, one, traits))


def _clauses_naming(reading: Reading, one: Appearance, traits: Sequence[Trait]) -> list[str]:
    """Return the clauses behind a figure that name traits."""
    return [
        piece.text
        for piece in reading.pieces[one.panel - 1]
        if piece.start >= one.end and any(trait in looks_of(piece.text).traits() for trait in traits)
    ]


def _joined(words: str, *clauses: str) -> str:
    return (", " if words.isascii() else "，").join([words, *clauses])
