"""How well the lines of a picture agree with a map of lines."""

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from kit.generation.controls.map_making import edges
from kit.story.control import HIGH, LOW

REACH = 2
"""Pixels that a line may be away."""


class LineAgreement(NamedTuple):
    """Shares in [0, 1]; higher is nearer."""

    precision: float
    """Of the picture's lines those that lie on one of the map's."""
    recall: float
    """Of the map's lines those on which one of the picture's lies."""

    @property
    def f1(self) -> float:
        """The harmonic mean of both; 0 where nothing agrees."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def lines_of(picture: Image.Image) -> Image.Image:
    """Return a picture's map at the usual thresholds."""
    return edges(picture, LOW, HIGH)


def line_agreement(lines: Image.Image, picture: Image.Image) -> LineAgreement:
    """Return how a picture's lines agree with a map, which has one at least."""
    wanted, drawn = (np.asarray(one)[..., 0] > 0 for one in (lines, lines_of(picture)))
    near = [_reached(one) for one in (wanted, drawn)]
    precision = float(near[0][drawn].mean()) if drawn.any() else 0.0
    return LineAgreement(precision, float(near[1][wanted].mean()))


def _reached(lines: np.ndarray) -> np.ndarray:
    """Return the pixels that are at most REACH away from a line."""
    away = cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return away <= REACH
