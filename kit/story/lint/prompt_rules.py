"""What is wrong with whole prompts: each rule takes a story as it was read and yields findings."""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from kit.messages import Language, tr
from kit.story.lint.appearances import Appearance, Reading
from kit.story.lint.figure_rules import shown_as
from kit.story.lint.finding import Finding
from kit.story.lint.pieces import Piece, styles_inside, styles_of, without_styles
from kit.story.prompt import COMMAS
from kit.story.story import PANELS, language_of

MOST_TOKENS = 254
"""Of a prompt that Kolors' text encoder reads; two more open it."""
_VIEWS: dict[Language, Sequence[str]] = {
    "zh": ("近景", "远景", "侧面", "从背后看", "俯视", "仰视", "特写"),
    "en": (
        "close-up",
        "wide shot",
        "from the side",
        "from behind",
        "seen from above",
        "seen from below",
        "portrait",
    ),
}
_NEGATION = re.compile(
    r"(?:没有|没戴|没穿|不戴|不穿|不要(?:出现)?|无(?=文字|水印|人物|背景))(?:任何|其他|别的)?(?P<zh>(?:(?![的在和])[\u3400-\u9fff]){1,6})的?"
    r"|(?<![A-Za-z])(?:with no|without|not wearing|no) (?:any |other |an? )?(?P<en>[A-Za-z][a-z -]{1,20})",
    re.I,
)
_NO_NEGATION = re.compile(
    r"尽头|边际|声音|说话|回应|精神|力气|意思|关系|想到|注意|发现|办法|时间|结束|变|忘"
    r"|longer|matter|hesitation|fear|words?|sound|effort|care|doubt|end|one else|hurry|idea|looking|stopping"
    r"|saying|knowing|moving",
    re.I,
)
_CLAUSES = re.compile(r"[，,、;；。!！?？\n]|\.(?:\s|$)")
_SETTING = re.compile(
    r"^[在从于]|[里上中下内外边旁前后晚晨夜](?:的)?$|^(?:in|on|at|by|under|near|inside|during|after|before|from|above"
    r"|beside|behind|over|through|outside|between)(?![a-z])|(?<![a-z])(?:of|there (?:is|was|stands|sits))$",
    re.I,
)
"""A place, a time or a view within the clause of a figure; else the figure is part of another's deed."""
_COMMA = re.compile(r"[，,;；。\n]|\.(?=\s|$)")
_TWO_COMMAS = re.compile(r"\s*[，,、;；]\s*(?=[，,、;；。]|$)")
Count = Callable[[str], int]
"""Returns the tokens of a prompt."""


def not_first(reading: Reading) -> Iterator[Finding]:
    """Yield panels that do not begin with the words of a figure as its other panels do."""
    hero, cast = reading.hero(), reading.cast()
    for panel in range(1, PANELS + 1):
        here = reading.in_panel(panel)
        first = here[0] if here else None
        mine = next((one for one in here if one.who == hero), None)
        if mine is None or (first and first is not mine and len(cast.get(first.who, ())) == len(cast[hero])):
            mine = first
        if mine is None or len(cast.get(mine.who, ())) < 2 or _is_first(reading, mine):
            continue
        before = _opening(reading, mine)
        if not _is_setting(before):
            continue
        yield Finding(
            rule="not-first",
            panels=(panel,),
            what=tr(
                "{who} comes after {before!r}: Kolors reads the same words alike in every panel only where "
                "all that stands before them is alike",
                who=shown_as(mine.who, mine),
                before=_short(before),
            ),
            instead=_with_first(reading, mine),
        )


def _is_setting(before: str) -> bool:
    """Return whether words before a figure stand for themselves, so that they can stand behind it.

    >>> _is_setting("in the park"), _is_setting("close-up of"), _is_setting("the dragon gives")
    (True, True, False)
    """
    last = _CLAUSES.split(before)[-1].strip()
    return not last or bool(_SETTING.search(last))


