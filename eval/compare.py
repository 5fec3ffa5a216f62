"""Compare the candidates and the prompt orders of a run: paired, exact, no verdict where none is due.

Unit of inference: with several stories one replicate is a story (its seeds averaged) and the claim reaches
stories like these; with one story it is a seed and the claim stays with that story. A set of panels is paired
with its twin (same story, seed and order or candidate) before anything is averaged, so a missing twin takes
its partner along and never shifts a mean.

Two families, because they answer two questions: "which candidate" (every pair of candidates, averaged over
the orders) and "which order" (every pair of orders, averaged over the candidates). A family is pairs times
declared metrics, and Holm keeps the chance of any false verdict in it at .05. A family of m needs n pairs
with 2 / 2^n <= .05 / m: 6 seeds decide two candidates on one metric, 8 seeds two candidates on four metrics
or four candidates on one. So declare, under [compare] in the experiment, the metrics that decide. If none is,
all four are in, which costs power and never validity. The others are shown as exploratory, with p and no
verdict; the naive pairwise cosine is always shown and never judged.
"""

import csv
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations, product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, get_args

from eval import stats
from eval.verdict import (
    CLAIMS,
    FLOOR,
    NAIVE,
    TITLES,
    Contrast,
    Kind,
    Paired,
    Place,
    Question,
    Unit,
    judged,
    measured,
)
from kit.errors import ComparisonError
from kit.experiment import LoadedExperiment, baseline_of
from kit.run import Run
from kit.story import PANELS

JUDGED = ("aesthetic_mean", "loo_mean", "text_mean", "mrr")
"""The metrics that decide where an experiment declares none."""


class Cell(NamedTuple):
    """One set of eight panels: one row of scores.stories.csv."""

    candidate: str
    order: str
    story: str
    seed: int


Scores = Mapping[Cell, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What the experiment asks; of two names the later one is the reference."""

    candidates: tuple[str, ...]
    """The baseline, if any, last."""
    orders: tuple[str, ...]
    """The experiment's first order last."""
    stories: tuple[str, ...]
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]
    declared: bool
    """Whether the experiment names the metrics; if not, they are all that can be."""

    @property
    def unit(self) -> Unit:
        """What one replicate is."""
        return "story" if len(self.stories) > 1 else "seed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What is judged together; candidates and orders are one family each."""

    metrics: tuple[str, ...]
    size: int
    """Comparisons in the larger of the two families."""
    sizes: Mapping[Kind, int]
    needed: int
    """Replicates with which a family of this size can reach a verdict."""
    declared: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All comparisons of a run, and the sets of candidates that they do not tell apart."""

    unit: Unit
    claim: str
    replicates: int
    floor: int
    family: Family
    comparisons: tuple[Contrast, ...]
    tied_sets: Mapping[str, tuple[tuple[str, ...], ...]]
    """By metric, best first; empty for a metric in which some pair has no verdict."""


def compare(run: Run) -> Comparison:
    """Compare the candidates and the orders of a scored run and write comparison.json.

    Raises RunError where the run is not scored, ComparisonError where its tables cannot be used.
    Too few replicates are no error: the comparisons then say what is missing.
    """
    try:
        listed = run.read_json("scores.json")["metrics"]
        lower = frozenset(metric["name"] for metric in listed if metric["direction"] == "lower")
    except (KeyError, TypeError) as error:
        path = run.folder / "scores.json"
        raise ComparisonError(f"{path} lacks its metrics; run `storykit score` again") from error
    plan = plan_of(run.loaded)
    comparison = compare_scores(plan, read_scores(run.folder / "scores.stories.csv"), lower)
    run.write_json("comparison.json", {"storykit": _version(), **asdict(comparison)})
    return comparison


def compare_scores(plan: Plan, scores: Scores, lower: Collection[str] = ()) -> Comparison:
    """Return all comparisons of a plan; `lower` names the metrics of which less is better."""
    shown = {question: measured(question, _paired(question, plan, scores)) for question in _questions(plan)}
    places = _places(shown, plan)
    contrasts = [
        judged(contrast, places.get(question), plan.unit, question.metric in lower)
        for question, contrast in shown.items()
    ]
    sizes: dict[Kind, int] = {kind: sum(q.kind == kind for q in places) for kind in get_args(Kind)}
    return Comparison(
        unit=plan.unit,
        claim=CLAIMS[plan.unit],
        replicates=len(plan.stories) if plan.unit == "story" else len(plan.seeds),
        floor=FLOOR,
        family=Family(
            metrics=plan.metrics,
            size=max(sizes.values()),
            sizes=sizes,
            needed=stats.pairs_needed(max(1, *sizes.values())),
            declared=plan.declared,
        ),
        comparisons=tuple(contrasts),
        tied_sets={m: _tied_sets(m, contrasts, _means(m, plan, scores), m in lower) for m in plan.metrics},
    )


def plan_of(loaded: LoadedExperiment) -> Plan:
    """Return what an experiment asks."""
    experiment = loaded.experiment
    declared = experiment.compare.metrics
    baseline = baseline_of(experiment)
    names = [candidate.name for candidate in experiment.candidates]
    return Plan(
        candidates=tuple(sorted(names, key=lambda name: name == baseline)),
        orders=(*experiment.orders[1:], experiment.orders[0]),
        stories=tuple(story.name for story in loaded.stories),
        seeds=tuple(experiment.seeds),
        metrics=declared or JUDGED,
        declared=bool(declared),
    )


def read_scores(path: Path) -> Scores:
    """Return the scores of every set of eight good panels; a faulty set and an empty number are left out.

    Raises ComparisonError, with the line, for what is no number or not finite, and for a set that is there
    twice: a silent choice between two rows would decide the comparison.
    """
    scores: dict[Cell, dict[str, float]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if lacking := [
                c for c in (*Cell._fields, "panels_ok", *TITLES) if c not in (rows.fieldnames or ())
            ]:
                raise ComparisonError(
                    f"{path.name} must have a column {', '.join(lacking)}; run `storykit score` again"
                )
            for row in rows:
                cell, numbers = _scored(row, f"{path.name} line {rows.line_num}")
                if cell in scores:
                    raise ComparisonError(
                        f"{path.name} must hold a set once, got {' '.join(map(str, cell))} twice"
                    )
                scores[cell] = numbers
    except OSError as error:
        raise ComparisonError(
            f"{path} cannot be read ({error.strerror}); run `storykit score` first"
        ) from error
    return scores


def _scored(row: Mapping[str, str], place: str) -> tuple[Cell, dict[str, float]]:
    """Return a set and its scores."""
    try:
        cell = Cell(row["candidate"], row["order"], row["story"], int(row["seed"]))
        good = int(row["panels_ok"]) == PANELS
        numbers = {metric: float(row[metric]) for metric in TITLES if good and row[metric]}
    except (TypeError, ValueError) as error:
        raise ComparisonError(f"{place}: must hold numbers, got {row}") from error
    if wild := [metric for metric, number in numbers.items() if not math.isfinite(number)]:
        raise ComparisonError(f"{place}: {', '.join(wild)} must be finite")
    return cell, numbers


def _questions(plan: Plan) -> Iterator[Question]:
    """Yield every comparison: candidates before orders, metric by metric, the reference as b."""
    names: dict[Kind, tuple[str, ...]] = {"candidate": plan.candidates, "order": plan.orders}
    shown = [metric for metric in TITLES if metric in (*JUDGED, NAIVE, *plan.metrics)]
    for kind, metric in product(names, shown):
        for a, b in combinations(names[kind], 2):
            yield Question(kind, metric, a, b)


def _paired(question: Question, plan: Plan, scores: Scores) -> Paired:
    """Return the pairs of a question: the means over those cells of a replicate that have both sides."""
    others = plan.orders if question.kind == "candidate" else plan.candidates
    cells = list(product(plan.stories, plan.seeds))
    sides: dict[str | int, list[tuple[float, float]]] = {}
    for (story, seed), other in product(cells, others):
        a, b = (_score(question, side, Cell(other, other, story, seed), scores) for side in question[2:])
        if a is not None and b is not None:
            sides.setdefault(story if plan.unit == "story" else seed, []).append((a, b))
    asked = len(cells) * len(others)
    means = ((fmean(a for a, _ in pairs), fmean(b for _, b in pairs)) for pairs in sides.values())
    return Paired(tuple(means), asked - sum(map(len, sides.values())), asked)


def _score(question: Question, side: str, cell: Cell, scores: Scores) -> float | None:
    """Return one side's score in a cell, None where it has none."""
    own = cell._replace(candidate=side) if question.kind == "candidate" else cell._replace(order=side)
    return scores.get(own, {}).get(question.metric)


