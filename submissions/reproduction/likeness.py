"""When two drawings of one panel count as the same picture: identical here, close by quantiles elsewhere."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.errors import BundleError
from kit.messages import Message, joined, tr

Place = Literal["same", "another processor", "another"]
"""Where a panel is drawn again: on the same device (of CPUs: type, instruction set, number of threads) with
the same versions and weights; on another CPU or one not recorded, all else the same; anywhere else."""


class Bound(NamedTuple):
    """How far two drawings may differ; levels are of 255."""

    mean: float
    """Of all colour values."""
    within: tuple[tuple[float, int], ...]
    """Which share of the values must differ by at most how many levels."""


BOUNDS: dict[Place, Bound] = {
    "same": Bound(0.0, ((1.0, 0),)),
    "another processor": Bound(0.01, ((0.99, 0), (1.0, 1))),
    "another": Bound(4.0, ((0.3, 0), (0.5, 1), (0.9, 6))),
}
"""Rounding leaves most values as they are and moves a few edges far; who moves a picture by a scorer's
gradient moves nearly all values a little. docs/benchmarks.md has what was measured."""
LEAST_EFFECT = 0.5
"""Levels by which a LoRA must move the pictures in the mean: 2 % of a style's strength move them by 1.3,
rounding to fp16 by .1 (docs/benchmarks.md)."""


def differences(before: Image.Image, now: Image.Image) -> NDArray[np.int16]:
    """Return the absolute differences of two RGB pictures' colour values, 0 to 255."""
    if before.size != now.size:
        raise BundleError(
            tr(
                "pictures to compare must have one size, got {before} and {now}",
                before=before.size,
                now=now.size,
            )
        )
    return np.abs(np.asarray(before, np.int16) - np.asarray(now, np.int16))


def mean_difference(before: Image.Image, now: Image.Image) -> float:
    """Return the mean absolute difference of two RGB pictures' colour values, 0 (the same) to 255."""
    return float(differences(before, now).mean())


def are_alike(before: Image.Image, now: Image.Image, place: Place) -> bool:
    """Return whether two drawings of a panel are the same picture, by where the second was made."""
    found, bound = differences(before, now), BOUNDS[place]
    near = all(float((found <= levels).mean()) >= share for share, levels in bound.within)
    return near and float(found.mean()) <= bound.mean


def bound_told(place: Place) -> Message:
    """Return a bound in words.

    >>> bound_told("another processor")
    'a mean of 0.01 of 255, 99 % of the values by at most 0, 100 % by at most 1'
    """
    bound = BOUNDS[place]
    first, *others = (
        {"share": f"{share:.0%}".replace("%", " %"), "levels": levels} for share, levels in bound.within
    )
    comma = tr(", ")
    shares = [
        tr("{share} of the values by at most {levels}", **first),
        *(tr("{share} by at most {levels}", **one) for one in others),
    ]
    return tr("a mean of {mean:g} of 255, {shares}", mean=bound.mean, shares=joined(shares, comma))
