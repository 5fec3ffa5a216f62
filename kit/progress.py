"""How far a stage is: the seam to whoever shows it."""

from typing import Protocol


class Progress(Protocol):
    """Whoever wants to know how far a stage is: panels, stories or training steps."""

    def note(self, text: str) -> None:
        """Hear what goes on while nothing can be counted: a base is loaded, prompts are read."""

    def begin(self, total: int, done: int) -> None:
        """Hear how many there are and how many of them are done already."""

    def advance(self, count: int, note: str = "") -> None:
        """Hear that so many more are done, and what there may be to say of them."""
