"""The metrics of a run, described: direction, range, unit, source and stamp beside every number."""

from dataclasses import replace

from eval.scorer import Encoder, Metric, Scorer, describe
from eval.told import CLAUSE_ROLES

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
