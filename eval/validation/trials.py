"""One tale of the drawn world, clean, damaged and changed, as every metric sees it."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.metrics.concept_subspaces import ConceptSubspaces, concept_subspaces
from eval.metrics.formulas import MetricValue, PanelSet
from eval.metrics.registry import validated
from eval.metrics.story_facts import StoryFacts
from eval.scorers.load import Scorers
from eval.scorers.protocols import LetterReader
from eval.scoring.letters import covered
from eval.validation.attribute_readings import (
    OTHER_DEED,
    SWAPS,
    AttributeReading,
    NotingDraw,
    ShownScenes,
    attribute_readings,
    other_deed,
)
from eval.validation.corruptions import CHANGES, DAMAGES, SEVERITIES, Picture, rendered, resized
from kit.images.copies import look_at
from kit.story.story import PANELS
from kit.world.scene import Scene
from kit.world.tale import sample_tale

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
    clean_told: Mapping[str, Values]
    """By damage the clean values where the story tells less than the tale's own texts."""
    readings: Sequence[AttributeReading] = ()
    """What the tale tells, held against pictures that show it and pictures that do not."""

    def clean_for(self, damage: str) -> Values:
        """Return the clean values that a damage is held against."""
        return self.clean_told.get(damage, self.clean)


def trial(number: int, tools: Scorers) -> Trial:
    """Return what every metric says of one tale, clean, damaged and changed."""
    tale = sample_tale(number)
    pictures = rendered(tale.scenes)
    clean = features_of(pictures, tools)
    facets = concept_subspaces(tools.encoder, "zh")
    told = told_of_scenes(tale.scenes, tale.texts(), tools, facets)
    damaged: dict[tuple[str, int], Values] = {}
    hit = {}
    draw, shown = NotingDraw(rendered), [ShownScenes(tale.scenes, clean.embeddings)]
    for name, damage in DAMAGES.items():
        rng = random.Random(f"{name} {number}")
        hit[name] = rng.sample(range(PANELS), PANELS)
        twins = features_of(damage.twins(tale, pictures, rng, draw), tools) if damage.twins else None
        if twins and name in SWAPS:
            shown.append(ShownScenes(draw.last, twins.embeddings))
        damaged |= {(name, n): one for n, one in by_severity(clean, twins, hit[name], told).items()}
    changed = {RESIZED: values_of(features_of([resized(picture) for picture in pictures], tools), told)}
    for name, change in CHANGES.items():
        other = change(tale, random.Random(f"{name} {number}"))
        told_other = told_of_scenes(other.scenes, other.texts(), tools, facets)
        changed[name] = values_of(features_of(rendered(other.scenes), tools), told_other)
    others = other_deed(tale, pictures, random.Random(f"{OTHER_DEED} {number}"), draw)
    shown.append(ShownScenes(draw.last, tools.encoder.pictures(others)))
    readings = attribute_readings(tale, tale.texts(), shown, tools.encoder)
    return Trial(values_of(clean, told), damaged, changed, hit, {}, readings)


def by_severity(
    clean: "PanelFeatures", twins: "PanelFeatures | None", where: Sequence[int], told: StoryFacts
) -> dict[int, Values]:
    """Return the values with one, two, four and seven panels damaged.

    Args:
        clean: the tale as it is.
        twins: what takes the panels' places; None where the damaged panels change places.
        where: panels, from 0, in the order in which they are damaged.
        told: what the tale is held against.
    """
    found = {}
    for severity in SEVERITIES if twins else SEVERITIES[1:]:
        at = where[:severity]
        seen = clean.replaced(at, twins, at) if twins else clean.replaced(at, clean, [*at[1:], at[0]])
        found[severity] = values_of(seen, told)
    return found


class PanelFeatures(NamedTuple):
    """What is known of eight pictures, rows in panel order."""

    embeddings: NDArray[np.float32]
    aesthetics: NDArray[np.float64]
    colours: NDArray[np.float64]
    """Mean red, green and blue."""
    hashes: NDArray[np.float64]
    """Grey thumbnails of 8 x 8, each less its mean."""
    looks: NDArray[np.object_]
    """(8,) of `Look`, to know copies by."""
    letters: NDArray[np.float64]
    """(8,) shares of the pictures that letters cover; NaN where nobody reads them."""

    def replaced(self, at: Sequence[int], other: "PanelFeatures", source: Sequence[int]) -> "PanelFeatures":
        """Return the features with panels of another in some places: `source` of it at `at` of these."""
        picked = np.arange(PANELS)
        picked[list(at)] = PANELS + np.asarray(source)
        return PanelFeatures._make(
            np.concatenate((getattr(self, name), getattr(other, name)))[picked] for name in self._fields
        )


def features_of(pictures: Sequence[Picture], tools: Scorers) -> PanelFeatures:
    """Return what is known of eight pictures."""
    small = [np.asarray(p.convert("L").resize((8, 8), Image.Resampling.BOX), np.float64) for p in pictures]
    looks = np.empty(len(pictures), dtype=object)
    looks[:] = [look_at(picture) for picture in pictures]
    return PanelFeatures(
        embeddings=tools.encoder.pictures(pictures),
        aesthetics=np.asarray(tools.aesthetic.score(pictures), np.float64),
        colours=np.stack([np.asarray(picture, np.float64).mean(axis=(0, 1)) for picture in pictures]),
        hashes=np.stack([thumb.ravel() - thumb.mean() for thumb in small]),
        looks=looks,
        letters=_letters(pictures, tools.reader),
    )


def _letters(pictures: Sequence[Picture], reader: LetterReader | None) -> NDArray[np.float64]:
    """Return (8,) shares of the pictures that letters cover; NaN without a reader."""
    if reader is None:
        return np.full(len(pictures), np.nan)
    return np.array([covered(found) for found in reader.read(pictures)])


def told_of_scenes(
    scenes: Sequence[Scene], texts: Sequence[str], tools: Scorers, facets: ConceptSubspaces
) -> StoryFacts:
    """Return what is told of eight scenes, whose texts say it."""
    return StoryFacts(
        casts=[frozenset(figure.kind for figure in scene.characters) for scene in scenes],
        places=[scene.place for scene in scenes],
        texts=tools.encoder.texts(list(texts)),
        facets=facets,
    )


def values_of(seen: PanelFeatures, told: StoryFacts) -> Values:
    """Return what every metric and control says of eight pictures."""
    read = not bool(np.isnan(seen.letters).any())
    shown = PanelSet(
        embeddings=seen.embeddings,
        aesthetics=seen.aesthetics.tolist(),
        told=told,
        looks=seen.looks.tolist(),
        letters=seen.letters.tolist() if read else (),
    )
    values = {name: metric(shown) for name, metric in validated(letters=read).items()}
    values["random"] = MetricValue(random.Random(seen.embeddings.tobytes()).random())
    values["constant"] = MetricValue(1.0)
    values["mean-colour"] = MetricValue(-float(seen.colours.std(axis=0).mean()))
    values["hash"] = MetricValue(-float(seen.hashes.std(axis=0).mean()))
    return values
