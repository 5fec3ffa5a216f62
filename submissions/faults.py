"""One thing wrong with an entry: where, what, and how to mend it."""

from collections.abc import Sequence
from typing import NamedTuple

from kit.errors import printable

_MOST = 200
"""Characters of a place that are told."""


class Fault(NamedTuple):
    """One thing that keeps an entry or a bundle from being right."""

    place: str
    """File inside the bundle, or input, where it is wrong: `panels/3.png`, `introduction`."""
    problem: str
    """What must hold and what we got."""
    mend: str = ""
    """What to do about it; empty when there is no advice."""

    def __str__(self) -> str:
        """Return the fault as one line."""
        return printable(f"{self.place[:_MOST]}: {self.problem}" + (f" ({self.mend})" if self.mend else ""))


def listed(faults: Sequence[Fault]) -> str:
    """Return all faults as one line, with their number in front.

    >>> listed([Fault("a", "is empty", "fill it"), Fault("b", "is lost")])
    '2 faults: a: is empty (fill it); b: is lost'
    """
    noun = "fault" if len(faults) == 1 else "faults"
    return f"{len(faults)} {noun}: " + "; ".join(map(str, faults))
