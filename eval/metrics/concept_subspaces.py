"""What a picture says of who, of the style and of where: its embedding seen through words alone.

The texts of one role ("a girl", "a dog", "a red dress") span a few directions of the encoder's space. A
picture's coordinates in them are its answer to that role's question, and what else it shows hardly counts:
on the drawn world this tells two heroes apart as well as cutting the figure out by its true mask does
(docs/metrics.md). The idea is that of concept subspaces; no model and no calibration is needed but the words.
"""

import tomllib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.metrics.consistency import auc, leave_one_out, similarity
from eval.scorers.protocols import Encoder
from kit.errors import ScoreError
from kit.messages import Language, tr

Rows = NDArray[np.float64]
WORDS = Path(__file__).parent / "words.toml"
CUTOFF = 0.05
"""Directions in which a role's texts differ less than this share of the widest are left out."""
SAME = 9
"""Decimals to which two cosines are one value, as those of two pairs of copies are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConceptSubspaces:
    """The directions of four roles' words, each (k, dim) with orthogonal rows of unit length."""

    identity: Rows
    """Of figures."""
    style: Rows
    place: Rows
    staging: Rows
    """Of poses, faces and framings."""


def concept_subspaces(
    encoder: Encoder, language: Language, more: Mapping[str, Sequence[str]] | None = None
) -> ConceptSubspaces:
    """Return the directions of identity, style, place and staging.

    Args:
        encoder: its text side is asked.
        language: of the words.
        more: further words by role: what a story says of its figures and places, so that they count even if
            our words lack them, and what an experiment adds.
    """
    ours: dict[str, list[str]] = tomllib.loads(WORDS.read_text("utf-8"))[language]
    said = more or {}
    return ConceptSubspaces(
        **{role: _directions(encoder, [*words, *said.get(role, ())]) for role, words in ours.items()}
    )


def _directions(encoder: Encoder, texts: Sequence[str]) -> Rows:
    rows = np.asarray(encoder.texts(list(dict.fromkeys(texts))), dtype=np.float64)
    _, widths, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return np.asarray(directions[widths > CUTOFF * widths[0]])


def projected(embeddings: ArrayLike, directions: Rows) -> Rows:
    """Return (panels, k) coordinates of the panels in a role's directions."""
    return np.asarray(np.asarray(embeddings, dtype=np.float64) @ directions.T)


def alike(casts: Sequence[Hashable], panel: int) -> list[int]:
    """Return the panels with the cast of one, itself among them; all panels where no other has it."""
    group = [k for k, other in enumerate(casts) if other == casts[panel]]
    return group if len(group) > 1 else list(range(len(casts)))


def within(embeddings: ArrayLike, casts: Sequence[Hashable]) -> Rows:
    """Return each panel's cosine to the mean of the other panels with the same cast, else of all others.

    Args:
        embeddings: (panels, dim), panels >= 2.
        casts: who is in each panel, as the story says.

    Returns:
        (panels,) in [-1, 1]; higher means that the same cast looks more the same.
    """
    rows = np.asarray(embeddings, dtype=np.float64)
    if len(casts) != len(rows):
        raise ScoreError(
            tr(
                "casts must name each of {n} panels, got {got}",
                n=len(rows),
                got=len(casts),
            )
        )
    groups = [alike(casts, panel) for panel in range(len(rows))]
    return np.array([leave_one_out(rows[group])[group.index(panel)] for panel, group in enumerate(groups)])


def pairs_by_place(places: Sequence[Hashable]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of panels in one place and those in two, without panels whose place is None.

    >>> pairs_by_place(["home", "park", None, "home"])
    ([(0, 3)], [(0, 1), (1, 3)])
    """
    known = [k for k, where in enumerate(places) if where is not None]
    pairs = list(combinations(known, 2))
    return (
        [(i, j) for i, j in pairs if places[i] == places[j]],
        [(i, j) for i, j in pairs if places[i] != places[j]],
    )


def place_auc(embeddings: ArrayLike, places: Sequence[Hashable]) -> float | None:
    """Return how often two panels of one place are more alike than two of different places.

    Args:
        embeddings: (panels, dim) rows, seen through the words for places.
        places: where each panel is, as the story says; None where it does not.

    Returns:
        A value in [0, 1]; higher is better, .5 is chance and what a constant backdrop gets. None where the
        story has no two panels of one place or no two places.
    """
    matrix = similarity(embeddings).round(SAME)
    if len(places) != len(matrix):
        raise ScoreError(
            tr(
                "places must name each of {n} panels, got {got}",
                n=len(matrix),
                got=len(places),
            )
        )
    same, other = (np.array([matrix[pair] for pair in pairs]) for pairs in pairs_by_place(places))
    if not same.size or not other.size:
        return None
    return auc(same, other)


def effective_panels(embeddings: ArrayLike) -> float:
    """Return how many different panels there are: exp(entropy of the eigenvalues of their cosines / n).

    Source: the Vendi score (Friedman and Dieng 2023, arXiv 2210.02410).

    Returns:
        A value in [1, panels]; 1 means copies of one picture, n means n pictures at right angles.

    >>> effective_panels(np.eye(3)).__round__(6)
    3.0
    """
    matrix = similarity(embeddings)
    shares = np.linalg.eigvalsh(matrix / len(matrix))
    shares = shares[shares > 1e-12]
    return float(np.exp(-np.sum(shares * np.log(shares))))
