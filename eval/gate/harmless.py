"""What happens to pictures on their way to a contest and should not decide whether they pass."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from eval.scoring.panel_file import through_jpeg
from kit.messages import mark

JPEG_QUALITY, SMALLER = 90, 0.98
SAMPLE = 16
"""Pictures on which HARMLESS are tried first, then on as many again, until it is sure what all would tell."""
SURE = 4.0
"""Standard errors between a mean after a change and the threshold from which it is sure.

A small sample may miss the few pictures that move much: of 150 drawn scenes two moved by .4 as JPEG, the
others by at most .13. With such moves and 300 pictures 1.6 % of 4,000 trials with a threshold within .02 of
the mean stopped on the wrong side, of a mean at most .007 from the threshold; within .3 it was 0.1 %.
"""


def _smaller(picture: Image) -> Image:
    return picture.resize((max(1, round(picture.width * SMALLER)), max(1, round(picture.height * SMALLER))))


HARMLESS: Mapping[str, Callable[[Image], Image]] = {
    mark("as JPEG, quality {quality}"): partial(through_jpeg, quality=JPEG_QUALITY),
    mark("{share:.0%} smaller"): _smaller,
}
"""What happens to pictures on their way to a contest, and should not decide it."""


def are_apart(
    means: NDArray[np.float64], threshold: float, moved: NDArray[np.float64], pictures: int
) -> bool:
    """Return whether the means of all pictures are surely not the threshold.

    Args:
        means: as some pictures tell, one of each change.
        threshold: of them.
        moved: (tried, changes), by how much each of those moved.
        pictures: how many there are; where most were tried little is left to chance.
    """
    tried = len(moved)
    error = moved.std(axis=0, ddof=1) * math.sqrt(1 / tried - 1 / pictures)
    return bool((abs(means - threshold) > SURE * error).all())
