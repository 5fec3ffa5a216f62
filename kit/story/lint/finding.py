"""One thing in a story that lets its hero drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kit.messages import joined, tr, trn

Rule = Literal[
    "words-differ",
    "looks-not-named",
    "name-alone",
    "pronoun",
    "not-first",
    "several-styles",
    "same-panels",
    "too-long",
    "negation",
    "one-panel-figure",
]
"""What a finding is about, what weighs most first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What lets a hero drift, where, and what to write instead."""

    rule: Rule
    panels: tuple[int, ...]
    """From 1 to 8: where something is to be changed."""
    what: str
    """What is there and what comes of it, one sentence without a full stop."""
    instead: str
    """The words to write."""
    is_example: bool = False
    """Whether other words of that kind do as well."""


def numbers(panels: Sequence[int]) -> str:
    """Return numbers of panels in words.

    >>> numbers([3]), numbers([1, 2, 3, 5])
    ('panel 3', 'panels 1 to 3, 5')
    """
    runs: list[list[int]] = []
    for panel in sorted(set(panels)):
        if runs and panel == runs[-1][-1] + 1:
            runs[-1].append(panel)
        else:
            runs.append([panel])
    said = [
        tr("{first} to {last}", first=run[0], last=run[-1])
        if len(run) > 2
        else joined(map(str, run), tr(", "))
        for run in runs
    ]
    listed = joined(said, tr(", "))
    return trn("panel {numbers}", "panels {numbers}", len(set(panels)), numbers=listed)
