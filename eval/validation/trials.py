"""One tale of the drawn world, clean, damaged and changed, as every metric sees it."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.metrics.concept_subspaces import concept_subspaces
from eval.metrics.formulas import MetricValue, PanelSet
from eval.metrics.registry import validated
from eval.metrics.story_facts import StoryFacts
from eval.scorers.load import Scorers
from eval.validation.corruptions import CHANGES, DAMAGES, SEVERITIES, SWAPPED, Picture, draw, resized
from kit.story.story import PANELS
from kit.world.scene import Scene
from kit.world.tale import Tale, sample_tale

CONTROLS = ("random", "constant", "mean-colour", "hash")
"""What a metric must be better than."""
RESIZED = "resized"
"""The change that happens to the pictures alone."""
Values = Mapping[str, MetricValue]


class Trial(NamedTuple):
    """One tale: its values clean, by damage and severity, by change, and which panels were damaged."""

    clean: Values
    damaged: Mapping[tuple[str, int], Values]
    changed: Mapping[str, Values]
    hit: Mapping[str, Sequence[int]]
    """By damage the panels, from 0, in the order in which they are damaged."""


def trial(number: int, tools: Scorers) -> Trial:
    """Return what every metric says of one tale, clean, damaged and changed."""
    tale = sample_tale(number)
    pictures = draw(tale.scenes)
    clean = _look(pictures, tools)
    told = _told(tale, tools)
    damaged: dict[tuple[str, int], Values] = {}
    hit = {}
    for name, damage in DAMAGES.items():
        rng = random.Random(f"{name} {number}")
        where = rng.sample(range(PANELS), PANELS)
        twins = _look(damage(tale, pictures, rng), tools)
        hit[name] = where
        for severity in SEVERITIES:
            damaged[name, severity] = _values(clean.replaced(twins, where[:severity]), told)
    hit[SWAPPED] = random.Random(f"{SWAPPED} {number}").sample(range(PANELS), PANELS)
    for severity in SEVERITIES[1:]:
        damaged[SWAPPED, severity] = _values(clean.turned(hit[SWAPPED][:severity]), told)
    changed = {RESIZED: _values(_look([resized(picture) for picture in pictures], tools), told)}
    for name, change in CHANGES.items():
        other = change(tale, random.Random(f"{name} {number}"))
        changed[name] = _values(_look(draw(other.scenes), tools), _told(other, tools))
    return Trial(_values(clean, told), damaged, changed, hit)


class PanelFeatures(NamedTuple):
    """What is known of eight pictures, rows in panel order."""

    embeddings: NDArray[np.float32]
    aesthetics: NDArray[np.float64]
    colours: NDArray[np.float64]
    """Mean red, green and blue."""
    hashes: NDArray[np.float64]
    """Grey thumbnails of 8 x 8, each less its mean."""

    def replaced(self, twins: "PanelFeatures", where: Sequence[int]) -> "PanelFeatures":
        """Return the look with some panels from another."""
        return self._picked(np.where(np.isin(np.arange(PANELS), where), PANELS, 0) + np.arange(PANELS), twins)

    def turned(self, where: Sequence[int]) -> "PanelFeatures":
        """Return the look with some panels' pictures passed on, each place getting the next one's."""
        source = np.arange(PANELS)
        source[list(where)] = np.roll(list(where), -1)
        return self._picked(source, self)

    def _picked(self, source: NDArray[np.intp], twins: "PanelFeatures") -> "PanelFeatures":
        """Return the rows with these numbers; the twin's count on behind our own."""
        return PanelFeatures._make(
            np.concatenate((getattr(self, name), getattr(twins, name)))[source] for name in self._fields
        )


def _look(pictures: Sequence[Picture], tools: Scorers) -> PanelFeatures:
    small = [np.asarray(p.convert("L").resize((8, 8), Image.Resampling.BOX), np.float64) for p in pictures]
    thumbs = np.stack([thumb.ravel() - thumb.mean() for thumb in small])
    return PanelFeatures(
        embeddings=tools.encoder.pictures(pictures),
        aesthetics=np.asarray(tools.aesthetic.score(pictures), np.float64),
        colours=np.stack([np.asarray(picture, np.float64).mean(axis=(0, 1)) for picture in pictures]),
        hashes=thumbs,
    )


def _told(tale: Tale, tools: Scorers) -> StoryFacts:
    return StoryFacts(
        casts=[_cast(scene) for scene in tale.scenes],
        places=[scene.place for scene in tale.scenes],
        texts=tools.encoder.texts(tale.texts()),
        facets=concept_subspaces(tools.encoder, "zh"),
    )


def _cast(scene: Scene) -> frozenset[str]:
    return frozenset(figure.kind for figure in scene.characters)


def _values(look: PanelFeatures, told: StoryFacts) -> Values:
    shown = PanelSet(embeddings=look.embeddings, aesthetics=look.aesthetics.tolist(), told=told)
    values = {name: metric(shown) for name, metric in validated().items()}
    values["random"] = MetricValue(random.Random(look.embeddings.tobytes()).random())
    values["constant"] = MetricValue(1.0)
    values["mean-colour"] = MetricValue(-float(look.colours.std(axis=0).mean()))
    values["hash"] = MetricValue(-float(look.hashes.std(axis=0).mean()))
    return values
