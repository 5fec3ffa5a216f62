"""Where the words of a figure begin and end around its noun, and the names that prompts give to figures."""

import re
from collections.abc import Iterator, Mapping, Sequence

from kit.story import lexicon
from kit.story.lexicon import FIRST_NAMES, NOT_NAMES, figures_in, simplified

_SEPARATORS = "，,;；。!！?？\n"
_COUNT = re.compile(r"(?:[一这那某另]|有一|另一)[个只位名条头匹]")
_CROWD = re.compile(
    r"(?:[两二三四五六七八九十几数]|(?<!\d)[02-9]|\d\d|许多|很多|好多|众多|一群|一些|一对|一双|其他|所有)[个只位名条头匹群]?(?:[\u3400-\u9fff]{0,4}的)?$"
    r"|(?<![a-z])(?:two|three|four|five|several|many|some|other|all|few|both) (?:[\w-]+ )?$"
)
_DETERMINER = re.compile(r"(?<![a-z])(?:an?|the|one|another|this|that|my|our|their|his|her)(?![a-z'])")
_COUNTED = re.compile(r"^(?:(?:一|另一|有一|另)[个只位名条头匹]|an? |one |another )")
_NO_ADJECTIVE = re.compile(
    rf"(?<![a-z-])(?:of|in|on|at|with|and(?! (?:{lexicon.COLOUR}))|to|by|near|under|from|into|is|are"
    r"|there|where|as|for)(?![a-z])|[a-z]ing(?![a-z])"
)
_DESCRIBES = re.compile(
    rf"(?:{lexicon.COLOUR}|{lexicon.HAIR}|{lexicon.GARMENT}|{lexicon.ACCESSORY}|{lexicon.PATTERN}|穿着?|身穿|戴着?|扎着?|留着?|梳着?"
    r"|[的、小大老胖瘦高矮长短]|可爱|年轻|漂亮|美丽|勇敢|善良|开心|快乐|难过|孤独|害羞|好奇|中等长度|吊带|漏肩|露肩)"
)
_ELSEWHERE = re.compile(r"[在里上下中内外旁边前后看抱向往从把被给和与跟同着了过是有到]")
_WORN_AFTER = re.compile(
    rf"(?:身穿|穿着?|身着|戴着?|扎着?|留着?|梳着?|一头|有着?)(?![上好完起])[^，,。;；]{{0,14}}?(?:{lexicon.GARMENT}|{lexicon.HAIR}|{lexicon.ACCESSORY})"
    r"|(?:,? (?:with|in|wearing|who (?:has|wears)|dressed in|and)"
    r"(?: (?!(?:with|in|wearing)(?![a-z]))[\w'-]+){0,8}?"
    rf" (?:{lexicon.GARMENT}|{lexicon.HAIR}|{lexicon.ACCESSORY}))+"
)
_NAME_AFTER = re.compile(r" (?:named|called) [a-z]+|[小阿老][\u3400-\u9fff](?=[，,穿戴])")
_WEARS = re.compile(rf"{lexicon.GARMENT}|{lexicon.HAIR}|{lexicon.ACCESSORY}")
_DOES = re.compile(
    r"[在坐站跑看走抱拿喂骑躺睡]|(?<![a-z])(?:is|are|at|on|near|under|by)(?![a-z])|(?!wearing)(?<![a-z])[a-z]+ing(?![a-z])"
)
"""Words of an action or a place, with which the words of a figure are over."""
_NEXT_CLAUSE = re.compile(r"[，,、]\s*[^，,、。.;；\n]+")
_SHORT_CHINESE, _SHORT_ENGLISH = 8, 4
_MOST_WORDS = 6

_CALLED = re.compile(
    r"(?:名叫|名为|叫做|叫|名字是)(?P<zh>[\u3400-\u9fff]{2,3}?)(?=的|[，,。;；]|$)"
    r"|(?<![A-Za-z])(?:named|called) (?P<en>[A-Z][a-z]+)"
)
_BEFORE = re.compile(
    r"(?:^|[，,]\s*)(?P<name>[小阿老][\u3400-\u9fff]|[A-Z][a-z]+)[，,]\s*(?=(?:一[个位名只条]|an? ))"
)
_BEHIND = re.compile(
    r"(?P<name>[小阿老][\u3400-\u9fff](?=$|[，,在坐站跑看走抱和拿])| [A-Z][a-z]+(?![A-Za-z]))"
)
_NEAR = 16
"""Letters between a name and who has it."""


def phrase_around(low: str, start: int, end: int, floor: int) -> tuple[int, int]:
    """Return where the words of a figure begin and end in a prompt.

    Args:
        low: the prompt, simplified.
        start: where the noun begins.
        end: where it ends.
        floor: where the figure before it ends, which its words cannot pass.
    """
    opening = max(floor, max(low.rfind(mark, 0, start) for mark in _SEPARATORS) + 1)
    opening += len(low[opening:start]) - len(low[opening:start].lstrip())
    return _first(low, opening, start, floor), _last(low, end)


