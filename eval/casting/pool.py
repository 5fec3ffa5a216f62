"""The pictures that a set can be chosen from, and the choice of the best set of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

from eval.casting.picks import KeptPicture, Picks, Place
from eval.casting.search.branch_and_bound import FoundSet, best_set
from eval.casting.search.search import MetricScale, Search, scale_of
from eval.casting.search.set_scores import SetScorer, Values, set_scorer_of
from eval.casting.selection import PanelChoice, RatedSeed, Selection, SetQuality
from eval.metrics.story_facts import StoryFacts
from eval.scorers.calibration import Calibration
from kit.errors import ScoreError
from kit.experiment.extras.extra_pictures import single_slots
from kit.experiment.run import Run, Slot
from kit.images.copies import copied_pairs
from kit.messages import against_threshold, joined, tr
from kit.story.story import PANELS

if TYPE_CHECKING:
    from eval.scoring.measure import Measured

MOST_PICTURES = 2400
"""Of one place: the tables of their pairs take 0.3 GB, and grow with the square."""
PATIENCE_S = 60.0
"""How long one search goes on; drawn pictures take a fraction of a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The pictures of one story of one candidate in one order."""

    slots: Sequence[Slot]
    sha256: Sequence[str]
    choices: SetScorer
    scale: MetricScale
    floor: float | None = None
    """Aesthetic score below which a picture is damaged; None where nobody has measured it."""
    finished: frozenset[Slot] = frozenset()
    """What was made larger or cleaner of others: nothing to choose by itself, as they are there, too."""

    def seed(self, picture: int) -> int:
        """Return the seed of a picture."""
        return self.slots[picture].seed

    def pictures(self, seeds: Sequence[int]) -> list[int]:
        """Return the pictures of a set, of each panel that of its seed."""
        found = {(slot.panel, slot.seed): picture for picture, slot in enumerate(self.slots)}
        return [found[panel, seed] for panel, seed in enumerate(seeds, 1)]


def too_many(run: Run) -> bool:
    """Return whether a place has more pictures than can be held against each other."""
    return _most_pictures(run) > MOST_PICTURES


def _most_pictures(run: Run) -> int:
    """Return how many pictures a place of the run has at most."""
    extra = Counter(slot[:3] for slot in single_slots(run))
    return len(run.loaded.experiment.seeds) * PANELS + max(extra.values(), default=0)


def refuse_too_many(run: Run, more: int = 0) -> None:
    """Raise ScoreError where there are too many, or would be with so many more of one place."""
    if _most_pictures(run) + more > MOST_PICTURES:
        raise ScoreError(
            tr(
                "a set can be chosen from {most:,} pictures at most, {seeds:,} seeds of {panels} panels, as "
                "each is held against each; got {n:,} seeds: pick by hand, or cast from an experiment with "
                "fewer",
                most=MOST_PICTURES,
                seeds=MOST_PICTURES // PANELS,
                panels=PANELS,
                n=ceil((_most_pictures(run) + more) / PANELS),
            )
        )


def pool_of(
    place: Place, measured: "Measured", told: StoryFacts, calibration: Calibration | None = None
) -> Pool:
    """Return the usable pictures of a place, by panel and seed."""
    good = [
        slot for slot, reading in measured.readings.items() if slot[:3] == place and reading.status == "ok"
    ]
    slots = sorted(good, key=lambda slot: slot.panel)
    lacking = sorted(set(range(1, PANELS + 1)) - {slot.panel for slot in slots})
    if lacking:
        panels = joined(map(str, lacking), tr(", "))
        raise ScoreError(
            tr(
                "every panel needs a picture, there is none of {panels}: `storykit generate` draws them",
                panels=panels,
            )
        )
    sha256 = [measured.readings[slot].sha256 for slot in slots]
    choices = set_scorer_of(
        [slot.panel - 1 for slot in slots],
        np.stack([measured.embeddings[name] for name in sha256]),
        [measured.aesthetic[name] for name in sha256],
        told,
        copied_pairs([measured.looks[name] for name in sha256], [slot.panel for slot in slots]),
    )
    finished = frozenset(slot for slot in slots if measured.readings[slot].finished)
    scale = scale_of(choices, {picture for picture, slot in enumerate(slots) if slot in finished})
    if not scale.metrics:
        raise ScoreError(tr("there is nothing to choose, every set scores the same; draw more seeds"))
    floor = calibration.aesthetic_floor if calibration else None
    return Pool(slots=slots, sha256=sha256, choices=choices, scale=scale, floor=floor, finished=finished)


@dataclass(frozen=True, kw_only=True, slots=True)
class Aims:
    """What makes a set the best."""

    gate: float
    """The mean aesthetic score that it must reach."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the metrics, by name; empty where the weakest decides. One that is not named has 1."""
    patience_s: float = PATIENCE_S


