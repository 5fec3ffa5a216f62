"""Every picture drawn of eight panels, and what any sets of eight of them score, thousands at a time.

The metrics are those of `eval/metrics/formulas.py`, to the last digits; here they are read off tables of
pairs, so that a set costs a microsecond; one without a table costs its formula. A set is a row of eight
numbers: which picture stands for panel 1, 2, ... 8.

`with_ideals` adds one picture a panel that does not exist: in every table it is as good as the best of those
allowed for the panel. A set in which ideals stand for the panels still open scores at least what any set
made of it can score, which is what a search needs to know. For text, aesthetic, mrr and place that is plain.
A mean of leave-one-out cosines grows with the cosine of a pair as long as what the two gain outweighs what
the others lose, 1 / r_j + 1 / r_k >= sum of a_i / r_i^3 (a_i the sum of i's cosines, r_i the length of the
others' sum); `_grows` checks that at the outermost values, and where it fails the metric is unbounded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.metrics.concept_subspaces import SAME, alike, pairs_by_place, projected
from eval.metrics.consistency import TIE, similarity, text_image_scores
from eval.metrics.formulas import PanelSet
from eval.metrics.registry import castable
from eval.metrics.story_facts import StoryFacts
from kit.story.story import PANELS

Sets = NDArray[np.intp]
"""(sets, 8) pictures."""
Values = NDArray[np.float64]
TABLED = ("text", "aesthetic", "style", "mrr", "identity", "place")
"""What is read off tables, the quickest first; other metrics that decide are asked set by set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetScorer:
    """The pictures that can stand for each panel, as tables of (pictures,) or (pictures, pictures)."""

    panels: Sequence[int]
    """Which panel each picture is of, 0 to 7."""
    groups: Mapping[tuple[int, ...], list[int]]
    """Panels of one cast, and those of them whose likeness to the rest of the group counts."""
    metrics: tuple[str, ...]
    """Those that the story and the encoder define; higher is better."""
    unbounded: frozenset[str] = frozenset()
    """Metrics of which a set with ideals says nothing."""
    text: Values
    aesthetic: Values
    figure_text: Values
    to_texts: Values
    """(8, pictures)."""
    styles: Values
    figures: Values
    figures_apart: Values
    """As `figures`; of ideals the least alike instead of the most."""
    places: Values
    copied: NDArray[np.bool_]
    embeddings: NDArray[np.float32]
    told: StoryFacts

    def of(self, panel: int) -> list[int]:
        """Return the pictures of a panel, 0 to 7."""
        return [picture for picture, of in enumerate(self.panels) if of == panel]

    def value(self, metric: str, sets: Sets) -> Values:
        """Return (sets,) what the metric says of each."""
        match metric:
            case "text" | "aesthetic":
                return np.asarray(getattr(self, metric)[sets].mean(axis=1))
            case "style":
                return np.asarray(_leave_one_out(self.styles, sets).mean(axis=1))
            case "mrr":
                return self._mrr(sets)
            case "identity":
                return self._identity(sets)
            case "place":
                return self._place(sets)
        shown = (
            PanelSet(embeddings=self.embeddings[row], aesthetics=self.aesthetic[row].tolist(), told=self.told)
            for row in sets
        )
        return np.array([castable()[metric](one).value for one in shown], dtype=np.float64)

    def values(self, sets: Sets) -> Values:
        """Return (sets, metrics)."""
        return np.stack([self.value(metric, sets) for metric in self.metrics], axis=1)

    def copies(self, sets: Sets) -> Values:
        """Return (sets,) how many pairs are copies."""
        pairs = combinations(range(PANELS), 2)
        return np.asarray(sum(self.copied[sets[:, i], sets[:, j]].astype(np.float64) for i, j in pairs))

    def _mrr(self, sets: Sets) -> Values:
        reciprocal = np.zeros(len(sets))
        for panel, cosines in enumerate(self.to_texts):
            ahead = cosines[sets] - cosines[sets[:, panel], None]
            reciprocal += 2 / (1 + ((ahead > TIE).astype(np.float64) + (ahead >= -TIE)).sum(axis=1))
        return reciprocal / PANELS

    def _identity(self, sets: Sets) -> Values:
        total = self.figure_text[sets].sum(axis=1)
        for group, counted in self.groups.items():
            if len(counted) == len(group):
                total += _leave_one_out(self.figures, sets[:, group]).sum(axis=1)
                continue
            for panel in counted:
                others = [other for other in group if other != panel]
                beside = sum(self.figures[sets[:, panel], sets[:, other]] for other in others)
                apart = [
                    len(others) + 2 * sum(table[sets[:, i], sets[:, j]] for i, j in combinations(others, 2))
                    for table in (self.figures, self.figures_apart)
                ]
                total += np.max([beside / np.sqrt(np.maximum(length, TIE)) for length in apart], axis=0)
        return np.asarray(total / 2 / PANELS)

    def _place(self, sets: Sets) -> Values:
        same, other = (
            np.stack([self.places[sets[:, i], sets[:, j]] for i, j in pairs])
            for pairs in pairs_by_place(self.told.places)
        )
        ahead = [((pair > other).mean(axis=0) + (pair >= other).mean(axis=0)) / 2 for pair in same]
        return np.asarray(np.mean(ahead, axis=0))

    def with_ideals(self, options: Sequence[Sequence[int]]) -> "SetScorer":
        """Return these pictures and, behind them, one a panel as good as the best of its options."""
        high, low = (
            {name: _beside(getattr(self, name), options, extreme) for name in ("styles", "figures", "places")}
            for extreme in (np.max, np.min)
        )
        panels = [*self.panels, *range(PANELS)]
        apart = np.zeros((PANELS, PANELS), dtype=bool)
        for i, j in pairs_by_place(self.told.places)[1]:
            apart[i, j] = apart[j, i] = True
        own = np.pad(np.eye(PANELS, dtype=bool), ((0, 0), (len(self.panels), 0)))
        whole = [group for group, counted in self.groups.items() if len(counted) == len(group)]
        shrinking = {
            metric
            for metric, table, groups in (
                ("style", "styles", [range(PANELS)]),
                ("identity", "figures", whole),
            )
            if not all(_grows(high[table], low[table], group) for group in groups)
        }
        return replace(
            self,
            panels=panels,
            unbounded=frozenset({*self.metrics}.difference(TABLED) | shrinking),
            text=_widened(self.text, options, np.max),
            aesthetic=_widened(self.aesthetic, options, np.max),
            figure_text=_widened(self.figure_text, options, np.max),
            to_texts=np.where(own, *(_widened(self.to_texts, options, best) for best in (np.max, np.min))),
            styles=high["styles"],
            figures=high["figures"],
            figures_apart=low["figures"],
            places=np.where(apart[np.ix_(panels, panels)], low["places"], high["places"]),
            copied=_beside(self.copied, options, np.min),
        )


