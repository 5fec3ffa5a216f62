"""The metrics of a set of eight panels, each with what it says of every panel."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.consistency import consistency, leave_one_out, mrr, panel_text, text_ranks
from eval.facets import COPY, Facets, copies, effective_panels, place_auc, seen_through, within

Row = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the story says of its eight panels."""

    casts: Sequence[Hashable]
    """Who is in each."""
    places: Sequence[Hashable]
    """Where each is; None where the story does not say."""
    texts: NDArray[np.float32]
    """(8, dim) rows of their texts."""
    facets: Facets
    clauses: Mapping[str, tuple[Sequence[int], NDArray[np.float32]]] = field(default_factory=dict)
    """By role the panels, from 0, that have such clauses, and the (panels, dim) rows of these alone."""
    copy_above: float = COPY
    """Cosine that two copies exceed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What the pictures show."""

    embeddings: NDArray[np.float32]
    """(8, dim)."""
    aesthetics: Sequence[float]
    told: Told


class SetValue(NamedTuple):
    """A number of a set, and of each panel where the metric has one."""

    value: float | None
    """Higher is better, but for `copies` and `naive`; None where the story, or an encoder to
    which all of a role's words are one, leaves it undefined."""
    panels: Row | None = None
    """(8,); the lowest is the panel that breaks it."""


def identity(shown: Shown) -> SetValue:
    """Return whether each panel shows the figures that are told, and the same as panels of the same cast.

    Half is likeness to the others, half to the words: without the words a story that changes its hero in
    most panels would look better the more it does so.
    """
    who = shown.told.facets.who
    if not len(who):
        return SetValue(None)
    seen = seen_through(shown.embeddings, who)
    panels = (within(seen, shown.told.casts) + panel_text(seen, seen_through(shown.told.texts, who))) / 2
    return _mean(panels)


def style(shown: Shown) -> SetValue:
    """Return how alike the style is."""
    if not len(shown.told.facets.style):
        return SetValue(None)
    return _mean(leave_one_out(seen_through(shown.embeddings, shown.told.facets.style)))


def place(shown: Shown) -> SetValue:
    """Return whether the place stays and changes as the story says."""
    if not len(shown.told.facets.place):
        return SetValue(None)
    return SetValue(place_auc(seen_through(shown.embeddings, shown.told.facets.place), shown.told.places))


def copied(shown: Shown) -> SetValue:
    """Return the share of pairs that are copies; a gate, lower is better."""
    return SetValue(copies(shown.embeddings, shown.told.copy_above))


def different(shown: Shown) -> SetValue:
    """Return how many different panels there are; shown beside `copied`."""
    return SetValue(effective_panels(shown.embeddings))


def staging(shown: Shown) -> SetValue:
    """Return how much poses, faces and framing change from panel to panel: stillness buys consistency."""
    if not len(shown.told.facets.staging):
        return SetValue(None)
    return SetValue(1 - consistency(seen_through(shown.embeddings, shown.told.facets.staging)))


def text(shown: Shown) -> SetValue:
    """Return how well the panels show their own texts."""
    return _mean(panel_text(shown.embeddings, shown.told.texts))


def adherence(shown: Shown, role: str) -> float | None:
    """Return how well the panels show their clauses of one role, each by its own words; None without any."""
    if role not in shown.told.clauses:
        return None
    panels, words = shown.told.clauses[role]
    return float(panel_text(shown.embeddings[list(panels)], words).mean())


def rank(shown: Shown) -> SetValue:
    """Return whether each panel is the best of the eight for its text."""
    places = text_ranks(shown.embeddings, shown.told.texts)
    return SetValue(mrr(places), -places)


def aesthetic(shown: Shown) -> SetValue:
    """Return the aesthetic score, the contest's mean."""
    return _mean(np.asarray(shown.aesthetics, dtype=np.float64))


def naive(shown: Shown) -> SetValue:
    """Return the mean pairwise cosine, the usual number."""
    return SetValue(consistency(shown.embeddings))


def _mean(panels: Row) -> SetValue:
    return SetValue(float(panels.mean()), panels)


SET_METRICS: Mapping[str, Callable[[Shown], SetValue]] = {
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
