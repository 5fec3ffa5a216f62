"""How alike the panels of a story are, and whether each shows its own text: cosines of embeddings.

Rows are embeddings of one encoder; only their direction matters, not their length. What is undefined (one
panel, a zero or non-finite row) raises ScoreError and is never 0.0. `consistency` is the usual number and is
printed as the baseline only: it rewards copies and constant backgrounds and hides one bad panel in 7 of 28
pairs. `leave_one_out` names the panel that breaks the set; `mrr` falls to .22 when all panels are the same.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kit.errors import ScoreError
from kit.messages import tr

TIE = 1e-6
"""Cosines closer than this are one value: single-precision encoders repeat to about 1e-7."""


def similarity(embeddings: ArrayLike) -> NDArray[np.float64]:
    """Return the cosine of every pair of panels.

    Args:
        embeddings: (panels, dim), panels >= 1.

    Returns:
        (panels, panels), symmetric, in [-1, 1], ones on the diagonal; higher means more alike.

    >>> similarity([[3.0, 0.0], [0.0, 1.0]]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = _directions(embeddings, least=1)
    matrix = np.clip(rows @ rows.T, -1.0, 1.0)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return matrix


def consistency(embeddings: ArrayLike) -> float:
    """Return the naive consistency: the mean cosine over all pairs of a story's panels.

    Args:
        embeddings: (panels, dim), panels >= 2.

    Returns:
        A value in [-1, 1]; higher means the panels look more alike, up to eight copies at 1.

    >>> consistency(np.eye(3))
    0.0
    """
    rows = _directions(embeddings, least=2)
    above = np.triu_indices(len(rows), k=1)
    return float(similarity(rows)[above].mean())


def leave_one_out(embeddings: ArrayLike) -> NDArray[np.float64]:
    """Return each panel's cosine to the normalised mean of the other panels; the lowest breaks the set.

    Every row counts with unit length, so that no panel weighs more than another. Source: the leave-one-out
    prototype of few-shot classification (Snell 2017, arXiv 1703.05175), with a cosine.

    Args:
        embeddings: (panels, dim), panels >= 2.

    Returns:
        (panels,) in [-1, 1]; higher means the panel fits the others better.

    >>> leave_one_out([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).round(3).tolist()
    [0.707, 0.707, 0.0]
    """
    rows = _directions(embeddings, least=2)
    others = rows.sum(axis=0) - rows
    lengths = np.linalg.norm(others, axis=1)
    if np.any(lengths < TIE):
        panel = int(np.argmin(lengths)) + 1
        raise ScoreError(
            tr(
                "leave-one-out needs a direction of the other panels, those beside {panel} cancel out",
                panel=panel,
            )
        )
    return np.asarray(np.clip(np.sum(rows * others, axis=1) / lengths, -1.0, 1.0))


def text_image_scores(panels: ArrayLike, texts: ArrayLike) -> NDArray[np.float64]:
    """Return the text-image score: the cosine of each panel to its own text (CLIP score, CLIP-T).

    Unscaled and uncut: CLIPScore (Hessel 2021, arXiv 2104.08718) is 2.5 times this, with negatives set to 0.

    Args:
        panels: (panels, dim) picture embeddings.
        texts: (panels, dim) text embeddings of the same encoder, in panel order.

    Returns:
        (panels,) in [-1, 1]; higher means the panel shows more of its text.
    """
    rows, own = _paired(panels, texts, least=1)
    return np.asarray(np.clip(np.sum(rows * own, axis=1), -1.0, 1.0))


def text_ranks(panels: ArrayLike, texts: ArrayLike) -> NDArray[np.float64]:
    """Return, for each panel, its place among all panels of the story when they are ordered by its text.

    For text k the panels are ordered by their cosine to it; the answer is where panel k stands. A level that
    all panels share under a text cancels. Panels closer than TIE share their mean rank, so eight copies all
    get 4.5. Source: retrieval ranks as in VinaBench (arXiv 2503.20871), from text to panel: the other
    direction would give eight copies an MRR of .34, as much as chance, instead of .22.

    Args:
        panels: (panels, dim) picture embeddings, panels >= 2.
        texts: (panels, dim) text embeddings of the same encoder, in panel order.

    Returns:
        (panels,) in [1, panels]; lower is better, 1 means no other panel fits the text as well.

    >>> text_ranks(np.eye(3), np.eye(3)).tolist()
    [1.0, 1.0, 1.0]
    """
    rows, own = _paired(panels, texts, least=2)
    cosines = own @ rows.T
    ahead = cosines - np.diag(cosines)[:, None]
    better = np.sum(ahead > TIE, axis=1)
    level = np.sum(np.abs(ahead) <= TIE, axis=1) - 1
    return np.asarray(1.0 + better + level / 2)


def mrr(ranks: ArrayLike) -> float:
    """Return the mean reciprocal rank.

    Args:
        ranks: (panels,) from `text_ranks`, each >= 1.

    Returns:
        A value in (0, 1]; higher is better, 1 means every panel is the best one for its text. Of eight panels
        copies get 1 / 4.5 = .22 and panels in random order .34 on average.

    >>> mrr([1.0, 2.0])
    0.75
    """
    places = np.asarray(ranks, dtype=np.float64)
    if places.ndim != 1 or not places.size:
        raise ScoreError(tr("mrr needs a row of at least 1 rank, got shape {shape}", shape=places.shape))
    if not np.all(np.isfinite(places) & (places >= 1)):
        raise ScoreError(tr("mrr needs ranks of 1 or more, got {got}", got=places.tolist()))
    return float(np.mean(1 / places))


def auc(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return how often a value of the first row beats one of the second, ties half; .5 is chance.

    >>> auc(np.array([2.0, 1.0]), np.array([0.0, 1.0]))
    0.875
    """
    ahead = first[:, None] - second[None]
    return float(np.mean(ahead > 0) + 0.5 * np.mean(ahead == 0))


def _directions(embeddings: ArrayLike, least: int) -> NDArray[np.float64]:
    """Return the rows at unit length; refuse too few rows and rows without a direction."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < least:
        raise ScoreError(
            tr(
                "embeddings must be (panels >= {least}, dim), got shape {shape}",
                least=least,
                shape=rows.shape,
            )
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = ~(np.isfinite(lengths) & (lengths > 0)).ravel()
    if bad.any():
        raise ScoreError(
            tr("embeddings must be finite and not zero, panel {panel} is not", panel=int(np.argmax(bad)) + 1)
        )
    return np.asarray(rows / lengths)


def _paired(
    panels: ArrayLike, texts: ArrayLike, least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both sets of rows at unit length; refuse sets that do not belong together."""
    rows, own = _directions(panels, least), _directions(texts, least)
    if rows.shape != own.shape:
        raise ScoreError(
            tr(
                "panels and texts must have one shape, got {panels} and {texts}",
                panels=rows.shape,
                texts=own.shape,
            )
        )
    return rows, own
