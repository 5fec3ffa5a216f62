"""Is one of many pictures another, saved again? By perceptual hash, for what a dataset drops.

Of unlike pictures measured no two differ in fewer than 44 bits (docs/benchmarks.md). The embedded encoder
finds more copies, but joins unlike pieces of one photograph, and what is dropped must be a copy. Whether two
of a few pictures are one is asked of `kit.images.copies`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

SIDE = 16
"""Frequencies a side; a hash has 256 bits."""
NEAR = 24
"""Bits that may differ in near duplicates."""
THUMBNAIL_SIDE = 32
"""Pixels."""
_FINE = 6
"""Decimals of a frequency that are more than rounding."""

Hash = NDArray[np.bool_]
Thumbnail = NDArray[np.float64]


def perceptual_hash(picture: Image.Image) -> Hash:
    """Return 256 bits, in few of which alike pictures differ: the lowest frequencies against their median.

    ImageHash's phash does not round: of a picture of large squares, where frequencies are zero, rounding
    errors then choose up to 8 bits.
    """
    side = 4 * SIDE
    small = np.asarray(picture.convert("L").resize((side, side), Image.Resampling.LANCZOS), np.float64)
    low = np.round(dctn(small)[:SIDE, :SIDE], _FINE)
    return np.asarray((low > np.median(low)).ravel())


def near_duplicates(hashes: Sequence[Hash], areas: Sequence[int]) -> dict[int, int]:
    """Return which pictures are near duplicates of a kept one, and of which.

    The largest is kept, of equal ones the first.

    >>> a, b = np.zeros(256, bool), np.arange(256) < 128
    >>> near_duplicates([a, b, a], [100, 100, 400])
    {0: 2}
    """
    bits = np.packbits(np.array(hashes, bool).reshape(len(hashes), SIDE * SIDE), axis=1)
    kept_bits, kept = np.empty_like(bits), list[int]()
    found: dict[int, int] = {}
    for number in sorted(range(len(hashes)), key=lambda number: (-areas[number], number)):
        differing = np.bitwise_count(kept_bits[: len(kept)] ^ bits[number]).sum(axis=1)
        if kept and differing.min() <= NEAR:
            found[number] = kept[int(differing.argmin())]
        else:
            kept_bits[len(kept)] = bits[number]
            kept.append(number)
    return dict(sorted(found.items()))


def thumbnail(picture: Image.Image) -> Thumbnail:
    """Return (32, 32, channels) pixels, 0 to 255."""
    return np.asarray(picture.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX), np.float64)