def _short(text: str) -> str:
    text = text.strip(" ，,、;；。")
    return text if len(text) <= 30 else f"{text[:30]}…"


def _opening(reading: Reading, one: Appearance) -> str:
    """Return what stands before a figure, without the clauses about style."""
    prompt, place = reading.prompts[one.panel - 1], 0
    for piece in reading.pieces[one.panel - 1]:
        if not piece.style or piece.start >= one.start:
            break
        place = piece.start + len(piece.text)
    return prompt[place : one.start].lstrip(" ，,、;；。").rstrip()


def _is_first(reading: Reading, one: Appearance) -> bool:
    before = _opening(reading, one).strip(" ，,、;；。")
    if (
        not before
        or before in reading.names
        or (styles_inside(before + "风格") and before.endswith(("风格的", "画风的", "style")))
    ):
        return True
    shown = [other for other in reading.appearances if other.who == one.who and one.who]
    return len(shown) > 1 and all(_opening(reading, other).strip(" ，,、;；。") == before for other in shown)


def _with_first(reading: Reading, one: Appearance) -> str:
    """Return the prompt with a figure's words first, behind its style."""
    prompt, pieces = reading.prompts[one.panel - 1], reading.pieces[one.panel - 1]
    comma = COMMAS[language_of(prompt)]
    styles = []
    for piece in pieces:
        if not piece.style:
            break
        styles.append(piece.text)
    own = prompt[one.start :].strip(" ，,、;；。.\n")
    return comma.join(filter(None, [*styles, own, _loose(_opening(reading, one))]))


def _loose(text: str) -> str:
    """Return words that stood before a figure as a clause of their own."""
    text = re.sub(r"(?:的|和|与|，)$", "", text.strip(" ，,、;；。."))
    text = re.sub(r"(?<![a-z])(?:there (?:is|was)|of|with|and|where|as|,)\s*$", "", text, flags=re.I).strip(
        " ，,"
    )
    known = text[:1].isupper() and text[1:2].islower() and len(text.split()) > 1
    return text[:1].lower() + text[1:] if known else text


def several_styles(reading: Reading, trigger: str) -> Iterator[Finding]:
    """Yield panels whose style is not that of the others, or not that of the trigger."""
    styles = [_styles(reading, panel) for panel in range(PANELS)]
    if trigger and (own := styles_of(trigger) | styles_inside(trigger)):
        other = [panel for panel, one in enumerate(styles, 1) if one and not one <= own]
        if other:
            words = _words(reading, other[0])
            told = tr(
                "the trigger {trigger!r} names one style, {words!r} is another: two in one prompt",
                trigger=trigger,
                words=words,
            )
            yield from _styled_otherwise(other, told, _without_style(reading, other[0]))
            return
    named = Counter(one for one in styles if one)
    if not named or len(set(styles)) == 1:
        return
    usual = max(named, key=lambda one: (named[one], -styles.index(one)))
    words = _words(reading, styles.index(usual) + 1)
    if named[usual] * 2 <= PANELS and len(named) == 1:  # most panels name none
        odd = [panel for panel, one in enumerate(styles, 1) if one]
        told = tr("only here a style is named, {words!r}: the others are drawn in another", words=words)
        yield from _styled_otherwise(odd, told, _without_style(reading, odd[0]))
        return
    odd = [panel for panel, one in enumerate(styles, 1) if one != usual]
    here, rest = _words(reading, odd[0]), _without_style(reading, odd[0])
    told = (
        tr("{words!r} is the style of the others, here is {here!r}", words=words, here=here)
        if here
        else tr("{words!r} is the style of the others, here is none", words=words)
    )
    comma = COMMAS[language_of(reading.prompts[odd[0] - 1])]
    yield from _styled_otherwise(odd, told, rest and f"{words}{comma}{rest}")


def _styled_otherwise(panels: Sequence[int], told: str, instead: str) -> Iterator[Finding]:
    """Yield what is wrong with the style of panels, but for those that say nothing else."""
    if instead:
        yield Finding(rule="several-styles", panels=tuple(panels), what=told, instead=instead)