def choose(pool: Pool, picks: Picks, aims: Aims) -> Selection:
    """Return the best set around the picks, with what each of them costs; ScoreError where there is none.

    No picture is below the floor where a set without such pictures passes.
    """
    search, found = _searched(pool, picks, aims, ())
    if not found.pictures:
        raise ScoreError(_why_none(search))
    candidate, order, story = picks.place
    return Selection(
        candidate=candidate,
        order=order,
        story=story,
        sets=prod(map(len, search.options)),
        standing=quality_of(search, found.pictures),
        parts=tuple(
            PanelChoice(
                panel=panel,
                seed=pool.seed(picture),
                sha256=pool.sha256[picture],
                kept=panel in picks.kept,
                swap=_swap(search, pool, found.pictures, panel - 1),
                free=_free(pool, picks, aims, found.pictures, panel),
            )
            for panel, picture in enumerate(found.pictures, 1)
        ),
        single=single_of(search, pool),
        weights=aims.weights,
        proven=found.proven,
    )


def search_in(pool: Pool, picks: Picks, aims: Aims) -> Search:
    """Return the search for the best set around the picks, pictures below the floor left out."""
    return Search(
        choices=pool.choices,
        scale=pool.scale,
        options=above_floor(pool, options_of(pool, picks)),
        gate=aims.gate,
        weights=_shares(pool.scale, aims.weights),
    )


def _searched(pool: Pool, picks: Picks, aims: Aims, known: Sequence[int]) -> tuple[Search, FoundSet]:
    """Return the best set around the picks, and the search that found it."""
    search, allowed = search_in(pool, picks, aims), options_of(pool, picks)
    found = best_set(search, known, aims.patience_s)
    if not found.pictures and search.options != allowed:
        search = replace(search, options=allowed)
        found = best_set(search, known, aims.patience_s)
    return search, found


def _free(pool: Pool, picks: Picks, aims: Aims, known: Sequence[int], panel: int) -> RatedSeed | None:
    """Return the best set if a panel that is kept were left open; None where it is open, or there is none."""
    if panel not in picks.kept:
        return None
    search, found = _searched(pool, picks.freeing(panel), aims, known)
    if not found.pictures:
        return None
    return RatedSeed(seed=pool.seed(found.pictures[panel - 1]), standing=quality_of(search, found.pictures))


def _shares(scale: MetricScale, weights: Mapping[str, float]) -> Values | None:
    """Return what part of the weighted mean each metric has; None where there are no weights."""
    if not weights:
        return None
    given = np.asarray([weights.get(metric, 1.0) for metric in scale.metrics], dtype=np.float64)
    if not np.isfinite(given).all() or (given < 0).any() or not given.any():
        raise ScoreError(
            tr("weights of metrics must be 0 or more and not all 0, got {weights}", weights=dict(weights))
        )
    return np.asarray(given / given.sum())


def options_of(pool: Pool, picks: Picks) -> list[list[int]]:
    """Return the pictures allowed for each panel; ScoreError where a picked one cannot be used."""
    kept, banned = {one.panel: one for one in picks.keep}, picks.banned
    options = []
    for panel in range(1, PANELS + 1):
        seeds = {pool.seed(picture): picture for picture in pool.choices.of(panel - 1)}
        one = kept.get(panel)
        if one is not None:
            _refuse_unusable(one, pool, seeds)
        allowed = [
            picture
            for seed, picture in seeds.items()
            if (pool.slots[picture] not in pool.finished if one is None else one.seed == seed)
            and (panel, seed) not in banned
        ]
        if not allowed:
            raise ScoreError(tr("panel {panel} has no picture left: every seed of it is banned", panel=panel))
        options.append(allowed)
    return options


