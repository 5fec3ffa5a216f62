"""What is compared with what: the experiment's questions, and the pairs of sets that answer each.

Three kinds of question. "candidate": two candidates, averaged over the orders. "order": two orders, averaged
over the candidates. "interaction": what a step from one order to another does to one candidate more than to
the other, the difference of two differences; where it is clear, the averages hide something.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean
from typing import NamedTuple

from eval.comparison.verdict import Paired, Question, Unit
from eval.metrics.registry import compared, judgeable, judged
from kit.errors import ComparisonError
from kit.experiment.config import LoadedExperiment, baseline_of
from kit.experiment.fields import one_of


class ScoredSet(NamedTuple):
    """One set of eight panels: one row of scores.stories.csv."""

    candidate: str
    order: str
    story: str
    seed: int


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


def design_of(loaded: LoadedExperiment, scores: SetScores) -> ComparisonDesign:
    """Return what an experiment asks; where it declares no metric, all that some set has a score in.

    Raises ComparisonError where it declares what cannot decide.
    """
    experiment = loaded.experiment
    declared = experiment.compare.metrics
    try:
        for name in declared:
            one_of(name, judgeable())
    except ValueError as error:
        raise ComparisonError(f"{loaded.path}: compare.metrics: {error}") from error
    baseline = baseline_of(experiment)
    names = [candidate.name for candidate in experiment.candidates]
    return ComparisonDesign(
        candidates=tuple(sorted(names, key=lambda name: name == baseline)),
        orders=(*experiment.orders[1:], experiment.orders[0]),
        stories=tuple(story.name for story in loaded.stories),
        seeds=tuple(experiment.seeds),
        metrics=declared or tuple(m for m in judged() if m in _scored_metrics(scores)) or judged(),
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
    asked = 0
    for story, seed in product(plan.stories, plan.seeds):
        for a, b in _sides(question, plan, ScoredSet("", "", story, seed), scores):
            asked += 1
            if a is not None and b is not None:
                twins.setdefault(story if plan.unit == "story" else seed, []).append((a, b))
    means = ((fmean(a for a, _ in pairs), fmean(b for _, b in pairs)) for pairs in twins.values())
    return Paired(tuple(means), asked - sum(map(len, twins.values())), asked)


def _sides(
    question: Question, plan: ComparisonDesign, place: ScoredSet, scores: SetScores
) -> Iterator[tuple[float | None, float | None]]:
    """Yield both sides of a question in one story and seed, None where a set has no score."""

    def score(candidate: str, order: str) -> float | None:
        return scores.get(place._replace(candidate=candidate, order=order), {}).get(question.metric)

    a, b = question.a, question.b
    if question.kind == "candidate":
        yield from ((score(a, order), score(b, order)) for order in plan.orders)
    elif question.kind == "order":
        yield from ((score(name, a), score(name, b)) for name in plan.candidates)
    else:
        assert question.step is not None, "an interaction is about a step"
        after, before = question.step
        yield _rise(score(a, after), score(a, before)), _rise(score(b, after), score(b, before))


def _rise(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _scored_metrics(scores: SetScores) -> set[str]:
    """Return the metrics that the story and the encoder define: in which some set has a score."""
    return {metric for row in scores.values() for metric in row}
