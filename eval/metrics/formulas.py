"""The formula of every metric: from a set of eight panels to a number, and one a panel where there is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.metrics.concept_subspaces import effective_panels, place_auc, projected, within
from eval.metrics.consistency import consistency, leave_one_out, mrr, text_image_scores, text_ranks
from eval.metrics.story_facts import CLAUSE_ROLES, StoryFacts
from kit.images.copies import Look, copied_pairs

Row = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelSet:
    """What the pictures show."""

    embeddings: NDArray[np.float32]
    """(8, dim)."""
    aesthetics: Sequence[float]
    told: StoryFacts
    looks: Sequence[Look] = ()
    """Of the pictures themselves, to know copies by; empty where `copies` is not asked for."""
    floor: float | None = None
    """Aesthetic score below which a panel is damaged; None where nobody has measured it."""
    letters: Sequence[float] = ()
    """Share of each picture that letters cover; empty where nobody read any."""


class MetricValue(NamedTuple):
    """A number of a set, and of each panel where the metric has one."""

    value: float | None
    """Higher is better, but for `copies`, `letters` and `naive`; None where the story, or an encoder to
    which all of a role's words are one, leaves it undefined."""
    panels: Row | None = None
    """(8,); the lowest is the panel that breaks it."""


Formula = Callable[[PanelSet], MetricValue]


def identity(shown: PanelSet) -> MetricValue:
    """Return whether each panel shows the figures that are told, and the same as panels of the same cast.

    Half is likeness to the others, half to the words: without the words a story that changes its hero in
    most panels would look better the more it does so.
    """
    halves = _identity_halves(shown)
    return MetricValue(None) if halves is None else _mean((halves[0] + halves[1]) / 2)


def figure_fit(shown: PanelSet) -> Row | None:
    """Return (8,) how well each panel's figures fit, for naming the weakest; None where that is undefined.

    Identity, but that a panel whose cast no other panel has counts as alike as the rest on average: held
    against panels of another cast it would be the weakest with nothing wrong in it.
    """
    halves = _identity_halves(shown)
    if halves is None:
        return None
    likeness, words = halves
    casts = list(shown.told.casts)
    alone = np.array([casts.count(cast) == 1 for cast in casts])
    if not alone.all():
        likeness = np.where(alone, likeness[~alone].mean(), likeness)
    return (likeness + words) / 2


def _identity_halves(shown: PanelSet) -> tuple[Row, Row] | None:
    """Return (8,) likeness to the panels of the same cast, and agreement with the words, for figures."""
    who = shown.told.facets.identity
    if not len(who):
        return None
    seen = projected(shown.embeddings, who)
    return within(seen, shown.told.casts), text_image_scores(seen, projected(shown.told.texts, who))


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
    """Return the share of pairs that are one picture; a gate, lower is better."""
    if not shown.looks:
        return MetricValue(None)
    found = copied_pairs(shown.looks, range(len(shown.looks)))
    return MetricValue(float(found[np.triu_indices(len(found), k=1)].mean()))


def below_floor(shown: PanelSet) -> MetricValue:
    """Return the share of panels whose aesthetic score is below the calibrated floor; a gate."""
    if shown.floor is None:
        return MetricValue(None)
    return MetricValue(fmean(points < shown.floor for points in shown.aesthetics))


def different(shown: PanelSet) -> MetricValue:
    """Return how many different panels there are; shown beside `copied`."""
    return MetricValue(effective_panels(shown.embeddings))


def lettered(shown: PanelSet) -> MetricValue:
    """Return the share of the pictures that letters cover; lower is better."""
    if not shown.letters:
        return MetricValue(None)
    covered = np.asarray(shown.letters, dtype=np.float64)
    return MetricValue(float(covered.mean()), -covered)


def staging(shown: PanelSet) -> MetricValue:
    """Return how much poses, faces and framing change from panel to panel: stillness buys consistency."""
    if not len(shown.told.facets.staging):
        return MetricValue(None)
    return MetricValue(1 - consistency(projected(shown.embeddings, shown.told.facets.staging)))


def text(shown: PanelSet) -> MetricValue:
    """Return how well the panels show their own texts."""
    return _mean(text_image_scores(shown.embeddings, shown.told.texts))


def adherence(shown: PanelSet, role: str) -> MetricValue:
    """Return how well the panels show their clauses of one role, each by its own words."""
    if role not in shown.told.clauses:
        return MetricValue(None)
    panels, words = shown.told.clauses[role]
    return MetricValue(float(text_image_scores(shown.embeddings[list(panels)], words).mean()))


def rank(shown: PanelSet) -> MetricValue:
    """Return whether each panel is the best of the eight for its text."""
    places = text_ranks(shown.embeddings, shown.told.texts)
    return MetricValue(mrr(places), -places)


def aesthetic(shown: PanelSet) -> MetricValue:
    """Return the aesthetic score, the contest's mean."""
    return MetricValue(fmean(shown.aesthetics), np.asarray(shown.aesthetics, dtype=np.float64))


def loo(shown: PanelSet) -> MetricValue:
    """Return how alike each panel is to the mean of the others."""
    return _mean(leave_one_out(shown.embeddings))


def naive(shown: PanelSet) -> MetricValue:
    """Return the mean pairwise cosine, the usual number."""
    return MetricValue(consistency(shown.embeddings))


def weakest(formula: Formula, shown: PanelSet) -> MetricValue:
    """Return what a formula says of the panel of which it says least."""
    panels = formula(shown).panels
    return MetricValue(None if panels is None else float(panels.min()))


def _mean(panels: Row) -> MetricValue:
    return MetricValue(float(panels.mean()), panels)


FORMULAS: Mapping[str, Formula] = {
    "aesthetic_mean": aesthetic,
    "aesthetic_min": partial(weakest, aesthetic),
    "naive": naive,
    "loo_mean": loo,
    "loo_min": partial(weakest, loo),
    "text_mean": text,
    **{f"text_{role}": partial(adherence, role=role) for role in CLAUSE_ROLES},
    "mrr": rank,
    "identity": identity,
    "style": style,
    "place": place,
    "copies": copied,
    "below_floor": below_floor,
    "effective_panels": different,
    "staging": staging,
    "letters": lettered,
}
"""By column of scores.stories.csv; metrics.toml says the rest of each."""
