"""Numbers in front of the panels of a story: 1. / 第一格： / ① / P3 / **Panel 4**."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from kit.messages import tr
from kit.story.importing.foreign_story import NoStory
from kit.story.story import PANELS

_CHINESE = {numeral: number for number, numeral in enumerate("一二三四五六七八九十", 1)}
_CIRCLED = {
    chr(first + number): number + 1 for first in (0x2460, 0x2776, 0x2780, 0x278A) for number in range(10)
}
_DIGITS = "[0-9０-９]{1,2}|[一二三四五六七八九十]"
_NUMBER = re.compile(
    rf"""(?:
      第\s?(?P<ordinal>{_DIGITS})\s?[格幕页頁张張幅镜鏡图圖个個步场場段回](?:画面|分镜|镜头|图)?
    | (?:panel|scene|page|shot|picture|image|prompt|frame|pic|photo|illustration|slide|step|no|p
        |镜头|鏡頭|分镜|分鏡|画面|畫面|场景|場景|图片?|圖|提示词|格|漫画格)
      \s?[.#]?\s?(?P<worded>{_DIGITS})(?![0-9A-Za-z一-鿿])
    | [(（\[【](?P<bracketed>{_DIGITS})[)）\]】]
    | (?P<circled>[①-⑩❶-➓])
    | (?P<keycap>[0-9])\ufe0f?\u20e3
    | (?P<plain>{_DIGITS})(?:\s?[.、．:：)）](?![0-9])|(?=\t)|(?=\s?/\s?8))
    )(?:\s?/\s?8(?![0-9]))?[\s.、．:：)）\]】|\-—–]*""",
    re.VERBOSE | re.IGNORECASE,
)


_BARE = re.compile(r"^\s*\**([1-9])\**(?:\s*$|\s*[-–—_]\s*(?=\D)|\s+(?=\S))")


class Numbered(NamedTuple):
    """A line that begins with a number."""

    number: int
    rest: str
    """The words behind it."""
    named: bool
    """Whether it says that a panel is counted, as 第三格 and `Panel 3` do and `3.` does not."""


def numbered(line: str) -> Numbered | None:
    """Return the number that a line begins with and its words; None where it begins with none.

    >>> numbered("第三格：小猫"), numbered("1girl, solo"), numbered("P2 - a cat").number
    (Numbered(number=3, rest='小猫', named=True), None, 2)
    """
    first = _number_of(line)
    again = _number_of(first.rest) if first and not first.named else None
    return again if first and again and again.named and again.number == first.number else first


def _number_of(line: str) -> Numbered | None:
    found = _NUMBER.match(line)
    if found is None:
        return None
    kind, said = next((kind, value) for kind, value in found.groupdict().items() if value)
    number = _CHINESE.get(said) or _CIRCLED.get(said) or int(said)
    return Numbered(number, line[found.end() :].strip(), kind in ("ordinal", "worded"))


def are_counted(numbers: Sequence[int | None]) -> bool:
    """Return whether numbers count on by one, at least two of them."""
    return len(numbers) > 1 and all(
        number is not None and numbers[0] is not None and number == numbers[0] + at
        for at, number in enumerate(numbers)
    )


def with_dots(lines: Sequence[str]) -> list[str]:
    """Return lines, with a dot behind their numbers where these stand bare and count from 1 to 8.

    Raises NoStory where they are 1 to 8 in another order.

    >>> with_dots(["1 cat", "2 dogs"]), with_dots([f"{at} 小猫" for at in range(1, 9)])[7]
    (['1 cat', '2 dogs'], '8. 小猫')
    """
    found = {at: one for at, line in enumerate(lines) if (one := _BARE.match(line))}
    numbers = [(at + 1, int(one[1])) for at, one in found.items()]
    if sorted(number for _, number in numbers) != list(range(1, PANELS + 1)):
        return list(lines)
    _check_order(numbers)
    dotted = {at: f"{one[1]}. {lines[at][one.end() :]}" for at, one in found.items()}
    return [dotted.get(at, line) for at, line in enumerate(lines)]


def check_numbers(lines: Sequence[str]) -> None:
    """Raise NoStory where every line begins with a number of one kind, and they do not count on."""
    found = [(at, one) for at, line in enumerate(lines, 1) if (one := numbered(line.strip()))]
    alike = len({one.named for _, one in found}) == 1
    twice = sum(one.number == 1 for _, one in found) > 1
    if alike and not twice and len(found) == sum(bool(line.strip()) for line in lines):
        _check_order([(at, one.number) for at, one in found])


def _check_order(numbers: Sequence[tuple[int, int]]) -> None:
    for (_, before), (line, number) in pairwise(numbers):
        if number != before + 1:
            raise NoStory(miscounted(line, number))


def miscounted(line: int, number: int) -> str:
    """Return that a line has a number that does not count on."""
    return tr("line {line}: has the number {got}; count the panels from 1 to 8", line=line, got=number)
