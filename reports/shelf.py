"""What a run holds, found by its place, and its pictures made ready for the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kit.prompt import prompt_of
from kit.run import PanelRow, Run
from kit.story import PANELS, LoadedStory
from reports.pictures import (
    LARGE_BUDGET,
    SMALL_BUDGET,
    SMALL_SIDE,
    THUMB_SIDE,
    Picture,
    embed,
    largest_side,
    side_within,
)
from reports.records import Fault, PanelScore, Scores, StoryScore

FolderKey = tuple[str, str, str, int]
"""Candidate, order, story, seed: eight panels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """One panel on a contact sheet; the picture is None where there is none to show."""

    panel: int
    caption: str
    prompt: str
    picture: Picture | None
    thumb: Picture | None
    """A small copy of the weakest panel shown, for the place that says why; None for all others."""
    status: str
    """ok, missing, damaged, blank, wrong-size, or not-drawn before `generate` came to it."""
    reason: str
    """Why it could not be scored, in the words of the scoring."""
    weakest: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """The eight panels of one seed, with the scores of the set where it was scored."""

    seed: int
    shots: tuple[Shot, ...]
    score: StoryScore | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What a run holds, found by candidate, order, story and seed."""

    run: Run
    rows: Mapping[tuple[FolderKey, int], PanelRow]
    panels: Mapping[tuple[FolderKey, int], PanelScore]
    reasons: Mapping[tuple[FolderKey, int], str]
    stories: Mapping[FolderKey, StoryScore]
    sides: tuple[int, int]
    """Largest side of shown and of other pictures, in pixels."""

    def strip(self, story: LoadedStory, folder: FolderKey, *, shown: bool) -> Strip:
        """Return the eight panels of one folder, large where they are shown."""
        shots = tuple(self._shot(story, folder, panel, shown=shown) for panel in range(1, PANELS + 1))
        return Strip(seed=folder[3], shots=shots, score=self.stories.get(folder))

    def _shot(self, story: LoadedStory, folder: FolderKey, panel: int, *, shown: bool) -> Shot:
        row = self.rows.get((folder, panel))
        path = self.run.panel_path(*folder, panel) if row else None
        picture = embed(path, self.sides[0] if shown else self.sides[1]) if path else None
        weakest = self._weakest(folder) == panel
        return Shot(
            panel=panel,
            caption=story.story.panels[panel - 1].caption,
            prompt=row.prompt if row else prompt_of(story.story, panel - 1, folder[1]),
            picture=picture,
            thumb=embed(path, THUMB_SIDE) if path and weakest and shown else None,
            status=_status(path, self.panels.get((folder, panel)), picture),
            reason=self.reasons.get((folder, panel), ""),
            weakest=weakest,
        )

    def _weakest(self, folder: FolderKey) -> int | None:
        score = self.stories.get(folder)
        return score.weakest_panel if score else None


def fill_shelf(run: Run, scores: Scores | None) -> Shelf:
    """Return what belongs to the run's present experiment; what it has dropped stays on disk unseen."""
    wanted = {slot[:4] for slot in run.wanted()}
    rows = {(_folder_key(row), row.panel): row for row in run.rows() if _folder_key(row) in wanted}
    shown = len(wanted) // len(run.loaded.experiment.seeds) * PANELS
    others = len(wanted) * PANELS - shown
    native = native_side(run, rows.values())
    panels, stories, faults = (scores.panels, scores.stories, scores.faults) if scores else ((), (), ())
    return Shelf(
        run=run,
        rows=rows,
        panels={(_folder_key(panel), panel.panel): panel for panel in panels},
        reasons={(_folder_key(fault), fault.panel): fault.reason for fault in faults},
        stories={_folder_key(story): story for story in stories},
        sides=(side_within(LARGE_BUDGET, shown, native), side_within(SMALL_BUDGET, others, SMALL_SIDE)),
    )


def _folder_key(row: PanelRow | PanelScore | StoryScore | Fault) -> FolderKey:
    return (row.candidate, row.order, row.story, row.seed)


def native_side(run: Run, rows: Iterable[PanelRow]) -> int:
    """Return the longer side of the first readable picture: all panels of a run have one size."""
    sides = (largest_side(run.panel_path(*run.slot_of(row))) for row in rows)
    return next((side for side in sides if side), SMALL_SIDE)


def _status(path: Path | None, score: PanelScore | None, picture: Picture | None) -> str:
    """Return what is to be said of a panel: our own eyes first, then what the scores say."""
    if path is None:
        return "not-drawn"
    if picture is None:
        return "damaged" if path.exists() else "missing"
    return score.status if score else "ok"