def _first(low: str, opening: int, start: int, floor: int) -> int:
    before = low[opening:start]
    if counts := list(_COUNT.finditer(before)):
        return opening + counts[-1].start()
    for determiner in reversed(list(_DETERMINER.finditer(before))):
        between = before[determiner.end() :]
        if len(between.split()) <= _MOST_WORDS and not _NO_ADJECTIVE.search(between):
            return opening + determiner.start()
    if not before.strip():
        return _over_a_clause(low, start, floor)
    described = _described_from(before)
    if described == 0:
        return _over_a_clause(low, opening, floor)
    if described < len(before):
        return opening + described if before[described] != "的" else start
    return opening if _are_adjectives(before) else start


def _described_from(before: str) -> int:
    """Return where the words begin that stand before a noun without a gap and tell its looks."""
    place = len(before)
    for word in reversed(list(_DESCRIBES.finditer(before))):
        if word.end() != place:
            break
        place = word.start()
    return place


def _are_adjectives(before: str) -> bool:
    """Return whether words before a noun only tell more of it, as far as can be seen."""
    if before.isascii():
        return len(before.split()) < _SHORT_ENGLISH and not _NO_ADJECTIVE.search(before)
    return len(before) <= _SHORT_CHINESE and not _ELSEWHERE.search(before)


def _over_a_clause(low: str, place: int, floor: int) -> int:
    """Return where words begin that a comma interrupts: "一个紫色短发，穿粉色裙子的小女孩"."""
    before = low[floor:place].rstrip(" ，,")
    opening = max(before.rfind(mark) for mark in _SEPARATORS) + 1
    clause = before[opening:]
    opens = _COUNT.match(clause.strip()) and _WEARS.search(clause) and not figures_in(clause)
    return floor + opening + len(clause) - len(clause.lstrip()) if opens else place


def _last(low: str, end: int) -> int:
    """Return where the words of a figure end: behind what it wears, in clauses about nothing else."""
    if name := _NAME_AFTER.match(low, end):
        end = name.end()
    if worn := _WORN_AFTER.match(low, end):
        end = worn.end()
    while clause := _NEXT_CLAUSE.match(low, end):
        whole = clause.end()
        if others := figures_in(clause[0]):
            whole = end + others[0].start
        worn_here = [one.span() for one in _WEARS.finditer(low, end, whole)]
        if not worn_here or _DOES.search(low, end, worn_here[0][0]):
            break
        if whole < clause.end() or _DOES.search(low, worn_here[-1][1], whole):
            return worn_here[-1][1]
        end = whole
    return end


def is_crowd(before: str) -> bool:
    """Return whether what stands before a noun makes it several: "两个", "many"."""
    return bool(_CROWD.search(before[-24:]))


def is_counted(phrase: str) -> bool:
    """Return whether a phrase introduces somebody: "一个", "a"."""
    return bool(_COUNTED.match(phrase))


def head_of(words: str) -> str:
    """Return the noun of words that no lexicon knows.

    >>> head_of("一个会飞的茶壶"), head_of("a small teapot with wings")
    ('茶壶', 'teapot')
    """
    low = simplified(words).strip()
    if low.isascii():
        phrase = re.split(r"[,;.]| (?:with|in|who|that|wearing|on|at|of)(?= )", low)[0].split()
        return phrase[-1] if phrase else low
    low = re.split(r"[，,、。;；]", _COUNT.sub("", low, count=1))[0]
    head = low.rsplit("的", 1)[-1] or low
    return head[1:] if len(head) > 2 and head[0] in "小大老" else head


def names_in(prompts: Sequence[str]) -> Mapping[str, str]:
    """Return the names that prompts give to figures, and the kind of each.

    >>> names_in(["a young girl named Lily runs", "小满，一个黑发男孩"])
    {'Lily': 'girl', '小满': 'boy'}
    """
    return {name: kind for prompt in prompts for name, kind in _named(prompt) if name not in NOT_NAMES}


def _named(prompt: str) -> Iterator[tuple[str, str]]:
    figures = figures_in(prompt)
    for called in _CALLED.finditer(prompt):
        name = called["zh"] or called["en"]
        if owners := [one for one in figures if 0 <= called.start() - one.end <= 2]:
            yield name, owners[-1].kind
        elif owners := [one for one in figures if 0 <= one.start - called.end() <= _NEAR]:
            yield name, owners[0].kind
    for before in _BEFORE.finditer(prompt):
        after = [one for one in figures if before.end() <= one.start < before.end() + _NEAR]
        if after and (not before["name"].isascii() or before["name"].lower() in FIRST_NAMES):
            yield before["name"], after[0].kind
    for figure in figures:
        if behind := _BEHIND.match(prompt, figure.end):
            yield behind["name"].strip(), figure.kind


def places_of(prompt: str, name: str) -> Iterator[int]:
    """Yield where a name stands in a prompt."""
    whole = rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])"
    yield from (found.start() for found in re.finditer(whole, prompt))
