"""The stage that casts: of the seeds drawn for each panel, those that make the best set of eight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from math import prod

import numpy as np

from eval.casting.branch_and_bound import MetricScale, Search, scale_of
from eval.casting.selection import PanelChoice, RatedSeed, Selection, SetQuality, keep_selections
from eval.casting.set_scores import SetScorer, set_scorer_of
from eval.metrics.story_facts import StoryFacts, told_by
from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers
from eval.scoring.measure import Measured, measure
from eval.scoring.score import scorers_of
from kit.did_you_mean import none_such
from kit.errors import ScoreError
from kit.experiment.run import Run, Slot
from kit.files.folder_lock import lock_folder
from kit.images.copies import copied_pairs
from kit.messages import joined, mark, tr
from kit.progress import Progress
from kit.story.story import PANELS

Place = tuple[str, str, str]
"""Candidate, order, story."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CastRequest:
    """What is to be cast, and what was decided by hand."""

    candidate: str = ""
    """Empty: every one; so with the next two."""
    order: str = ""
    story: str = ""
    keep: Mapping[int, int] = field(default_factory=dict)
    """The seed of a panel, 1 to 8."""
    ban: frozenset[tuple[int, int]] = frozenset()
    """Panel and seed that must not be chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Casting:
    """What was chosen, and why nothing was where nothing could be."""

    selections: tuple[Selection, ...]
    refused: Mapping[Place, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The pictures of one story of one candidate in one order."""

    slots: Sequence[Slot]
    sha256: Sequence[str]
    choices: SetScorer
    scale: MetricScale
    floor: float | None = None
    """Aesthetic score below which a picture is damaged; None where nobody has measured it."""

    def seed(self, picture: int) -> int:
        """Return the seed of a picture."""
        return self.slots[picture].seed


def cast(
    run: Run, wish: CastRequest, tools: Scorers | None = None, progress: Progress | None = None
) -> Casting:
    """Choose a seed for every panel and write selection.json.

    Args:
        run: its panels drawn with several seeds.
        wish: what is to be cast, and what is decided already.
        tools: what pictures are measured with; by default what the experiment's [score] table names.
        progress: hears of every batch that is measured.

    Raises:
        ScoreError: a wish that cannot be met, or nothing at all could be cast.
    """
    with lock_folder(run.folder, "cast"):
        return _cast(run, wish, tools, progress)


def _cast(run: Run, wish: CastRequest, tools: Scorers | None, progress: Progress | None) -> Casting:
    places = _places(run, wish)
    if progress is not None:
        progress.note(tr("loading the scorers"))
    tools = tools or scorers_of(run.loaded)
    measured = measure(run, tools, progress)
    told = told_by(run.loaded, tools.encoder)
    selections: list[Selection] = []
    refused: dict[Place, str] = {}
    for place in places:
        try:
            pool = pool_of(place, measured, told[place[2]], tools.calibration)
            selections.append(_chosen(pool, place, wish, run.loaded.experiment.score.gate))
        except ScoreError as error:
            refused[place] = error.message
    if not selections:
        raise ScoreError(_told(refused))
    keep_selections(run, selections)
    return Casting(selections=tuple(selections), refused=refused)


def _told(refused: Mapping[Place, str]) -> str:
    """Return why nothing could be cast, each reason once."""
    places: dict[str, list[str]] = {}
    for place, reason in refused.items():
        places.setdefault(reason, []).append(" ".join(place))
    if len(places) == 1 and len(refused) > 1:
        return tr("all {n} sets of panels: {reason}", n=len(refused), reason=next(iter(places)))
    told = (
        tr("{place}: {told}", place=joined(named, tr(", ")), told=reason) for reason, named in places.items()
    )
    return joined(told, tr("; "))


_KINDS = {"candidate": mark("candidate"), "order": mark("order"), "story": mark("story")}


