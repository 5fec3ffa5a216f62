"""Every metric: its formula, direction, range and source."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.metrics.concept_subspaces import (
    COPY,
    ConceptSubspaces,
    copies,
    effective_panels,
    place_auc,
    projected,
    within,
)
from eval.metrics.consistency import consistency, leave_one_out, mrr, panel_text, text_ranks
from eval.scorers.protocols import Encoder, Metric, Scorer, describe
from kit.story.story import Role

Row = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryFacts:
    """What the story says of its eight panels."""

    casts: Sequence[Hashable]
    """Who is in each."""
    places: Sequence[Hashable]
    """Where each is; None where the story does not say."""
    texts: NDArray[np.float32]
    """(8, dim) rows of their texts."""
    facets: ConceptSubspaces
    clauses: Mapping[str, tuple[Sequence[int], NDArray[np.float32]]] = field(default_factory=dict)
    """By role the panels, from 0, that have such clauses, and the (panels, dim) rows of these alone."""
    copy_above: float = COPY
    """Cosine that two copies exceed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelSet:
    """What the pictures show."""

    embeddings: NDArray[np.float32]
    """(8, dim)."""
    aesthetics: Sequence[float]
    told: StoryFacts


class MetricValue(NamedTuple):
    """A number of a set, and of each panel where the metric has one."""

    value: float | None
    """Higher is better, but for `copies` and `naive`; None where the story, or an encoder to
    which all of a role's words are one, leaves it undefined."""
    panels: Row | None = None
    """(8,); the lowest is the panel that breaks it."""


def identity(shown: PanelSet) -> MetricValue:
    """Return whether each panel shows the figures that are told, and the same as panels of the same cast.

    Half is likeness to the others, half to the words: without the words a story that changes its hero in
    most panels would look better the more it does so.
    """
    who = shown.told.facets.identity
    if not len(who):
        return MetricValue(None)
    seen = projected(shown.embeddings, who)
    panels = (within(seen, shown.told.casts) + panel_text(seen, projected(shown.told.texts, who))) / 2
    return _mean(panels)


def style(shown: PanelSet) -> MetricValue:
    """Return how alike the style is."""
    if not len(shown.told.facets.style):
        return MetricValue(None)
    return _mean(leave_one_out(projected(shown.embeddings, shown.told.facets.style)))


def place(shown: PanelSet) -> MetricValue:
    """Return whether the place stays and changes as the story says."""
    if not len(shown.told.facets.place):
        return MetricValue(None)
    return MetricValue(place_auc(projected(shown.embeddings, shown.told.facets.place), shown.told.places))


def copied(shown: PanelSet) -> MetricValue:
    """Return the share of pairs that are copies; a gate, lower is better."""
    return MetricValue(copies(shown.embeddings, shown.told.copy_above))


def different(shown: PanelSet) -> MetricValue:
    """Return how many different panels there are; shown beside `copied`."""
    return MetricValue(effective_panels(shown.embeddings))


def staging(shown: PanelSet) -> MetricValue:
    """Return how much poses, faces and framing change from panel to panel: stillness buys consistency."""
    if not len(shown.told.facets.staging):
        return MetricValue(None)
    return MetricValue(1 - consistency(projected(shown.embeddings, shown.told.facets.staging)))


def text(shown: PanelSet) -> MetricValue:
    """Return how well the panels show their own texts."""
    return _mean(panel_text(shown.embeddings, shown.told.texts))


def adherence(shown: PanelSet, role: str) -> float | None:
    """Return how well the panels show their clauses of one role, each by its own words; None without any."""
    if role not in shown.told.clauses:
        return None
    panels, words = shown.told.clauses[role]
    return float(panel_text(shown.embeddings[list(panels)], words).mean())


def rank(shown: PanelSet) -> MetricValue:
    """Return whether each panel is the best of the eight for its text."""
    places = text_ranks(shown.embeddings, shown.told.texts)
    return MetricValue(mrr(places), -places)


def aesthetic(shown: PanelSet) -> MetricValue:
    """Return the aesthetic score, the contest's mean."""
    return _mean(np.asarray(shown.aesthetics, dtype=np.float64))


def naive(shown: PanelSet) -> MetricValue:
    """Return the mean pairwise cosine, the usual number."""
    return MetricValue(consistency(shown.embeddings))


def _mean(panels: Row) -> MetricValue:
    return MetricValue(float(panels.mean()), panels)


