"""How far a stage is: the seam to whoever shows it."""

from typing import Protocol


class Progress(Protocol):
    """Whoever wants to know how far a stage is."""

    def begin(self, total: int, done: int) -> None:
        """Hear how many panels there are to do, and how many of them are done already."""

    def advance(self, count: int) -> None:
        """Hear that so many more panels are done."""
