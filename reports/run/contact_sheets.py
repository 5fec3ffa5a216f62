"""A run's pictures by place, and the contact sheets they make."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product, starmap
from operator import attrgetter
from pathlib import Path

import pandas as pd

from eval.scoring.records import MissingAttribute, PanelScore, Scores, StoryScore
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.run import PanelRow, Run, Slot
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, LoadedStory
from reports.run.held_maps import HeldMap, Portrait, held_maps, portraits_of
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
    thumb: Picture | None = None
    """A small copy of the weakest panel shown, for the place that says why; None for all others."""
    status: str
    """ok, missing, damaged, blank, wrong-size, or not-drawn before `generate` came to it."""
    reason: str = ""
    """Why it could not be scored, in the words of the scoring."""
    weakest: bool = False
    lacking: tuple[MissingAttribute, ...] = ()
    """What its text tells and it does not show."""
    anchor_of: tuple[str, ...] = ()
    """The words for whom other panels were drawn to match it; empty words for the whole picture."""
    maps: tuple[HeldMap, ...] = ()
    """What it was held to; of panels that are shown small none."""


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
    portraits: tuple[Portrait, ...] = ()
    """The pictures that the story has of its characters."""


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
    table = pd.DataFrame(list(columns), columns=list(seeds), dtype=float).T.dropna(axis="columns", how="all")
    distance = ((table - table.median()).abs() / table.std(ddof=0)).sum(axis="columns").round(9)
    return min(seeds, key=lambda seed: (-drawn.get(seed, 0), distance[seed]))


FOLDER = attrgetter("candidate", "order", "story", "seed")
"""What names eight panels of a run."""
SLOT = attrgetter(*Slot._fields)


class SheetAlbum:
    """All contact sheets of a run: no-LoRA candidates first, each block with one common seed."""

    def __init__(self, run: Run, scores: Scores | None) -> None:
        """Read what belongs to the run's present experiment; what it has dropped stays on disk unseen."""
        slots, experiment = list(run.wanted()), run.loaded.experiment
        drawn = {row.slot: row for row in run.rows()}
        self._run = run
        self._rows = {slot: drawn[slot] for slot in slots if slot in drawn}
        panels, faults, sets = (scores.panels, scores.faults, scores.stories) if scores else ((), (), ())
        self._anchors = _anchors(self._rows.values())
        self._panels = {SLOT(row): row for row in panels}
        self._faults = {SLOT(row): row for row in faults}
        self._lacking: dict[Slot, tuple[MissingAttribute, ...]] = {}
        for one in scores.missing if scores else ():
            slot = Slot(*SLOT(one))
            self._lacking[slot] = (*self._lacking.get(slot, ()), one)
        self._sets = {FOLDER(row): row for row in sets}
        shown = len(slots) // len(experiment.seeds)
        sides = (largest_side(run.panel_path(*slot)) for slot in self._rows)
        native = next((side for side in sides if side), SMALL_SIDE)  # all panels of a run have one size
        self._large = side_within(LARGE_BUDGET, shown, native)
        self._small = side_within(SMALL_BUDGET, len(slots) - shown, SMALL_SIDE)
        self.blocks = tuple(starmap(self._block, product(run.loaded.stories, experiment.orders)))
        self.done, self.wanted = len(self._rows), len(slots)
        self.unscored = sum(map(self._is_unscored, self._rows.values())) if scores else 0
        """Panels drawn or changed after the scoring; 0 before any scoring."""
        self.reduced_to = self._large if self._large < native else None
        """Side of the large views in pixels where they had to be reduced, else None."""

    def _block(self, story: LoadedStory, order: str) -> Block:
        """Return the sheets of a story in an order, at the seed that stands for all of them."""
        candidates, seeds = ranked(self._run), self._run.loaded.experiment.seeds
        folders = [(candidate.name, order, story.name) for candidate in candidates]
        drawn = Counter(slot.seed for slot in self._rows if slot[:3] in folders and self._is_good(slot))
        seed = representative_seed(seeds, drawn, self._columns(folders))
        sheets = [
            Sheet(
                candidate=candidate,
                shown=self._strip(story, (*folder, seed), shown=True),
                others=tuple(
                    self._strip(story, (*folder, other), shown=False) for other in seeds if other != seed
                ),
            )
            for candidate, folder in zip(candidates, folders, strict=True)
        ]
        portraits = portraits_of(story)
        return Block(story=story, order=order, seed=seed, sheets=tuple(sheets), portraits=portraits)

    def _is_unscored(self, row: PanelRow) -> bool:
        """Return whether the scores know nothing of this picture, or another picture in its place."""
        score = self._panels.get(row.slot)
        return score is None or (score.status == "ok" and score.sha256 != row.sha256)

    def _strip(self, story: LoadedStory, folder: tuple[str, str, str, int], *, shown: bool) -> Strip:
        """Return the eight panels of one folder, large where they are shown."""
        score = self._sets.get(folder)
        slots = [Slot(*folder, panel) for panel in range(1, PANELS + 1)]
        weakest = score.weakest_panel if score else None
        shots = [self._shot(story, slot, shown=shown, weakest=slot.panel == weakest) for slot in slots]
        return Strip(seed=folder[3], shots=tuple(shots), score=score)

    def _shot(self, story: LoadedStory, slot: Slot, *, shown: bool, weakest: bool) -> Shot:
        row, fault = self._rows.get(slot), self._faults.get(slot)
        path = self._run.panel_path(*slot) if row else None
        picture = embed(path, self._large if shown else self._small) if path else None
        return Shot(
            panel=slot.panel,
            caption=story.story.panels[slot.panel - 1].caption,
            prompt=row.prompt if row else prompt_of(story.story, slot.panel - 1, slot.order),
            picture=picture,
            thumb=embed(path, THUMB_SIDE) if path and weakest and shown else None,
            status=_status(path, self._panels.get(slot), picture),
            reason=fault.reason if fault else "",
            weakest=weakest,
            lacking=self._lacking.get(slot, ()),
            anchor_of=self._anchors.get(slot, ()),
            maps=held_maps(self._run, row.control) if row and shown else (),
        )

    def _is_good(self, slot: Slot) -> bool:
        """Return whether a picture is readable."""
        score = self._panels.get(slot)
        return score.status == "ok" if score else self._run.panel_path(*slot).exists()

    def _columns(self, folders: Sequence[tuple[str, str, str]]) -> Iterator[dict[int, float]]:
        """Yield every score of every folder of candidate, order, story, by seed."""
        for folder in folders:
            keys = [(*folder, seed) for seed in self._run.loaded.experiment.seeds]
            scored = {key[3]: self._sets[key].values for key in keys if key in self._sets}
            for name in dict.fromkeys(chain.from_iterable(scored.values())):
                yield {seed: value for seed, row in scored.items() if (value := row.get(name)) is not None}


def _anchors(rows: Collection[PanelRow]) -> dict[Slot, tuple[str, ...]]:
    """Return of each panel that others were drawn to match the words whom they match."""
    matched: dict[tuple[object, ...], dict[str, None]] = {}
    for row in rows:
        for anchor in row.anchors:
            picture = (row.candidate, row.order, row.story, anchor.prompt, anchor.seed)
            if not anchor.picture:
                matched.setdefault(picture, {})[anchor.subject] = None
    shown = {row.slot: (row.candidate, row.order, row.story, row.prompt, row.recipe_seed) for row in rows}
    return {slot: tuple(matched[picture]) for slot, picture in shown.items() if picture in matched}


def _status(path: Path | None, score: PanelScore | None, picture: Picture | None) -> str:
    """Return what is to be said of a panel: our own eyes first, then what the scores say."""
    if path is None:
        return "not-drawn"
    if picture is None:
        return "damaged" if path.exists() else "missing"
    return score.status if score else "ok"
