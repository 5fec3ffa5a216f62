"""The metrics of a run, described: direction, range, unit, source and stamp beside every number."""

from dataclasses import replace

from eval.scorer import Encoder, Metric, Scorer, describe

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
        replace(
            rank,
            name="mrr",
            title="Mean reciprocal text rank",
            direction="higher",
            range=(0.125, 1.0),
            unit="1",
            source="mean of 1 / text rank; eight copies get 0.22, chance 0.34",
        ),
    )