SET_METRICS: Mapping[str, Callable[[PanelSet], MetricValue]] = {
    "identity": identity,
    "style": style,
    "place": place,
    "copies": copied,
    "effective_panels": different,
    "staging": staging,
    "text": text,
    "mrr": rank,
    "aesthetic": aesthetic,
    "naive": naive,
}
"""By name; all but `copies` and `naive` are the higher the better."""


_SET = "over the eight panels"


def describe_metrics(aesthetic: Scorer, encoder: Encoder) -> tuple[Metric, ...]:
    """Return a description of each column of the two score tables that holds a number."""
    return (*_aesthetic(describe(aesthetic)), *_encoded(encoder))


def _aesthetic(metric: Metric) -> tuple[Metric, ...]:
    low, high = metric.range
    return (
        replace(metric, name="aesthetic"),
        replace(metric, name="aesthetic_mean", title=f"{metric.title}, mean {_SET}, the contest's"),
        replace(metric, name="aesthetic_min", title=f"{metric.title}, weakest panel"),
        replace(
            metric,
            name="aesthetic_gain",
            title=f"{metric.title}, mean difference to the baseline at the same prompt and seed",
            range=(low - high, high - low),
        ),
    )


def _encoded(encoder: Encoder) -> tuple[Metric, ...]:
    cosine = Metric(
        name="text",
        title="Panel-text cosine",
        direction="higher",
        range=(-1.0, 1.0),
        unit="cosine",
        source="cosine of CLIP embeddings; the text is the panel's own, without trigger and style",
        stamp=encoder.stamp,
    )
    loo = replace(
        cosine,
        name="loo",
        title="Leave-one-out consistency",
        source="cosine to the normalised mean of the other seven panels",
    )
    rank = replace(
        cosine,
        name="text_rank",
        title="Text rank",
        direction="lower",
        range=(1.0, 8.0),
        unit="rank",
        source="place of the panel among the eight by the cosine to its text; ties share the mean rank",
    )
    naive = "mean cosine of all 28 pairs; the usual number, printed as a baseline: eight copies are its best"
    return (
        cosine,
        rank,
        loo,
        replace(cosine, name="naive", title="Naive consistency", source=naive),
        replace(loo, name="loo_mean", title=f"{loo.title}, mean {_SET}"),
        replace(loo, name="loo_min", title=f"{loo.title}, weakest panel"),
        replace(cosine, name="text_mean", title=f"{cosine.title}, mean {_SET}"),
        *_clauses(cosine),
        replace(
            rank,
            name="mrr",
            title="Mean reciprocal text rank",
            direction="higher",
            range=(0.125, 1.0),
            unit="1",
            source="mean of 1 / text rank; eight copies get 0.22, chance 0.34",
        ),
        *_facets(cosine),
    )


def _clauses(cosine: Metric) -> tuple[Metric, ...]:
    return tuple(
        replace(
            cosine,
            name=f"text_{role}",
            title=f"{cosine.title}, the {role}'s words alone",
            source=f"cosine of CLIP embeddings; the text is the panel's clauses of role {role}",
        )
        for role in CLAUSE_ROLES
    )


def _facets(cosine: Metric) -> tuple[Metric, ...]:
    return (
        replace(
            cosine,
            name="identity",
            title="Identity",
            source="leave-one-out within one cast, and cosine to the panel's own text, both seen through "
            "words for figures; the mean of both over the eight",
        ),
        replace(
            cosine,
            name="style",
            title="Style",
            source="leave-one-out, seen through words for styles; the mean of the eight",
        ),
        replace(
            cosine,
            name="place",
            title="Place",
            range=(0.0, 1.0),
            unit="AUC",
            source="how often two panels of one place are more alike than two of different places, seen "
            "through words for places; 0.5 is chance and a constant backdrop",
        ),
        replace(
            cosine,
            name="copies",
            title="Copies",
            direction="lower",
            range=(0.0, 1.0),
            unit="share of pairs",
            source="share of the 28 pairs whose cosine is above copy_above; a gate: 0 is wanted",
        ),
        replace(
            cosine,
            name="effective_panels",
            title="Effective panels",
            range=(1.0, 8.0),
            unit="panels",
            source="Vendi score of the eight: exp of the entropy of the eigenvalues of the cosines / 8",
        ),
        replace(
            cosine,
            name="staging",
            title="Staging",
            range=(0.0, 2.0),
            unit="1 - cosine",
            source="1 - mean cosine of all 28 pairs, seen through words for poses, faces and framings",
        ),
    )


CLAUSE_ROLES: tuple[Role, ...] = ("subject", "action", "place", "detail")
"""Roles whose clauses are also looked for one by one."""
