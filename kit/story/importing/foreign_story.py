"""Rows of a foreign story: a prompt each, and what else stands beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kit.messages import joined, mark, tr
from kit.story.story import PANELS

LONGEST_PROMPT = 5_000
"""Letters; a text encoder reads some hundred words."""
_LABEL_INSIDE = re.compile(
    r"(?:负面|反向|负向|正向|正面)?提示词(?:[（(][^）)]{0,12}[）)])?\s*[:：]|【[^】]{0,4}提示词】|(?:旁白|画面描述|负向|反向)\s*[:：]"
    r"|\b(?:negative )?(?:prompt|caption)\s*[:：]",
    re.IGNORECASE,
)
"""What begins another text within a prompt."""


class NoStory(ValueError):
    """A text that holds no story of this form; says what it lacks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingCall:
    """What a notebook says of a picture beside its words; None where it says nothing."""

    seed: int | None = None
    steps: int | None = None
    cfg: float | None = None
    size: int | None = None
    """Of a square picture, in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignPanel:
    """One panel as somebody wrote it."""

    at: str
    """Where it stands, in words such as `line 3`."""
    prompt: str
    """In one line."""
    caption: str = ""
    negative: str = ""
    drawn: DrawingCall = field(default_factory=DrawingCall)


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignStory:
    """Eight panels as somebody wrote them."""

    rows: Sequence[ForeignPanel]
    title: str = ""
    notes: Sequence[str] = ()
    """What was left out, and what was chosen where there was a choice."""


def one_line(text: str) -> str:
    r"""Return a text with single spaces and no line ends.

    >>> one_line(" a cat,\n  asleep ")
    'a cat, asleep'
    """
    return " ".join(text.split())


_QUOTES = re.compile(r'"([^"]*)"|“([^“”]*)”|「([^「」]*)」|『([^『』]*)』|`([^`]*)`|\'([^\']*)\'')


def unquoted(texts: Sequence[str]) -> list[str]:
    """Return texts without the quotes around them, where all that say anything stand in quotes whole.

    >>> unquoted(["“小猫”", '"小狗"']), unquoted(["“小猫”", "小狗"])
    (['小猫', '小狗'], ['“小猫”', '小狗'])
    """
    found = [_QUOTES.fullmatch(text) for text in texts]
    if not all(one or not text for one, text in zip(found, texts, strict=True)):
        return list(texts)
    return [one_line(one[one.lastindex or 0]) if one else "" for one in found]


ROWS = mark("must have exactly {wanted} rows, one a panel, got {got}; {mend}")
"""What is said of more or fewer than eight; of others than rows there are other words."""


def check_rows(rows: Sequence[ForeignPanel], miscounted: str = ROWS) -> Sequence[ForeignPanel]:
    """Return eight rows with a prompt each; raises NoStory for fewer, more or an empty one."""
    empty = [row.at for row in rows if not any(letter.isalpha() for letter in row.prompt)]
    if empty:
        places = joined(empty[:PANELS], tr(", "))
        raise NoStory(tr("{places}: there is no prompt; each of the eight panels needs one", places=places))
    for row in rows:
        _check_prompt(row)
    barred = [row.at for row in rows if "|" in row.prompt or "｜" in row.prompt]
    if len(barred) > 2:
        raise NoStory(
            tr(
                "{place}: holds | as a table does; write |---|---| below its names of columns",
                place=barred[0],
            )
        )
    if len(rows) != PANELS:
        mend = tr("write the others") if len(rows) < PANELS else tr("keep those of the story")
        raise NoStory(tr(miscounted, wanted=PANELS, got=len(rows), mend=mend))
    return rows


def _check_prompt(row: ForeignPanel) -> None:
    """Raise NoStory for a prompt that holds what was written around it."""
    if label := _LABEL_INSIDE.search(row.prompt):
        raise NoStory(
            tr(
                "{place}: the prompt holds {label} give that a column or a line of its own",
                place=row.at,
                label=label[0],
            )
        )
    if "**" in row.prompt or "```" in row.prompt:
        raise NoStory(tr("{place}: the prompt holds marks of Markdown, ** or ```; delete them", place=row.at))
    if len(row.prompt) > LONGEST_PROMPT:
        raise NoStory(
            tr(
                "{place}: a prompt has at most {most:,} letters, got {got:,}",
                place=row.at,
                most=LONGEST_PROMPT,
                got=len(row.prompt),
            )
        )
