"""What may be believed of the weights at hand: thresholds from some drawn tales, belief from others."""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from math import floor
from typing import NamedTuple

import numpy as np

from eval.metrics.registry import METRICS, judged
from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers
from eval.validation.attribute_readings import (
    SWAPS,
    AttributeReading,
    NotingDraw,
    ShownScenes,
    attribute_readings,
    thresholds_of,
)
from eval.validation.corruptions import PAINTED_TEXT, SWAPPED
from eval.validation.drawn import TOO_FEW, DrawnTools, drawn_tale, texts_of
from kit.messages import in_english

BEATS = 0.8
"""Share of the tales in which a good set must beat the same set damaged, for each damage of a metric."""
READS = 0.9
"""The same for exchanged texts: without it the encoder knows no words, and is believed in nothing."""
FINDS = 0.8
"""Share of undercooked panels that must be below a floor."""
LOST = 0.001
"""Share of good panels that may be below it."""


class CalibrationSample(NamedTuple):
    """What one drawn tale says of where the thresholds lie."""

    readings: Sequence[AttributeReading]
    good: Sequence[float]
    """Aesthetic scores of finished panels."""
    undercooked: Sequence[float]


def calibration_sample(number: int, tools: DrawnTools) -> CalibrationSample:
    """Return what a tale says: its panels, those of another seed, undercooked ones, those of other words."""
    tale, scorers = drawn_tale(number), tools.scorers
    draw = NotingDraw(partial(tools.drawer.draw, number))
    pictures = draw(tale.scenes)
    shown = [ShownScenes(tale.scenes, scorers.encoder.pictures(pictures))]
    for name, swap in SWAPS.items():
        others = swap(tale, pictures, random.Random(f"{name} {number}"), draw)
        shown.append(ShownScenes(draw.last, scorers.encoder.pictures(others)))
    return CalibrationSample(
        readings=attribute_readings(tale, texts_of(tale), shown, scorers.encoder),
        good=scorers.aesthetic.score([*pictures, *tools.drawer.draw(number + 1, tale.scenes)]),
        undercooked=scorers.aesthetic.score(tools.drawer.draw(number, tale.scenes, TOO_FEW)),
    )


def calibrate(
    samples: Sequence[CalibrationSample],
    beaten: Mapping[str, Mapping[str, float]],
    scorers: Scorers,
    pictures: str,
) -> Calibration:
    """Return the thresholds that samples give, and the metrics that other tales believe.

    Args:
        samples: of tales that `beaten` does not know.
        beaten: by metric and damage the share of tales in which the good set beats the damaged one.
        scorers: what measured both.
        pictures: what drew them, and how.
    """
    believed = believed_of(beaten)
    reads = "mrr" in believed
    readings = [one for sample in samples for one in sample.readings]
    return Calibration(
        weights=scorers.encoder.stamp.weights,
        encoder_sha256=scorers.encoder.stamp.weights_sha256,
        aesthetic_sha256=scorers.aesthetic.metric.stamp.weights_sha256,
        pictures=in_english(pictures),
        stories=len(samples),
        believed=believed,
        aesthetic_floor=_floor(samples) if "aesthetic" in believed else None,
        attributes=thresholds_of(readings) if reads else {},
    )


def believed_of(beaten: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """Return the metrics that decide by default and may be believed; `text` stands and falls with `mrr`."""
    reads = beaten["mrr"][SWAPPED] >= READS
    found = []
    for name in judged():
        entry = METRICS[name]
        asked = beaten["mrr" if entry.bare_name == "text" else entry.bare_name]
        seen = all(share >= BEATS for damage, share in asked.items() if damage != PAINTED_TEXT)
        if seen and (reads or entry.needs == "aesthetic"):
            found.append(entry.bare_name)
    return tuple(found)


def _floor(samples: Sequence[CalibrationSample]) -> float | None:
    """Return the score, in tenths, that hardly a good panel is below; None where few undercooked ones are."""
    lowest = floor(float(np.quantile([points for one in samples for points in one.good], LOST)) * 10) / 10
    undercooked = [points for one in samples for points in one.undercooked]
    found = sum(points < lowest for points in undercooked)
    return lowest if found >= FINDS * len(undercooked) else None
