"""Near duplicates: pictures that are one but for their size, compression or brightness.

A picture's signs are those of its 16 x 16 lowest frequencies against their median, the perceptual hash that
ImageHash calls phash. The embedded encoder finds more copies, but joins unlike pieces of one photograph, and
what is dropped here must be a copy (docs/benchmarks.md).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

SIDE = 16
"""Frequencies a side; 256 signs in all."""
NEAR = 24
"""Signs that may differ. Of unlike pictures measured no two differ in fewer than 44 (docs/benchmarks.md)."""
_FINE = 6
"""Decimals of a frequency that are more than rounding."""

Signs = NDArray[np.bool_]


def signs(picture: Image.Image) -> Signs:
    """Return the 256 signs of a picture; alike pictures differ in few."""
    side = 4 * SIDE
    small = np.asarray(picture.convert("L").resize((side, side), Image.Resampling.LANCZOS), np.float64)
    low = np.round(dctn(small)[:SIDE, :SIDE], _FINE)
    return np.asarray((low > np.median(low)).ravel())


def near_duplicates(rows: Sequence[Signs], areas: Sequence[int]) -> dict[int, int]:
    """Return which pictures are near duplicates of a kept one, and of which.

    The largest is kept, of equal ones the first.

    >>> a, b = np.zeros(256, bool), np.arange(256) < 128
    >>> near_duplicates([a, b, a], [100, 100, 400])
    {0: 2}
    """
    if not rows:
        return {}
    spins = np.where(np.stack(rows), np.float32(1), np.float32(-1))
    kept: list[int] = []
    found: dict[int, int] = {}
    for number in sorted(range(len(rows)), key=lambda number: (-areas[number], number)):
        differing = (spins.shape[1] - spins[kept] @ spins[number]) / 2
        if kept and differing.min() <= NEAR:
            found[number] = kept[int(differing.argmin())]
        else:
            kept.append(number)
    return dict(sorted(found.items()))