def set_scorer_of(
    panels: Sequence[int],
    embeddings: NDArray[np.float32],
    aesthetics: Sequence[float],
    told: StoryFacts,
    copied: NDArray[np.bool_],
) -> SetScorer:
    """Return the tables of some pictures.

    Args:
        panels: which panel each picture is of, 0 to 7.
        embeddings: (pictures, dim).
        aesthetics: (pictures,) points.
        told: what the story says of its eight panels.
        copied: (pictures, pictures), which are one picture.
    """
    facets, texts = told.facets, told.texts[list(panels)]
    nothing = np.zeros((len(panels), len(panels)))
    styles, figures, places = (
        similarity(projected(embeddings, directions)) if len(directions) else nothing
        for directions in (facets.style, facets.identity, facets.place)
    )
    groups: dict[tuple[int, ...], list[int]] = {}
    for panel in range(PANELS):
        groups.setdefault(tuple(alike(told.casts, panel)), []).append(panel)
    return SetScorer(
        panels=list(panels),
        groups=groups,
        metrics=_defined(panels, embeddings, aesthetics, told),
        text=text_image_scores(embeddings, texts),
        aesthetic=np.asarray(aesthetics, dtype=np.float64),
        figure_text=text_image_scores(*(projected(rows, facets.identity) for rows in (embeddings, texts)))
        if len(facets.identity)
        else nothing[0],
        to_texts=np.stack(
            [text_image_scores(embeddings, np.broadcast_to(text, embeddings.shape)) for text in told.texts]
        ),
        styles=styles,
        figures=figures,
        figures_apart=figures,
        places=places.round(SAME),
        copied=copied,
        embeddings=embeddings,
        told=told,
    )


def _defined(
    panels: Sequence[int], embeddings: NDArray[np.float32], aesthetics: Sequence[float], told: StoryFacts
) -> tuple[str, ...]:
    """Return what the story and the encoder define, found on the first picture of each panel."""
    first = [list(panels).index(panel) for panel in range(PANELS)]
    shown = PanelSet(embeddings=embeddings[first], aesthetics=[aesthetics[k] for k in first], told=told)
    formulas = castable()
    return tuple(
        name for name in dict.fromkeys((*TABLED, *formulas)) if formulas[name](shown).value is not None
    )


def _leave_one_out(cosines: Values, sets: Sets) -> Values:
    """Return (sets, n): each picture's cosine to the mean of the others in its row, from cosines of pairs."""
    count = sets.shape[1]
    beside, total = np.zeros((count, len(sets))), np.zeros(len(sets))
    for i, j in combinations(range(count), 2):
        pair = cosines[sets[:, i], sets[:, j]]
        beside[i] += pair
        beside[j] += pair
        total += pair
    return np.asarray((beside / np.sqrt(count - 1 + 2 * (total - beside))).T)


def _widened(
    table: NDArray[Any], options: Sequence[Sequence[int]], extreme: Callable[..., NDArray[Any]]
) -> NDArray[Any]:
    """Return (..., pictures) with one more a panel, the extreme of its options."""
    ideals = [extreme(table[..., list(allowed)], axis=-1) for allowed in options]
    return np.concatenate((table, np.stack(ideals, axis=-1)), axis=-1)


def _beside(
    table: NDArray[Any], options: Sequence[Sequence[int]], extreme: Callable[..., NDArray[Any]]
) -> NDArray[Any]:
    """Return a table of pairs with one row and column more a panel, the extreme of its options."""
    return _widened(_widened(table, options, extreme).T, options, extreme)


def _grows(most: Values, least: Values, group: Sequence[int]) -> bool:
    """Return whether, in a group, a mean of leave-one-out cosines grows with the cosine of every pair."""
    most, least = (table[-PANELS:, -PANELS:][np.ix_(group, group)] for table in (most, least))
    count = len(most)
    off = 1 - np.eye(count)
    beside = np.maximum((most * off).sum(axis=1), 0)
    shortest, longest = (
        count - 1 + (table * off).sum() - 2 * (table * off).sum(axis=1) for table in (least, most)
    )
    if shortest.min() <= 0:
        return False
    gain, loss = 1 / np.sqrt(longest), beside / shortest**1.5
    return all(gain[j] + gain[k] >= loss.sum() - loss[j] - loss[k] for j, k in combinations(range(count), 2))
