"""Everything storykit refuses, as one tree.

StorykitError
├── InputError        a story, experiment, rules or dataset file that cannot be used
├── WeightsError      weights of a base, encoder, predictor or finisher missing or damaged
├── LoraError         a LoRA file that does not fit the base
├── RunError          a run folder that is missing something or cannot be written
│   └── StaleError    something was changed by another since it was seen
├── ScoreError        a metric that is undefined for what it was given
├── ComparisonError   a comparison that the numbers do not allow
├── BundleError       a submission bundle that cannot be packed or read
├── PublishError      a hub that cannot be reached, refuses, or does not hold what was sent
├── TrainError        a training that cannot start or go on
└── BoardError        a board that cannot be served, or is asked for what is not in its folder

A message says what must hold, what we got, and where it helps what to do. It is told in the reader's
language; its id and values are the same in each.
"""

from collections.abc import Mapping, Sequence

from kit.messages import Message, in_english, joined, tr

MOST_FAULTS = 20
"""Faults of a file that its error tells."""

LONGEST = 1000
"""Letters of a fault that its error tells."""


def printable(text: str) -> str:
    r"""Return a stranger's text as one line that a terminal shows and does not obey.

    >>> printable("red \x1b[31m\n")
    'red \\x1b[31m\\n'
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _shortened(fault: str) -> str:
    """Return a fault that is no longer than a terminal bears, in both languages."""
    if len(fault) <= LONGEST:
        return fault
    shown = f"{fault[:LONGEST]}..."
    return Message(shown, "{text}", {"text": fault}, f"{in_english(fault)[:LONGEST]}...")


def _one_line(text: str) -> str:
    return printable(" ".join(text.splitlines()))


class StorykitError(Exception):
    """An error of ours: shown as one line, exit code 1. Its text does nothing to a terminal."""

    @property
    def message(self) -> Message:
        """What is wrong, in the reader's language and in English."""
        told = self.args[0] if self.args else ""
        return told if isinstance(told, Message) else Message(str(told), "{text}", {"text": told}, str(told))

    @property
    def id(self) -> str:
        """The message's template, the same in every language."""
        return self.message.id

    @property
    def values(self) -> Mapping[str, object]:
        """What stands in the template's braces, by name."""
        return self.message.values

    def __str__(self) -> str:
        """Return the message as one line that a terminal shows; in another language it knows its English."""
        told = self.message
        return Message(_one_line(told), told.id, told.values, _one_line(told.english))


class InputError(StorykitError):
    """A file written by the user that cannot be used; carries every fault found in it."""

    def __init__(self, source: str, faults: Sequence[str]) -> None:
        """Join all faults, each with its place in the file, into one line."""
        self.source = source
        self.faults = tuple(faults)
        shown = [_shortened(one) for one in self.faults[:MOST_FAULTS]]
        more = len(self.faults) - MOST_FAULTS
        last = [tr("and {more:,} more faults", more=more)] if more > 0 else []
        told = joined([*shown, *last], tr("; "))
        super().__init__(tr("{source}: {faults}", source=source, faults=told))

    def __reduce__(self) -> tuple[object, ...]:
        """Return what makes it anew where it comes out of another process."""
        return type(self), (self.source, self.faults)


class WeightsError(StorykitError):
    """Weights of a base, encoder, predictor or finisher are missing or damaged, or something else."""


class LoraError(StorykitError):
    """A LoRA file does not fit the base."""


class RunError(StorykitError):
    """A run folder lacks something or cannot be written."""


class StaleError(RunError):
    """Something was changed by another since it was seen; carries what is there now."""

    def __init__(self, message: str, present: object) -> None:
        """Say what changed."""
        self.present = present
        super().__init__(message)


class ScoreError(StorykitError):
    """A metric is undefined for what it was given."""


class ComparisonError(StorykitError):
    """The numbers do not allow the comparison."""


class BundleError(StorykitError):
    """A submission bundle cannot be packed or read; carries every fault of one that cannot be packed."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        """Say what is wrong; of several faults the message holds all, and each has a line of its own here."""
        self.faults = tuple(faults)
        super().__init__(message)

    @property
    def opening(self) -> str:
        """The message up to its faults, which have lines of their own."""
        return str(self).removesuffix(joined(self.faults, tr("; "))).rstrip()


class PublishError(StorykitError):
    """A hub cannot be reached, refuses, or does not hold what was sent."""


class TrainError(StorykitError):
    """A training cannot start or go on."""


class BoardError(StorykitError):
    """A board that cannot be served, or is asked for what is not in its folder."""
