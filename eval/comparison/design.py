"""What is compared with what: the experiment's questions, and the pairs of sets that answer each.

Three kinds of question. "candidate": two candidates, averaged over the orders. "order": two orders, averaged
over the candidates. "interaction": what a step from one order to another does to one candidate more than to
the other, the difference of two differences; where it is clear, the averages hide something.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean

from eval.comparison.verdict import Paired, Question, Unit
from eval.metrics.registry import METRICS, compared, judgeable, judged
from eval.scoring.records import ScoredSet
from kit.errors import ComparisonError
from kit.experiment.config import LoadedExperiment, baseline_of
from kit.experiment.fields import one_of
from kit.messages import tr

SetScores = Mapping[ScoredSet, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonDesign:
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


def design_of(
    loaded: LoadedExperiment, scores: SetScores, believed: Collection[str] | None = None
) -> ComparisonDesign:
    """Return what an experiment asks; where it declares no metric, all that some set has a score in.

    Args:
        loaded: the experiment.
        scores: of every set.
        believed: metrics that a calibration believes; None: nobody has measured it, and all are.

    Raises:
        ComparisonError: it declares what cannot decide, or declares nothing and nothing is believed.
    """
    experiment = loaded.experiment
    declared = experiment.compare.metrics
    try:
        for name in declared:
            one_of(name, judgeable())
    except ValueError as error:
        raise ComparisonError(
            tr("{file}: compare.metrics: {error}", file=loaded.path, error=error)
        ) from error
    by_default = [name for name in judged() if believed is None or METRICS[name].bare_name in believed]
    if not declared and not by_default:
        raise ComparisonError(
            tr(
                "the calibration of these weights believes no metric, so none can decide: score "
                "with other weights, or name under [compare] the metrics that shall decide all "
                "the same"
            )
        )
    baseline = baseline_of(experiment)
    names = [candidate.name for candidate in experiment.candidates]
    return ComparisonDesign(
        candidates=tuple(sorted(names, key=lambda name: name == baseline)),
        orders=(*experiment.orders[1:], experiment.orders[0]),
        stories=tuple(story.name for story in loaded.stories),
        seeds=tuple(experiment.seeds),
        metrics=declared or tuple(m for m in by_default if m in _scored_metrics(scores)) or tuple(by_default),
        declared=bool(declared),
    )


def questions(plan: ComparisonDesign, scores: SetScores) -> Iterator[Question]:
    """Yield every comparison, kind by kind, metric by metric, the reference as b."""
    scored = _scored_metrics(scores)
    for entry in compared():
        metric, decides = entry.name, entry.name in plan.metrics
        if not decides and (metric not in scored or entry.compared == "declared"):
            continue
        if decides or entry.compared != "orders":
            yield from (Question("candidate", metric, a, b) for a, b in combinations(plan.candidates, 2))
        yield from (Question("order", metric, a, b) for a, b in combinations(plan.orders, 2))
        if decides:
            for (a, b), step in product(combinations(plan.candidates, 2), combinations(plan.orders, 2)):
                yield Question("interaction", metric, a, b, step)


def paired(question: Question, plan: ComparisonDesign, scores: SetScores) -> Paired:
    """Return the pairs of a question: the means over those cells of a replicate that have both sides."""
    twins: dict[str | int, list[tuple[float, float]]] = {}
    places = list(product(plan.stories, plan.seeds, _sides(question, plan)))
    for story, seed, sides in places:
        sets = [ScoredSet(candidate, order, story, seed) for candidate, order in sides]
        found = [value for one in sets if (value := scores.get(one, {}).get(question.metric)) is not None]
        if len(found) == len(sets):
            pair = (
                (found[0], found[1]) if question.step is None else (found[0] - found[1], found[2] - found[3])
            )
            twins.setdefault(story if plan.unit == "story" else seed, []).append(pair)
    means = ((fmean(a for a, _ in pairs), fmean(b for _, b in pairs)) for pairs in twins.values())
    return Paired(tuple(means), len(places) - sum(map(len, twins.values())), len(places))


def _sides(question: Question, plan: ComparisonDesign) -> list[tuple[tuple[str, str], ...]]:
    """Return candidate and order of both sides; of an interaction each side after the step and before it."""
    a, b = question.a, question.b
    if question.step is not None:
        return [tuple(product((a, b), question.step))]
    if question.kind == "order":
        return [((name, a), (name, b)) for name in plan.candidates]
    return [((a, order), (b, order)) for order in plan.orders]


def _scored_metrics(scores: SetScores) -> set[str]:
    """Return the metrics that the story and the encoder define: in which some set has a score."""
    return {metric for row in scores.values() for metric in row}
