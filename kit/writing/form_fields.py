"""A field of a form: what it is called, what it means, and how its text becomes a value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kit.lora.blocks import read_blocks
from kit.messages import mark, tr

FieldKind = Literal["text", "texts", "whole", "number", "numbers", "seeds", "flag", "blocks"]
MOST_SEEDS = 10_000
"""Seeds that a form takes; a verdict needs eight."""
_LONGEST_NUMBER = 24
_RANGE = re.compile(r"([0-9]{1,19})\s*(?:-|–|—|~|～|到|至|\.\.)\s*([0-9]{1,19})")
_MARKS = re.compile(r"[\s,，、;；]+")
_NO_SEEDS = mark("write whole numbers and ranges, as 0-7 or 0, 3, 12")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentField:
    """A key of an experiment in its form."""

    key: str
    kind: FieldKind
    label: str
    """A template."""
    help: str
    """A template."""
    table: str = ""
    """"controlnets", "score" and such, or "candidate"; empty at the top."""
    advanced: bool = False
    """Whether few need it."""
    choices: tuple[str, ...] = ()
    """All that it can be; empty where it can be more."""
    empty_says: bool = False
    """Whether an empty text is another value than none."""

    @property
    def name(self) -> str:
        """What it is called in a draft: the key, of a table with the table's name in front."""
        return f"{self.table}.{self.key}" if self.table not in ("", "candidate") else self.key

    def text_of(self, value: object) -> str | None:
        """Return a value as the field shows it; None where it cannot, so that it is kept as it is."""
        try:
            shown = _TEXTS[self.kind](value)
        except TypeError:
            return None
        return None if re.search(r"[\0-\x09\x0b-\x1f\x7f]", shown) else shown

    def value_of(self, text: str) -> object:
        """Return what a text of the field means; raises ValueError where that is nothing."""
        if self.kind == "text":
            return text
        if self.kind == "flag":
            return bool(text)
        if self.kind == "texts":
            return [one for one in map(str.strip, text.split("\n")) if one]
        if self.kind == "seeds":
            return seeds_in(text)
        if self.kind == "blocks":
            return read_blocks(text)
        numbers = [_number(one, self.kind) for one in _MARKS.split(text.strip()) if one]
        if self.kind == "numbers":
            return numbers
        if len(numbers) != 1:
            raise ValueError(tr("must be one number, got {got!r}", got=text[:_LONGEST_NUMBER]))
        return numbers[0]


def _number(text: str, kind: FieldKind) -> int | float:
    plain = text if len(text) <= _LONGEST_NUMBER else ""
    try:
        return int(plain)
    except ValueError:
        if kind == "whole":
            got = text[:_LONGEST_NUMBER]
            raise ValueError(tr("must be a whole number, got {got!r}", got=got)) from None
    try:
        return float(plain)
    except ValueError:
        raise ValueError(tr("must be a number, got {got!r}", got=text[:_LONGEST_NUMBER])) from None


def seeds_in(text: str) -> list[int]:
    """Return the seeds that a text lists, with ranges.

    >>> seeds_in("0-3, 7"), seeds_in("1 到 3、9")
    ([0, 1, 2, 3, 7], [1, 2, 3, 9])
    """
    found: list[int] = []
    spans = _RANGE.sub(lambda span: f" {span[1]}-{span[2]} ", text)
    for piece in filter(None, _MARKS.split(spans)):
        first, _, last = piece.partition("-")
        if not re.fullmatch(r"[0-9]{1,19}(?:-[0-9]{1,19})?", piece):
            raise ValueError(tr(_NO_SEEDS))
        start, end = int(first), int(last or first)
        if end < start:
            raise ValueError(tr("{first}-{last} runs backwards: write {last}-{first}", first=start, last=end))
        if len(found) + end - start >= MOST_SEEDS:
            raise ValueError(tr("are more than {most:,} seeds", most=MOST_SEEDS))
        found += range(start, end + 1)
    return found


def seeds_text(seeds: Sequence[int]) -> str:
    """Return seeds as a person lists them.

    >>> seeds_text([0, 1, 2, 3, 7, 9, 10])
    '0-3, 7, 9, 10'
    """
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    told = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(told)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown_text(value: object) -> str:
    if not isinstance(value, str) or "\n" in value:
        raise TypeError
    return value


def _shown_texts(value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(one, str) and one == one.strip() for one in value):
        raise TypeError
    if any(not one or "\n" in one for one in value):
        raise TypeError
    return "\n".join(value)


def _shown_number(value: object) -> str:
    if not _is_number(value):
        raise TypeError
    return str(value)


def _shown_numbers(value: object) -> str:
    if not isinstance(value, list) or not all(map(_is_number, value)):
        raise TypeError
    return ", ".join(map(str, value))


def _shown_seeds(value: object) -> str:
    if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
        raise TypeError
    return seeds_text(value)


def _shown_blocks(value: object) -> str:
    if not isinstance(value, dict) or not all(map(_is_number, value.values())):
        raise TypeError
    return ", ".join(f"{name}={share}" for name, share in value.items())


def _shown_flag(value: object) -> str:
    if not isinstance(value, bool):
        raise TypeError
    return "true" if value else ""


_TEXTS = {
    "text": _shown_text,
    "texts": _shown_texts,
    "whole": _shown_number,
    "number": _shown_number,
    "numbers": _shown_numbers,
    "seeds": _shown_seeds,
    "flag": _shown_flag,
    "blocks": _shown_blocks,
}
