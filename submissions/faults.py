"""One thing wrong with an entry: where, what, and how to mend it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from kit.errors import printable
from kit.messages import Message, in_english, joined, mark, tr, trn

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

    @property
    def message(self) -> Message:
        """The fault as one line, in the reader's language and in English."""
        place = shortened(self.place, _MOST)
        told = mark("{place}: {problem} ({mend})") if self.mend else mark("{place}: {problem}")
        return changed(tr(told, place=place, problem=self.problem, mend=self.mend), printable)

    @property
    def reason(self) -> Message:
        """The fault without its place, in the reader's language and in English."""
        advised = tr("{problem} ({mend})", problem=self.problem, mend=self.mend)
        return changed(advised if self.mend else self.problem, printable)

    @property
    def facts(self) -> dict[str, str]:
        """The fault for machines, in English."""
        return {name: in_english(text) for name, text in self._asdict().items()}

    def __str__(self) -> str:
        """Return the fault as one line."""
        return self.message


def listed(faults: Sequence[Fault]) -> Message:
    """Return all faults as one line, with their number in front.

    >>> str(listed([Fault("a", "is empty", "fill it"), Fault("b", "is lost")]))
    '2 faults: a: is empty (fill it); b: is lost'
    """
    told = joined(map(str, faults), tr("; "))
    return trn("{n} fault: {faults}", "{n} faults: {faults}", len(faults), faults=told)


def shortened(text: str, most: int, end: str = "") -> Message:
    """Return a text of so many characters at most, in each language, with an end behind what was cut."""
    return changed(text, lambda whole: whole if len(whole) <= most else whole[:most] + end)


def changed(text: str, change: Callable[[str], str]) -> Message:
    """Return a text that was changed in the same way in the reader's language and in English."""
    if isinstance(text, Message):
        return Message(change(text), text.id, text.values, change(text.english))
    return Message(change(text), "{text}", {"text": text}, change(text))
