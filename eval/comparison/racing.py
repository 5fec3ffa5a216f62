"""Racing: seeds go first to candidates that can still win, and those that cannot are drawn no further.

After some seeds the leader's lead over a candidate has a mean and a spread. If the seeds to come are like
those seen (normal differences, mean and spread unknown), the lead over all seeds is Student's t around that
mean, and its tail below 0 is the chance that the candidate still ends in front. Below RISK, shared among the
candidates, it is out. However often one looks, a candidate that leaves would have won with no more than that
chance, so the race loses the winner of the full grid with a chance of at most RISK.

Controls do not race: the base without a LoRA, and the baseline that the experiment names, are drawn with
every seed that a candidate gets, so that whoever wins can be held against them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from eval.metrics.registry import gates, judgeable
from eval.scorers.load import Scorers
from eval.scoring.records import StoryScore
from eval.scoring.score import score
from kit.did_you_mean import did_you_mean
from kit.errors import ComparisonError
from kit.experiment.config import Experiment, LoadedExperiment
from kit.experiment.run import Run
from kit.messages import joined, tr

RISK = 0.05
"""Chance, over the whole race, to drop the candidate that would have won with all seeds."""
FILE = "race.json"
FIRST = 4
"""Seeds before the first look: with fewer a spread is hardly known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Eliminated:
    """A candidate that left the race."""

    candidate: str
    leader: str
    seeds: int
    """Seeds it was drawn with."""
    behind: float
    """The leader's mean lead over it, in the unit of the metric."""
    chance: float
    """That it would still have won."""
    mean: float | None = None
    """Of its values over its seeds; None in a file of an older storykit, as in the next."""
    panels: int | None = None
    """How many of it were drawn: so many rows of the run are about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Race:
    """race.json."""

    metric: str
    seeds: int
    """That there would have been."""
    risk: float
    left: tuple[str, ...]
    """With the controls."""
    out: tuple[Eliminated, ...]
    """In the order in which they left."""
    controls: tuple[str, ...] = ()
    """Drawn for comparison, without racing."""


def checkpoints(seeds: int) -> list[int]:
    """Return after how many seeds one looks: 4, then half as many again, while seeds are left.

    >>> checkpoints(16)
    [4, 6, 9, 13]
    """
    found = []
    count = FIRST
    while count < seeds:
        found.append(count)
        count += count // 2
    return found


def chance_to_win(lead: Sequence[float], seeds: int) -> float:
    """Return the chance that a lead over the seeds so far is none over all of them.

    Args:
        lead: the leader's value less the candidate's, one a seed, 2 or more.
        seeds: how many there will be.

    >>> round(chance_to_win([1.0, 2.0, 1.0, 2.0], 16), 4)
    0.0046
    """
    row = np.asarray(lead, dtype=np.float64)
    left = seeds - len(row)
    width = float(row.std(ddof=1)) * sqrt(left / (seeds * len(row)))
    if width == 0:
        return 0.0 if row.mean() > 0 else 1.0
    return float(t.sf(row.mean() / width, len(row) - 1))


def dropped(values: Mapping[str, Mapping[int, float]], seeds: int, entered: int) -> list[Eliminated]:
    """Return who is out at this look.

    Args:
        values: of each candidate in contention, by seed; higher is better.
        seeds: how many there will be.
        entered: candidates at the start of the race.
    """
    scored = {name: row for name, row in values.items() if row}
    if len(scored) < 2:
        return []
    leader = max(scored, key=lambda name: float(np.mean(list(scored[name].values()))))
    bar = RISK / max(1, entered - 1)
    out = []
    for name, row in values.items():
        both = [seed for seed in values[leader] if seed in row]
        lead = [values[leader][seed] - row[seed] for seed in both]
        if name != leader and len(lead) >= FIRST and (chance := chance_to_win(lead, seeds)) < bar:
            behind, mean = float(np.mean(lead)), float(np.mean(list(row.values())))
            out.append(
                Eliminated(
                    candidate=name, leader=leader, seeds=len(lead), behind=behind, chance=chance, mean=mean
                )
            )
    return out


class RaceResult(NamedTuple):
    """How a race ended."""

    left: list[str]
    gone: list[Eliminated]
    seeds: int
    """Drawn of those that are left: all, or those so far where one races on and there is no control."""


def run_race(
    names: Sequence[str],
    seeds: int,
    seen: Callable[[list[str], int], Mapping[str, Mapping[int, float]]],
    controls: Collection[str] = (),
) -> RaceResult:
    """Return how a race ends.

    Args:
        names: of the candidates, controls among them.
        seeds: how many there will be.
        seen: gives the values of some candidates, by seed, after so many seeds.
        controls: who is drawn along, and neither wins nor leaves.
    """
    left, gone = list(names), list[Eliminated]()
    entered = len(set(names) - set(controls))
    for count in checkpoints(seeds):
        values = seen(left, count)
        out = dropped({name: row for name, row in values.items() if name not in controls}, seeds, entered)
        gone += out
        left = [name for name in left if name not in {one.candidate for one in out}]
        if len(set(left) - set(controls)) == 1:
            return RaceResult(left, gone, seeds if set(left) & set(controls) else count)
    return RaceResult(left, gone, seeds)


def race(
    loaded: LoadedExperiment,
    metric: str,
    draw: Callable[[LoadedExperiment], Run],
    tools: Scorers,
) -> list[Eliminated]:
    """Draw an experiment as a race, write race.json, and return who left it.

    The run is then that of the candidates that are left, with all seeds, so that the winner can be held
    against the controls; with the seeds so far where one races on and there is no control. What was drawn of
    the others stays on disk, and the same experiment without a race takes it up again.

    Args:
        loaded: the experiment.
        metric: what it is about, a column of scores.stories.csv that can be judged.
        draw: draws what a run of an experiment lacks.
        tools: what pictures are measured with.
    """
    refuse_race(loaded.experiment, metric)
    names = [candidate.name for candidate in loaded.experiment.candidates]
    seeds, controls = loaded.experiment.seeds, controls_of(loaded.experiment)

    def seen(left: list[str], count: int) -> Mapping[str, Mapping[int, float]]:
        return _values(score(draw(_part(loaded, left, seeds[:count])), tools).stories, metric, left)

    held = run_race(names, len(seeds), seen, controls)
    run = draw(_part(loaded, held.left, seeds[: held.seeds]))
    drawn = Counter(row.candidate for row in run.rows())
    gone = [replace(one, panels=drawn[one.candidate]) for one in held.gone]
    told = Race(
        metric=metric,
        seeds=len(seeds),
        risk=RISK,
        left=tuple(held.left),
        out=tuple(gone),
        controls=tuple(controls),
    )
    run.write_json(FILE, asdict(told))
    return gone


def refuse_race(experiment: Experiment, metric: str) -> None:
    """Raise ComparisonError where there can be no race about a metric."""
    if metric not in judgeable():
        raise ComparisonError(
            tr(
                "a race must be about one of {metrics}, got {got!r}{meant}",
                metrics=joined(judgeable(), tr(", ")),
                got=metric,
                meant=did_you_mean(metric, judgeable()),
            )
        )
    controls = controls_of(experiment)
    if not can_race(experiment):
        aside = (
            tr(" (drawn for comparison only: {names})", names=joined(controls, tr(", "))) if controls else ""
        )
        raise ComparisonError(
            tr(
                "a race needs 2 candidates that race and more than {first} seeds, got {candidates} and "
                "{seeds}{aside}; leave out --race, or add candidates or seeds",
                first=FIRST,
                candidates=len(experiment.candidates) - len(controls),
                seeds=len(experiment.seeds),
                aside=aside,
            )
        )


def can_race(experiment: Experiment) -> bool:
    """Return whether there are candidates and seeds enough for a race."""
    racing = len(experiment.candidates) - len(controls_of(experiment))
    return racing > 1 and bool(checkpoints(len(experiment.seeds)))


def controls_of(experiment: Experiment) -> list[str]:
    """Return who is drawn for comparison alone: what has no LoRA, and the baseline if one is named."""
    named = experiment.compare.baseline
    return [one.name for one in experiment.candidates if one.is_bare or one.name == named]


def read_race(run: Run) -> Race | None:
    """Return how the race of a run ended, None where none was held; raises RunError where it is damaged."""
    return run.read_record(FILE, Race) if (run.folder / FILE).exists() else None


def _part(loaded: LoadedExperiment, names: Sequence[str], seeds: Sequence[int]) -> LoadedExperiment:
    """Return the experiment with some of its candidates and seeds."""
    experiment = loaded.experiment
    table = experiment.compare
    if table.baseline not in (None, *names):
        table = table.model_copy(update={"baseline": None})
    kept = tuple(candidate for candidate in experiment.candidates if candidate.name in names)
    part = {"seeds": tuple(seeds), "candidates": kept, "compare": table}
    return replace(loaded, experiment=experiment.model_copy(update=part))


def _values(stories: Sequence[StoryScore], metric: str, names: Sequence[str]) -> dict[str, dict[int, float]]:
    """Return each candidate's mean over orders and stories by seed, without seeds that lack a set."""
    found: dict[str, dict[int, list[float | None]]] = {name: {} for name in names}
    for story in stories:
        value = None if any(map(story.values.get, gates())) else story.values.get(metric)
        found[story.candidate].setdefault(story.seed, []).append(value)
    return {
        name: {seed: fmean(v for v in row if v is not None) for seed, row in seeds.items() if None not in row}
        for name, seeds in found.items()
    }
