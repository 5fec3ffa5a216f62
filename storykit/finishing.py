"""Finishing as people ask for it, by command or in a notebook: which steps, on which set."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import InputError, RunError
from kit.experiment.identity import is_draft
from kit.experiment.run import Run
from kit.experiment.steps import MOST_SIDE, Refine, Step, check_step
from kit.files.user_paths import shell_word
from kit.generation.painter import Painter
from kit.messages import tr
from submissions.finished_set import FinishedSet, finish_set, in_tiles_where_needed

if TYPE_CHECKING:
    from kit.progress import Progress
    from reports.run.story_page import ChosenStory


class FinishingWish(NamedTuple):
    """What is to be done to a chosen set."""

    refine: float | None = None
    """Share of the steps that are drawn again at a larger size; None for none."""
    size: int | None = None
    """Side of the finished pictures in pixels; None: twice what was drawn, at most 2048."""

    def __bool__(self) -> bool:
        """Return whether anything is to be done."""
        return self.refine is not None

    def steps(self, run: Run, device: str) -> list[Step]:
        """Return the steps, one after the other; raises InputError for what cannot be.

        Args:
            run: of finals.
            device: where it is drawn.
        """
        steps: list[Step] = []
        if self.refine is not None:
            side = self.size or min(MOST_SIDE, 2 * run.loaded.settings.size)
            step = Refine(seed=0, strength=self.refine, size=side)
            check_step(step)
            steps.append(in_tiles_where_needed(step, device))
        return steps

    def check(self, run: Run) -> None:
        """Raise InputError for what no step can be, and RunError where nothing is asked for."""
        if not self and self.size is not None:
            raise InputError("size", [tr("is for --refine")])
        if not self and not is_draft(run):
            raise RunError(
                tr(
                    "{folder} holds no drafts, it is final already: `storykit pack {word}`, or "
                    "have it refined with --refine .3",
                    folder=run.folder,
                    word=shell_word(run.folder),
                )
            )
        self.steps(run, "cpu")


def finished(
    run: Run,
    chosen: "ChosenStory",
    wish: FinishingWish,
    painters: Sequence[Painter],
    progress: "Progress | None" = None,
) -> FinishedSet:
    """Make the finished pictures of a chosen set, and pick them."""
    return finish_set(run, chosen, wish.steps(run, painters[0].device), painters[0], progress)
