"""What was cast: the chosen eight panels of a story, and what the next best seed of each would cost."""

from dataclasses import dataclass

from eval.casting.selection import Selection, is_stale, read_selections
from kit.experiment.config import Candidate
from kit.experiment.run import Run
from kit.story.prompt import prompt_of
from kit.story.story import LoadedStory
from reports.run.contact_sheets import Shot
from reports.thumbnails import SMALL_BUDGET, embed, largest_side, side_within


@dataclass(frozen=True, kw_only=True, slots=True)
class CastSheet:
    """One selection with its pictures."""

    candidate: Candidate
    story: LoadedStory
    selection: Selection
    shots: tuple[Shot, ...]
    stale: bool
    """Whether a picture has been drawn anew since."""


def cast_sheets(run: Run) -> tuple[CastSheet, ...]:
    """Return what was cast of the run's present experiment, candidates in its order."""
    candidates = {candidate.name: candidate for candidate in run.loaded.experiment.candidates}
    stories = {story.name: story for story in run.loaded.stories}
    found = {(one.candidate, one.order, one.story): one for one in read_selections(run)}
    wanted = dict.fromkeys(slot[:3] for slot in run.wanted())
    chosen = [found[place] for place in wanted if place in found]
    return tuple(
        CastSheet(
            candidate=candidates[one.candidate],
            story=stories[one.story],
            selection=one,
            shots=tuple(_shots(run, stories[one.story], one, len(chosen))),
            stale=is_stale(run, one),
        )
        for one in chosen
    )


def _shots(run: Run, story: LoadedStory, one: Selection, sheets: int) -> list[Shot]:
    paths = [run.panel_path(one.candidate, one.order, one.story, part.seed, part.panel) for part in one.parts]
    native = next((side for side in map(largest_side, paths) if side), 1)
    side = side_within(SMALL_BUDGET, sheets * len(paths), native)
    pictures = [embed(path, side) for path in paths]
    return [
        Shot(
            panel=panel,
            caption=story.story.panels[panel - 1].caption,
            prompt=prompt_of(story.story, panel - 1, one.order),
            picture=picture,
            status="ok" if picture else "missing",
        )
        for panel, picture in enumerate(pictures, 1)
    ]
