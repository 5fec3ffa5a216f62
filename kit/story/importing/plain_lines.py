"""Eight lines of text, a prompt each, perhaps below a title."""

import re
from collections.abc import Sequence

from kit.messages import mark, tr
from kit.story.importing.columns import LONGEST_NAME, column_of
from kit.story.importing.foreign_story import (
    ForeignPanel,
    ForeignStory,
    NoStory,
    check_rows,
    one_line,
    unquoted,
)
from kit.story.importing.panel_numbers import numbered
from kit.story.story import PANELS

_TITLE = re.compile(
    r"^#{1,6}\s+(?P<heading>.+)$|^\*\*(?P<bold>[^*]+)\*\*$|^《(?P<book>[^《》]+)》$"
    r"|^(?:标题|題目|题目|故事名?|片名|title|story)\s*[:：]\s*(?P<said>.+)$",
    re.IGNORECASE,
)
_NAMED = re.compile(r"^[#\s]*(?:故事)?(?:标题|題目|题目|片名|title)\s*[:：]\s*(.+)$", re.IGNORECASE)
_BOOK = re.compile(r"《([^《》\n]{1,40})》")
_TOP = re.compile(r"^#\s+(.+)$")
_LINES = mark("must have exactly {wanted} lines of text, one a panel, got {got}; {mend}")
_LOOKED_AT = 60
"""Lines of an answer in which its title is looked for."""
_OPENING = re.compile(r"^(?:[-*+•·#>]+\s+|\*+)+")
_BOLD_NUMBER = re.compile(r"^\*\*\d{1,2}\*\*")
_BULLET = re.compile(r"^[-*+•·]\s+")
_RULE = re.compile(r"^[-=*_—~`]{3,}\w*$")


def title_of(line: str) -> str:
    """Return the title that a line is, empty where it is none.

    >>> title_of("《小橘和流星》"), title_of("## 雨夜"), title_of("一只小猫，在睡觉")
    ('小橘和流星', '雨夜', '')
    """
    found = _TITLE.match(one_line(line))
    return next(filter(None, found.groups())).strip('《》*“”" ') if found else ""


def title_in(text: str) -> str:
    """Return the title that an answer says, as `标题：…`, in 《》 or as its top heading; else empty."""
    lines = [one_line(line.replace("**", "")) for line in text.splitlines()[:_LOOKED_AT]]
    for pattern in (_NAMED, _BOOK, _TOP):
        if found := next(filter(None, map(pattern.search, lines)), None):
            return found[1].strip('《》*“”" ')
    return ""


def story_of_lines(text: str) -> ForeignStory:
    """Return the story of eight lines; raises NoStory where there are more or fewer."""
    lines = [
        (number, one_line(line))
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)
        if one_line(line) and not _RULE.match(one_line(line))
    ]
    negative = next((found for _, line in lines if (found := _negative_of(line))), "")
    lines = [(number, line) for number, line in lines if not _negative_of(line)]
    first = lines[0][1] if lines else ""
    title = title_of(first) if len(lines) > PANELS or not first.startswith("*") else ""
    if title or (len(lines) > PANELS and first.endswith((":", "："))):  # or a sentence that opens the list
        lines = lines[1:]
    _check_marks(lines)
    if lines and all(_BULLET.match(line) for _, line in lines):
        lines = [(number, _BULLET.sub("", line)) for number, line in lines]
    prompts = unquoted([line for _, line in lines])
    rows = [
        ForeignPanel(at=tr("line {line}", line=line[0]), prompt=prompt, negative=negative)
        for line, prompt in zip(lines, prompts, strict=True)
    ]
    return ForeignStory(rows=check_rows(rows, _LINES), title=title)


def _negative_of(line: str) -> str:
    """Return what a line such as `负面提示词：…` says; empty where it is another line."""
    name, colon, words = line.replace("：", ":").partition(":")
    return words.strip() if colon and len(name) <= LONGEST_NAME and column_of(name) == "negative" else ""


def _check_marks(lines: Sequence[tuple[int, str]]) -> None:
    """Raise NoStory where lines look like those of a numbered list that could not be read."""
    numbers = [at for at, line in lines if numbered(_OPENING.sub("", line)) or _BOLD_NUMBER.match(line)]
    bare = {found[0] for _, line in lines if (found := re.match(r"[1-9](?=[\s\-–—])", line))}
    if len(numbers) > 2 or len(bare) > PANELS // 2:
        numbers = numbers or [lines[0][0]]
        raise NoStory(
            tr(
                "line {line}: begins with a number; count the panels from 1 to 8, one line each",
                line=numbers[0],
            )
        )
