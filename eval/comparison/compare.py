"""Compare the candidates and the prompt orders of a run: paired, exact, no verdict where none is due.

Unit of inference: with several stories one replicate is a story (its seeds averaged) and the claim reaches
stories like these; with one story it is a seed and the claim stays with that story. A set of panels is paired
with its twin (same story, seed and order or candidate) before anything is averaged, so a missing twin takes
its partner along and never shifts a mean.

Three families, because they answer three questions: "which candidate" (every pair of candidates, averaged
over the orders), "which order" (every pair of orders, averaged over the candidates), and "does an order do
the same to each candidate" (the interaction of both). A family is pairs times declared metrics, and Holm
keeps the chance of any false verdict in it at .05. A family of m needs n pairs
with 2 / 2^n <= .05 / m: 6 seeds decide two candidates on one metric, 8 seeds two candidates on six metrics
or four candidates on one. So declare, under [compare] in the experiment, the metrics that decide. If none is,
all six are in, which costs power and never validity. The others are shown as exploratory, with p and no
verdict; the naive pairwise cosine is always shown and never judged.

Gates come first: a set with a faulty panel or with copies of one picture counts as missing, so eight copies
win nothing, however alike they are.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from statistics import fmean
from typing import TYPE_CHECKING, get_args

from eval.comparison import stats
from eval.comparison.design import ComparisonDesign, SetScores, design_of, paired, questions
from eval.comparison.verdict import CLAIMS, FLOOR, Contrast, Kind, Place, Question, Unit, judged, measured
from eval.metrics.registry import compared, gates
from eval.scorers.calibration import said_of
from eval.scoring.records import KEYS, STORIES_FILE, ScoredSet, read_summary, stories_frame
from kit.errors import ComparisonError
from kit.experiment.run import Run
from kit.files.encodings import json_bytes
from kit.files.folder_lock import lock_folder
from kit.messages import all_in_english, joined, tr
from kit.story.story import PANELS
from kit.versions import installed_version

if TYPE_CHECKING:
    from pandas import DataFrame

FILE = "comparison.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What is judged together; candidates, orders and interactions are one family each."""

    metrics: tuple[str, ...]
    size: int
    """Comparisons in the largest of the families."""
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
    calibration: str = ""
    """What may be believed of the weights, in a sentence."""


def compare(run: Run) -> Comparison:
    """Compare the candidates and the orders of a scored run and write comparison.json.

    Raises RunError where the run is not scored or its tables are damaged, ComparisonError where they lack a
    metric. Too few replicates are no error: the comparisons then say what is missing.
    """
    with lock_folder(run.folder, "compared"):
        summary = read_summary(run)
        lower = frozenset(one.name for one in summary.metrics if one.direction == "lower")
        scores, trusted = good_sets(stories_frame(run)), summary.calibration
        plan = design_of(run.loaded, scores, trusted.believed if trusted else None)
        comparison = replace(compare_scores(plan, scores, lower), calibration=said_of(trusted))
        told = json_bytes({"storykit": installed_version("storykit"), **all_in_english(asdict(comparison))})
        run.write_results({FILE: told})
    return comparison


def read_comparison(run: Run) -> Comparison | None:
    """Return what was compared, None where nothing was; raises RunError where comparison.json is damaged."""
    return run.read_record(FILE, Comparison) if (run.folder / FILE).exists() else None


def compare_scores(plan: ComparisonDesign, scores: SetScores, lower: Collection[str] = ()) -> Comparison:
    """Return all comparisons of a plan; `lower` names the metrics of which less is better."""
    asked = questions(plan, scores)
    shown = {question: measured(question, paired(question, plan, scores)) for question in asked}
    places = _places(shown, plan)
    contrasts = [
        judged(contrast, places.get(question), plan.unit, question.metric in lower)
        for question, contrast in shown.items()
    ]
    sizes: dict[Kind, int] = {kind: sum(q.kind == kind for q in places) for kind in get_args(Kind)}
    return Comparison(
        unit=plan.unit,
        claim=tr(CLAIMS[plan.unit]),
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


def good_sets(stories: "DataFrame") -> SetScores:
    """Return the scores of every set of eight good panels that passes every gate.

    Raises ComparisonError where the table lacks a metric, as that of an older storykit does.
    """
    metrics = [entry.name for entry in compared()]
    if lacking := [column for column in ("copies", *metrics) if column not in stories]:
        columns = joined(lacking, tr(", "))
        raise ComparisonError(
            tr(
                "{file} must have a column {columns}; run `storykit score` again",
                file=STORIES_FILE,
                columns=columns,
            )
        )
    known = stories.columns.intersection([*gates()])  # a table of before has no floor
    good = stories[(stories["panels_ok"] == PANELS) & ~(stories[known] > 0).any(axis=1)]
    return {
        ScoredSet(*(row[key] for key in KEYS)): {m: row[m] for m in metrics if not math.isnan(row[m])}
        for row in good[[*KEYS, *metrics]].to_dict("records")
    }


def _places(shown: Mapping[Question, Contrast], plan: ComparisonDesign) -> dict[Question, Place]:
    """Return the place of every comparison in a family; one without pairs stays in it, with p = 1."""
    places: dict[Question, Place] = {}
    for kind in get_args(Kind):
        family = [q for q in shown if q.kind == kind and q.metric in plan.metrics]
        adjusted = stats.holm([1.0 if (p := shown[q].p) is None else p for q in family])
        best = stats.holm([stats.smallest_p(shown[q].n) for q in family])
        places |= {q: Place(len(family), *both) for q, *both in zip(family, adjusted, best, strict=True)}
    return places


def _means(metric: str, plan: ComparisonDesign, scores: SetScores) -> dict[str, float]:
    """Return the mean of each candidate that has a score."""
    rows: dict[str, list[float]] = {}
    for place in product(plan.candidates, plan.orders, plan.stories, plan.seeds):
        if (value := scores.get(ScoredSet(*place), {}).get(metric)) is not None:
            rows.setdefault(place[0], []).append(value)
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