def _places(shown: Mapping[Question, Contrast], plan: Plan) -> dict[Question, Place]:
    """Return the place of every comparison in a family; one without pairs stays in it, with p = 1."""
    places: dict[Question, Place] = {}
    for kind in get_args(Kind):
        family = [q for q in shown if q.kind == kind and q.metric in plan.metrics]
        p = [shown[q].p for q in family]
        adjusted = stats.holm([1.0 if one is None else one for one in p])
        best = stats.holm([stats.smallest_p(shown[q].n) for q in family])
        places |= {q: Place(len(family), *both) for q, *both in zip(family, adjusted, best, strict=True)}
    return places


def _means(metric: str, plan: Plan, scores: Scores) -> dict[str, float]:
    """Return the mean of each candidate that has a score."""
    rows: dict[str, list[float]] = {}
    for name, order, story, seed in product(plan.candidates, plan.orders, plan.stories, plan.seeds):
        value = scores.get(Cell(name, order, story, seed), {}).get(metric)
        if value is not None:
            rows.setdefault(name, []).append(value)
    return {name: fmean(values) for name, values in rows.items()}


def _tied_sets(
    metric: str, contrasts: Iterable[Contrast], means: Mapping[str, float], lower: bool
) -> tuple[tuple[str, ...], ...]:
    """Return the candidates that were not told apart, best first; none where a pair has no verdict."""
    pairs = [c for c in contrasts if c.kind == "candidate" and c.metric == metric]
    if any(c.verdict == "none" for c in pairs):
        return ()
    names = sorted(means, key=means.__getitem__, reverse=not lower)
    return stats.tied_sets(names, {frozenset((c.a, c.b)) for c in pairs if c.verdict == "tied"})


def _version() -> str | None:
    """Return the version of storykit, None where it is used without being installed."""
    try:
        return version("storykit")
    except PackageNotFoundError:
        return None
