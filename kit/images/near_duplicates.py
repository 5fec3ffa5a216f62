"""Near duplicates, by the question that is asked.

Is one of many pictures another, saved again? `near_duplicates`, by perceptual hash, for what a dataset drops.
Of unlike pictures measured no two differ in fewer than 44 bits (docs/benchmarks.md). The embedded encoder
finds more copies, but joins unlike pieces of one photograph, and what is dropped must be a copy.

Do two of a few pictures show the same? `same_pictures`, by thumbnail, for what a folder's gate names. JPEG at
quality 40 changes 2.8 levels, two panels of a story of the drawn world differ by 13 or more (60 stories).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

SIDE = 16
"""Frequencies a side; a hash has 256 bits."""
NEAR = 24
"""Bits that may differ in near duplicates."""
THUMBNAIL_SIDE, ALIKE = 32, 5.0
"""Pixels a side, and the mean difference, of 255 levels, below which two pictures are one."""
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


def same_pictures(thumbnails: Mapping[str, Thumbnail]) -> dict[str, str]:
    """Return which pictures an earlier one shows already, and which one does.

    >>> dark, light = np.zeros((32, 32, 3)), np.full((32, 32, 3), 200.0)
    >>> same_pictures({"1.png": dark, "2.png": light, "3.png": dark + 1})
    {'3.png': '1.png'}
    """
    first: dict[str, Thumbnail] = {}
    found: dict[str, str] = {}
    for name, one in thumbnails.items():
        if same := next((other for other, kept in first.items() if np.abs(one - kept).mean() < ALIKE), None):
            found[name] = same
        else:
            first[name] = one
    return found