def _styles(reading: Reading, panel: int) -> frozenset[str]:
    pieces = reading.pieces[panel]
    return frozenset().union(*(piece.style for piece in pieces)) | styles_inside(reading.prompts[panel])


def _style_pieces(pieces: Sequence[Piece]) -> list[str]:
    return [piece.text for piece in pieces if piece.style]


def _words(reading: Reading, panel: int) -> str:
    """Return the words of a panel (1 to 8) that name its style."""
    pieces = reading.pieces[panel - 1]
    inside = [piece.text for piece in pieces if styles_inside(piece.text)]
    comma = COMMAS[language_of(reading.prompts[panel - 1])]
    return comma.join(_style_pieces(pieces) or inside[:1])


def _without_style(reading: Reading, panel: int) -> str:
    pieces = reading.pieces[panel - 1]
    comma = COMMAS[language_of(reading.prompts[panel - 1])]
    plain = (without_styles(piece.text) for piece in pieces if not piece.style)
    return comma.join(filter(None, plain))


def same_panels(reading: Reading) -> Iterator[Finding]:
    """Yield panels that say the same as an earlier one."""
    groups: dict[str, list[int]] = defaultdict(list)
    for panel, prompt in enumerate(reading.whole, 1):
        groups[_letters(prompt)].append(panel)
    for panels in groups.values():
        for place, panel in enumerate(panels[1:]):
            prompt = reading.whole[panel - 1]
            language = language_of(prompt)
            yield Finding(
                rule="same-panels",
                panels=(panel,),
                what=tr(
                    "says the same as panel {panel}: the story stands still, write what is new",
                    panel=panels[0],
                ),
                instead=f"{prompt.rstrip(' 。.')}{COMMAS[language]}{_VIEWS[language][place]}",
                is_example=True,
            )


def _letters(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKC", text).casefold() if one.isalnum())


def too_long(reading: Reading, trigger: str, count: Count, most: int) -> Iterator[Finding]:
    """Yield panels of which the text encoder does not read the end."""
    opening = f"{trigger}{COMMAS[reading.story.language]}" if trigger else ""
    for panel, prompt in enumerate(reading.whole, 1):
        tokens = count(opening + prompt)
        if tokens > most:
            yield Finding(
                rule="too-long",
                panels=(panel,),
                what=tr(
                    "has {tokens} tokens and {most} are read: what stands last is cut off",
                    tokens=tokens,
                    most=most,
                ),
                instead=_shortened(prompt, opening, count, most),
            )


def _shortened(prompt: str, opening: str, count: Count, most: int) -> str:
    """Return a prompt without as many of its last clauses as are too much."""
    ends = [found.start() for found in _COMMA.finditer(prompt)] or [len(prompt)]
    kept = bisect_right(ends, most, key=lambda end: count(opening + prompt[:end]))
    return prompt[: ends[max(kept - 1, 0)]].strip()


def negations(reading: Reading) -> Iterator[Finding]:
    """Yield panels that say what shall not be there, which is drawn all the same."""
    for panel, prompt in enumerate(reading.prompts, 1):
        for piece in reading.pieces[panel - 1]:
            found = _NEGATION.search(piece.text)
            if found is None or _NO_NEGATION.search(found[0]):
                continue
            left = (piece.text[: found.start()] + piece.text[found.end() :]).strip(" ，,的")
            rest = prompt[: piece.start] + left + prompt[piece.start + len(piece.text) :]
            if rest := _TWO_COMMAS.sub("", rest).strip(" ，,、;；。."):
                thing = (found["zh"] or found["en"]).strip()
                yield Finding(
                    rule="negation",
                    panels=(panel,),
                    what=tr(
                        "{words!r} names what shall not be seen, and what is named is drawn: put {thing!r} "
                        "into `negative` of a .toml story",
                        words=found[0].strip(),
                        thing=thing,
                    ),
                    instead=rest,
                )
            break
