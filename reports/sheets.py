"""Contact sheets: which pictures stand together on the page, and which seed is shown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, pstdev

from kit.experiment import Candidate
from kit.run import PanelRow, Run
from kit.story import PANELS, LoadedStory
from reports.records import Scores
from reports.shelf import FolderKey, Shelf, Strip, fill_shelf, native_side


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
class Album:
    """All blocks, and how large the pictures in them are."""

    blocks: tuple[Block, ...]
    done: int
    wanted: int
    unscored: int
    """Panels drawn or changed after the scoring; 0 before any scoring."""
    reduced_to: int | None
    """Side of the large views in pixels where they had to be reduced, else None."""


def contact_sheets(run: Run, scores: Scores | None) -> Album:
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
    return Album(
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
