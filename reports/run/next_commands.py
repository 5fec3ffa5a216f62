"""The commands that a run's page prints, as they work where the reader stands."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kit.files.user_paths import shell_word


@dataclass(frozen=True, kw_only=True, slots=True)
class NextCommands:
    """Commands about one run; of this machine's folders they name only those below the reader's."""

    run: str
    """The run's folder as a shell takes it."""
    again: str
    """A folder beside it."""
    elsewhere: bool
    """Whether the reader stands elsewhere and must first go to the folder that holds the run."""

    @classmethod
    def of(cls, folder: Path, here: Path) -> Self:
        """Return the commands about a run for a reader who stands in a folder.

        >>> NextCommands.of(Path("/in/runs/rain"), Path("/in")).score
        'storykit score runs/rain'
        """
        place, stand = folder.resolve(), here.resolve()
        elsewhere = not place.is_relative_to(stand)
        if place == stand:
            run, again = ".", f"../{place.name}-again"
        else:
            run = place.name if elsewhere else os.path.relpath(place, stand)
            again = f"{run}-again"
        return cls(run=_word(run), again=_word(again), elsewhere=elsewhere)

    @property
    def score(self) -> str:
        """The command that scores the run."""
        return f"storykit score {self.run}"

    @property
    def compare(self) -> str:
        """The command that compares the run's candidates."""
        return f"storykit compare {self.run}"

    @property
    def cast(self) -> str:
        """The command that casts the run's seeds."""
        return f"storykit cast {self.run}"

    def anew(self, *, cast: bool) -> tuple[str, ...]:
        """Return what makes such a run and its page once more, in a folder beside the run's.

        Args:
            cast: whether panels were chosen among the seeds, too.
        """
        drawn = f"storykit run {self.run}/experiment.toml --out {self.again}"
        chosen = (f"storykit cast {self.again}", f"storykit report {self.again}")
        return (drawn, *chosen) if cast else (drawn,)


def _word(path: str) -> str:
    """Return a path as one word of a command line, never one that begins as an option does."""
    return shell_word(f"./{path}" if path.startswith("-") else path)
