"""A run's pictures by place, and the contact sheets they make."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, pstdev

from eval.scoring.records import PanelFault, PanelScore, Scores, StoryScore
from kit.experiment.config import Candidate
from kit.experiment.run import PanelRow, Run
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, LoadedStory
from reports.thumbnails import (
    LARGE_BUDGET,
    SMALL_BUDGET,
    SMALL_SIDE,
    THUMB_SIDE,
    Picture,
    embed,
    largest_side,
    side_within,
)


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
class Sheet:
    """One candidate's pictures of one story in one order: the seed shown, and the others."""

    candidate: Candidate
    shown: Strip
    others: tuple[Strip, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """The sheets that are read side by side: same story, same order, same seed."""

    story: LoadedStory
    order: str
    seed: int
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetAlbum:
    """All blocks, and how large the pictures in them are."""

    blocks: tuple[Block, ...]
    done: int
    wanted: int
    unscored: int
    """Panels drawn or changed after the scoring; 0 before any scoring."""
    reduced_to: int | None
    """Side of the large views in pixels where they had to be reduced, else None."""


def contact_sheets(run: Run, scores: Scores | None) -> SheetAlbum:
    """Return all contact sheets of a run: no-LoRA candidates first, each block with one common seed."""
    experiment = run.loaded.experiment
    shelf = fill_shelf(run, scores)
    candidates = ranked(run)
    blocks = []
    for story in run.loaded.stories:
        for order in experiment.orders:
            folders = [(candidate.name, order, story.name) for candidate in candidates]
            seed = representative_seed(experiment.seeds, _drawn(shelf, folders), _columns(shelf, folders))
            sheets = tuple(_sheet(shelf, story, candidate, order, seed) for candidate in candidates)
            blocks.append(Block(story=story, order=order, seed=seed, sheets=sheets))
    native = native_side(run, shelf.rows.values())
    return SheetAlbum(
        blocks=tuple(blocks),
        done=len(shelf.rows),
        wanted=len(blocks) * len(candidates) * len(experiment.seeds) * PANELS,
        unscored=sum(_unscored(shelf, place, row) for place, row in shelf.rows.items()) if scores else 0,
        reduced_to=shelf.sides[0] if shelf.sides[0] < native else None,
    )


def ranked(run: Run) -> list[Candidate]:
    """Return the candidates as the page lists them: those without a LoRA first."""
    return sorted(run.loaded.experiment.candidates, key=lambda candidate: candidate.lora is not None)


def representative_seed(
    seeds: Sequence[int], drawn: Mapping[int, int], columns: Iterable[Mapping[int, float]]
) -> int:
    """Return the seed to show: with most pictures, then with scores closest to the middle of all seeds.

    Never the best-looking one: distance is counted from the median, in standard deviations, summed over all
    candidates and scores. Without scores it is the first seed.

    Args:
        seeds: In the experiment's order; ties go to the earliest.
        drawn: Pictures a seed has, over all candidates.
        columns: One score of one candidate, by seed.

    >>> representative_seed([4, 5, 6], {4: 8, 5: 8, 6: 8}, [{4: 1.0, 5: 9.0, 6: 2.0}])
    6
    """
    distance = dict.fromkeys(seeds, 0.0)
    for column in columns:
        spread = pstdev(column.values()) if column else 0.0
        if spread > 0:
            middle = median(column.values())
            for seed in seeds:
                distance[seed] += abs(column[seed] - middle) / spread if seed in column else 0.0
    return min(seeds, key=lambda seed: (-drawn.get(seed, 0), round(distance[seed], 9)))


FolderKey = tuple[str, str, str, int]
"""Candidate, order, story, seed: eight panels."""


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


def _unscored(shelf: Shelf, place: tuple[FolderKey, int], row: PanelRow) -> bool:
    """Return whether the scores know nothing of this picture, or another picture in its place."""
    score = shelf.panels.get(place)
    return score is None or (score.status == "ok" and score.sha256 != row.sha256)


def _drawn(shelf: Shelf, folders: Iterable[tuple[str, str, str]]) -> dict[int, int]:
    """Return how many readable pictures each seed has over some folders of candidate, order, story."""
    counts = dict.fromkeys(shelf.run.loaded.experiment.seeds, 0)
    wanted = set(folders)
    for folder, panel in shelf.rows:
        score = shelf.panels.get((folder, panel))
        good = score.status == "ok" if score else shelf.run.panel_path(*folder, panel).exists()
        counts[folder[3]] += folder[:3] in wanted and good
    return counts


def _columns(shelf: Shelf, folders: Iterable[tuple[str, str, str]]) -> Iterator[dict[int, float]]:
    """Yield every score of every folder of candidate, order, story, by seed."""
    seeds = shelf.run.loaded.experiment.seeds
    for folder in folders:
        scored = {seed: shelf.stories[*folder, seed] for seed in seeds if (*folder, seed) in shelf.stories}
        names = dict.fromkeys(name for story in scored.values() for name in story.values)
        for name in names:
            values = ((seed, story.values.get(name)) for seed, story in scored.items())
            yield {seed: value for seed, value in values if value is not None}


def _sheet(shelf: Shelf, story: LoadedStory, candidate: Candidate, order: str, seed: int) -> Sheet:
    place = (candidate.name, order, story.name)
    others = (other for other in shelf.run.loaded.experiment.seeds if other != seed)
    return Sheet(
        candidate=candidate,
        shown=shelf.strip(story, (*place, seed), shown=True),
        others=tuple(shelf.strip(story, (*place, other), shown=False) for other in others),
    )


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


def _folder_key(row: PanelRow | PanelScore | StoryScore | PanelFault) -> FolderKey:
    return (row.candidate, row.order, row.story, row.seed)


def native_side(run: Run, rows: Iterable[PanelRow]) -> int:
    """Return the longer side of the first readable picture: all panels of a run have one size."""
    sides = (largest_side(run.panel_path(*row.slot)) for row in rows)
    return next((side for side in sides if side), SMALL_SIDE)


def _status(path: Path | None, score: PanelScore | None, picture: Picture | None) -> str:
    """Return what is to be said of a panel: our own eyes first, then what the scores say."""
    if path is None:
        return "not-drawn"
    if picture is None:
        return "damaged" if path.exists() else "missing"
    return score.status if score else "ok"