def _places(run: Run, wish: CastRequest) -> list[Place]:
    """Return what is to be cast; refuses what the run does not have."""
    experiment = run.loaded.experiment
    known = {
        "candidate": [candidate.name for candidate in experiment.candidates],
        "order": list(experiment.orders),
        "story": [story.name for story in run.loaded.stories],
    }
    for name, names in known.items():
        if (asked := getattr(wish, name)) and asked not in names:
            raise ScoreError(none_such(tr("the run"), tr(_KINDS[name]), asked, names))
    meant = {name: [asked] if (asked := getattr(wish, name)) else names for name, names in known.items()}
    places = list(product(*meant.values()))
    if len(experiment.seeds) == 1:
        raise ScoreError(
            tr(
                "every panel of {folder} has one picture, so there is nothing to choose: write "
                "more seeds into its experiment, seeds = [0, 1, 2, 3], draw it again with --out "
                "{folder}, then cast",
                folder=run.folder,
            )
        )
    decided = {*wish.keep.items(), *wish.ban}
    for panel, seed in sorted(decided):
        if not 1 <= panel <= PANELS or seed not in experiment.seeds:
            seeds = joined(map(str, experiment.seeds), tr(", "))
            raise ScoreError(
                tr(
                    "the run has panels 1 to {panels} and seeds {seeds}, got {panel}=seed{seed}",
                    panels=PANELS,
                    seeds=seeds,
                    panel=panel,
                    seed=seed,
                )
            )
    if decided and len(places) > 1:
        open_ones = [tr(_KINDS[name]) for name, names in meant.items() if len(names) > 1]
        raise ScoreError(
            tr(
                "a choice by hand is for one set of panels: name its {kinds}",
                kinds=joined(open_ones, tr(" and ")),
            )
        )
    return places


def pool_of(
    place: Place, measured: Measured, told: StoryFacts, calibration: Calibration | None = None
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
    scale = scale_of(choices)
    if not scale.metrics:
        raise ScoreError(tr("there is nothing to choose, every set scores the same; draw more seeds"))
    floor = calibration.aesthetic_floor if calibration else None
    return Pool(slots=slots, sha256=sha256, choices=choices, scale=scale, floor=floor)


def _chosen(pool: Pool, place: Place, wish: CastRequest, gate: float) -> Selection:
    """Return the best set, one without pictures below the floor if any passes; ScoreError where none does."""
    allowed = options_of(pool, wish)
    search = Search(choices=pool.choices, scale=pool.scale, options=above_floor(pool, allowed), gate=gate)
    best = search.best()
    if best is None and search.options != allowed:
        search = replace(search, options=allowed)
        best = search.best()
    if best is None:
        raise ScoreError(_why_none(search))
    candidate, order, story = place
    return Selection(
        candidate=candidate,
        order=order,
        story=story,
        sets=prod(map(len, search.options)),
        standing=quality_of(search, best.pictures),
        parts=tuple(
            PanelChoice(
                panel=panel,
                seed=pool.seed(picture),
                sha256=pool.sha256[picture],
                kept=panel in wish.keep,
                swap=_swap(search, pool, best.pictures, panel - 1),
            )
            for panel, picture in enumerate(best.pictures, 1)
        ),
        single=single_of(search, pool),
    )


def options_of(pool: Pool, wish: CastRequest) -> list[list[int]]:
    """Return the pictures allowed for each panel."""
    options = []
    for panel in range(1, PANELS + 1):
        seeds = {pool.seed(picture): picture for picture in pool.choices.of(panel - 1)}
        kept = wish.keep.get(panel)
        if kept is not None and kept not in seeds:
            raise ScoreError(
                tr(
                    "panel {panel} has no usable picture of seed {seed}, which is to be kept",
                    panel=panel,
                    seed=kept,
                )
            )
        allowed = [
            picture
            for seed, picture in seeds.items()
            if kept in (None, seed) and (panel, seed) not in wish.ban
        ]
        if not allowed:
            raise ScoreError(tr("panel {panel} has no picture left: every seed of it is banned", panel=panel))
        options.append(allowed)
    return options


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
            "is {highest:.2f}; draw more seeds",
            gate=search.gate,
            highest=highest,
        )
    return tr(
        "no set of different pictures reaches a mean aesthetic score of {gate:g}; draw more seeds",
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
    )


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
    by_seed = groupby(sorted(range(len(pool.slots)), key=pool.seed), key=pool.seed)
    singles = [
        RatedSeed(seed=seed, standing=quality_of(search, row))
        for seed, pictures in by_seed
        if len(row := list(pictures)) == PANELS
    ]
    return max(singles, key=lambda single: single.standing.rank, default=None)