def _refuse_unusable(one: KeptPicture, pool: Pool, seeds: Mapping[int, int]) -> None:
    if one.seed not in seeds:
        raise ScoreError(
            tr(
                "panel {panel} has no usable picture of seed {seed}, which is to be kept; draw it again, or "
                "pick another seed, or drop the picks (`storykit cast --forget`)",
                panel=one.panel,
                seed=one.seed,
            )
        )
    if pool.sha256[seeds[one.seed]] != one.sha256:
        raise ScoreError(
            tr(
                "panel {panel}, seed {seed} was picked by hand and drawn anew since: look at it and pick it "
                "again (`storykit cast --keep {panel}={seed}`), or drop the picks (`--forget`)",
                panel=one.panel,
                seed=one.seed,
            )
        )


def above_floor(pool: Pool, options: Sequence[list[int]]) -> list[list[int]]:
    """Return for each panel the pictures that are not below the floor; all where all are."""
    floor, points = pool.floor, pool.choices.aesthetic
    if floor is None:
        return list(options)
    return [[one for one in allowed if points[one] >= floor] or allowed for allowed in options]


def _why_none(search: Search) -> str:
    """Return which gate no set passes, and how far it is."""
    points = search.choices.aesthetic
    highest = float(np.mean([max(points[allowed]) for allowed in search.options]))
    if highest < search.gate:
        return tr(
            "the mean aesthetic score of a set must be at least {gate:g}, the highest of any "
            "is {highest:s}; draw more seeds, in no fewer steps and no smaller than the base's usual",
            gate=search.gate,
            highest=against_threshold(highest, search.gate, 2),
        )
    return tr(
        "no set of different pictures reaches a mean aesthetic score of {gate:g}; draw more seeds, in no "
        "fewer steps and no smaller than the base's usual",
        gate=search.gate,
    )


def quality_of(search: Search, pictures: Sequence[int]) -> SetQuality:
    """Return how good a set is."""
    row = np.asarray([pictures])
    choices, names = search.choices, search.scale.metrics
    above = search.standings(row)[0].tolist()
    deviations = dict(zip(names, above, strict=True))
    return SetQuality(
        values=dict(zip(choices.metrics, choices.values(row)[0].tolist(), strict=True)),
        deviations=deviations,
        mean=float(np.mean(above)),
        weakest=min(deviations, key=deviations.__getitem__),
        weighted=None if search.weights is None else float(search.weights @ above),
    )


def quality_among(pool: Pool, picks: Picks, aims: Aims, seeds: Sequence[int]) -> SetQuality:
    """Return how good the set of these seeds is, by the scale of the pool."""
    return quality_of(search_in(pool, picks, aims), pool.pictures(seeds))


def _swap(search: Search, pool: Pool, pictures: Sequence[int], panel: int) -> RatedSeed | None:
    """Return the next best seed for a panel (0 to 7)."""
    around = search.neighbours(pictures)
    others = around[(around[:, panel] != pictures[panel]) & search.passes(around)]
    swaps = [
        RatedSeed(seed=pool.seed(row[panel]), standing=quality_of(search, row)) for row in others.tolist()
    ]
    return max(swaps, key=lambda swap: swap.standing.rank, default=None)


def single_of(search: Search, pool: Pool) -> RatedSeed | None:
    """Return the best of the sets of one seed."""
    drawn = [picture for picture, slot in enumerate(pool.slots) if slot not in pool.finished]
    by_seed = groupby(sorted(drawn, key=pool.seed), key=pool.seed)
    singles = [
        RatedSeed(seed=seed, standing=quality_of(search, row))
        for seed, pictures in by_seed
        if len(row := list(pictures)) == PANELS
    ]
    return max(singles, key=lambda single: single.standing.rank, default=None)
