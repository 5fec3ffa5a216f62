"""What was chosen: the eight panels of a story, and what the next best seed of each would cost."""

from dataclasses import dataclass
from typing import NamedTuple

from eval.casting.picks import Picks
from eval.casting.selection import Selection, is_redrawn, is_stale, read_selection_file
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.extras.extra_pictures import Origin, origins_of
from kit.experiment.run import Run, Slot
from kit.experiment.steps import side_after
from kit.story.prompt import prompt_of
from kit.story.story import LoadedStory
from reports.run.contact_sheets import Shot
from reports.thumbnails import SMALL_BUDGET, embed, largest_side, side_within


class MadeFrom(NamedTuple):
    """How the picture of a panel came to be."""

    seed: int
    """That was drawn."""
    repaired: bool
    larger: int
    """Its side in pixels where it was made larger than it was drawn, else 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CastSheet:
    """One set with its pictures."""

    candidate: Candidate
    story: LoadedStory
    order: str
    seeds: tuple[int, ...]
    made: tuple[MadeFrom, ...]
    """Of each panel."""
    selection: Selection | None
    """None where all eight were picked by hand and nothing was cast."""
    shots: tuple[Shot, ...]
    stale: bool
    """Whether a picture has been drawn anew since."""


def cast_sheets(run: Run) -> tuple[CastSheet, ...]:
    """Return what was cast of the run's present experiment, candidates in its order."""
    candidates = {candidate.name: candidate for candidate in run.loaded.experiment.candidates}
    stories = {story.name: story for story in run.loaded.stories}
    file = read_selection_file(run)
    found: dict[tuple[str, str, str], Selection | Picks] = {
        one.place: one for one in file.picks if one.complete
    }
    found |= {one.place: one for one in file.selections}
    wanted = dict.fromkeys(slot[:3] for slot in run.wanted())
    chosen = [found[place] for place in wanted if place in found]
    return tuple(
        CastSheet(
            candidate=candidates[one.candidate],
            story=stories[one.story],
            order=one.order,
            seeds=one.seeds,
            made=tuple(_made_from(run, Slot(*one.place, seed, n)) for n, seed in enumerate(one.seeds, 1)),
            selection=one if isinstance(one, Selection) else None,
            shots=tuple(_shots(run, stories[one.story], one, len(chosen))),
            stale=is_stale(run, one) if isinstance(one, Selection) else is_redrawn(run, one),
        )
        for one in chosen
    )


def _made_from(run: Run, slot: Slot) -> MadeFrom:
    origin = origins_of(run).get(slot, Origin(slot, ()))
    drawn = run.loaded.settings.size
    side = side_after(drawn, origin.chain)
    repaired = any(not step.finishes_whole for step in origin.chain)
    return MadeFrom(origin.drawn.seed, repaired, side if side > drawn else 0)


def _shots(run: Run, story: LoadedStory, one: Selection | Picks, sheets: int) -> list[Shot]:
    paths = [run.panel_path(*one.place, seed, panel) for panel, seed in enumerate(one.seeds, 1)]
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
