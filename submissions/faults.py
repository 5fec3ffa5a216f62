"""One thing wrong with an entry: where, what, and how to mend it."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from kit.errors import printable
from kit.messages import Message, in_english, joined, mark, tr, trn

FINISH = mark("draw the finals with `storykit finish RUN` and pack those")
"""What mends a draft that was handed in."""
_MOST = 200
"""Characters of a place that are told."""


class Remedy(NamedTuple):
    """What mends a fault with one of our own commands or a decision of the team, for a page with a button."""

    action: Literal["generate", "score", "compare", "cast", "finish", "choose", "answer"]
    """A command on the run; else to choose what stands here, or to ask the team for a decision."""
    candidate: str = ""
    """To cast or to choose; so with the next four."""
    order: str = ""
    story: str = ""
    seed: int | None = None
    rules: str = ""
    decision: str = ""
    """Which decision the team is asked for: "candidate", "order", "story", "seed", "team", "title", ..."""
    known: tuple[str, ...] = ()
    """What there is to decide between; empty where it is text."""


class Fault(NamedTuple):
    """One thing that keeps an entry or a bundle from being right."""

    place: str
    """File inside the bundle, or input, where it is wrong: `panels/3.png`, `introduction`."""
    problem: str
    """What must hold and what we got."""
    mend: str = ""
    """What to do about it; empty when there is no advice."""
    remedy: Remedy | None = None
    """The same for a page with a button; None where one of our own commands does not mend it."""

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
        told = {"place": self.place, "problem": self.problem, "mend": self.mend}
        return {name: in_english(text) for name, text in told.items()}

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
