"""The stage after the finals: the chosen eight refined, restored or enlarged, each a picture more of the run.

What comes out is chosen in their place, so that every later stage takes it; what was there stays.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from eval.casting.decisions import put_finished
from eval.casting.picks import KeptPicture, Place
from eval.comparison.compare import compare, read_comparison
from eval.scoring.records import Scores, StoryScore
from eval.scoring.score import score, score_of_set, scorers_of
from kit.errors import RunError
from kit.experiment.extras.extra_pictures import read_extras
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Refine, Step
from kit.generation.devices.device_memory import tile_that_fits
from kit.generation.painter import Painter
from kit.generation.repair.repair import finish_pictures
from kit.messages import joined, tr
from kit.models.bases.pipeline_class import pipeline_folder
from reports.run.story_page import ChosenStory
from submissions.packing.entry_file import (
    keep_decisions,
    kept_introduction,
    read_decisions,
    read_introduction,
)

if TYPE_CHECKING:
    from kit.progress import Progress


class FinishedSet(NamedTuple):
    """Eight finished pictures, and the set before."""

    before: ChosenStory
    seeds: tuple[int, ...]
    """What the finished pictures are known by, panel by panel."""


class TwoScores(NamedTuple):
    """A set before and after it was finished."""

    before: StoryScore
    after: StoryScore
    scores: Scores
    """Of the run."""


def unfinished(run: Run, chosen: ChosenStory) -> ChosenStory:
    """Return the set before it was finished, so that finishing twice is finishing otherwise."""
    made = {one.slot: one for one in read_extras(run).repairs if one.step.finishes_whole}

    def begun(seed: int, panel: int) -> int:
        slot = Slot(chosen.candidate, chosen.order, chosen.story, seed, panel)
        while slot in made:
            slot = made[slot].origin
        return slot.seed

    return replace(chosen, seeds=tuple(begun(seed, panel) for panel, seed in enumerate(chosen.seeds, 1)))


def finish_set(
    run: Run,
    chosen: ChosenStory,
    steps: Sequence[Step],
    painter: Painter,
    progress: "Progress | None" = None,
) -> FinishedSet:
    """Take the chosen eight through steps, put what comes out in their place, and return it.

    Stopped anywhere, the same call goes on; a second one makes nothing new.

    Args:
        run: of finals.
        chosen: the eight; of finished ones what they were made of is taken.
        steps: one after the other.
        painter: of the run's base.
        progress: hears of every picture.

    Raises:
        RunError: a picture could not be made, is not there, or is a draft.
        InputError: a step cannot be.
    """
    there, chosen = chosen.seeds, unfinished(run, chosen)
    place, seeds = (chosen.candidate, chosen.order, chosen.story), chosen.seeds
    for step in steps:
        slots = [Slot(*place, seed, panel) for panel, seed in enumerate(seeds, 1)]
        made = finish_pictures(run, painter, slots, step, progress)
        if reasons := dict.fromkeys(one.reason for one in made if one.reason):
            raise RunError(
                tr(
                    "the set cannot be finished, and stays as it was: {reasons}",
                    reasons=joined(reasons, tr("; ")),
                )
            )
        seeds = tuple(one.repair.number for one in made)
    rows = {row.slot: row.sha256 for row in run.rows()}
    keep = tuple(
        KeptPicture(panel=panel, seed=seed, sha256=rows[Slot(*place, seed, panel)])
        for panel, seed in enumerate(seeds, 1)
    )
    put_finished(run, place, there, keep)
    _leave_decided_seed(run, place, there)
    return FinishedSet(chosen, seeds)


def _leave_decided_seed(run: Run, place: Place, seeds: Sequence[int]) -> None:
    """Let what was finished stand for the seed that the team decided on in entry.toml."""
    decided = read_decisions(run)
    named = (decided.candidate, decided.order, decided.story)
    if decided.seed is None or set(seeds) != {decided.seed}:
        return
    if all(told in ("", one) for told, one in zip(named, place, strict=True)):
        path = kept_introduction(run)
        introduction = read_introduction(path) if path else ""
        keep_decisions(run, decided.model_copy(update={"seed": None}), introduction)


def in_tiles_where_needed(run: Run, place: Place, step: Refine, painter: Painter) -> Refine:
    """Return a refinement in parts, where a device has too little memory to draw it whole.

    One that was asked for at the place before stays in its parts, so that it goes on with the same pictures.
    """
    before = (one.step for one in read_extras(run).repairs if one.place == place)
    refined = (one for one in before if isinstance(one, Refine))
    begun = next((one for one in refined if replace(one, seed=step.seed, tile=0) == step), None)
    if begun is not None:
        return replace(step, tile=begun.tile)
    if pipeline_folder(run.loaded.experiment.base) is not None:  # it draws no picture in parts
        return step
    free = painter.free_gib()
    return step if free is None else replace(step, tile=tile_that_fits(free, step.size))


def two_scores(run: Run, done: FinishedSet, progress: "Progress | None" = None) -> TwoScores:
    """Score the run, and the set before and after, by the same scorers; verdicts that there were, too."""
    compared = read_comparison(run) is not None
    if progress is not None:
        progress.note(tr("loading the scorers"))
    tools, chosen = scorers_of(run.loaded), done.before
    scores = score(run, tools, progress)
    if compared:
        compare(run)
    place = (chosen.candidate, chosen.order, chosen.story)
    before, after = (score_of_set(run, place, one, tools, progress) for one in (chosen.seeds, done.seeds))
    return TwoScores(before, after, scores)
