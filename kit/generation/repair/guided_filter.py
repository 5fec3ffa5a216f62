"""A coarse map brought to the edges of the picture that it is about.

He, Sun and Tang, Guided Image Filtering (ECCV 2010), with a guide of three colours: within each window the
map is the linear function of the colours that is nearest to it.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

SMOOTHING = 1e-3
"""Variance of a colour, of a range of 1, below which a window counts as one colour."""


def guided(coarse: NDArray[np.float32], picture: Image.Image, radius: int) -> NDArray[np.float64]:
    """Return the map, (H, W), with edges where the picture has them.

    Args:
        coarse: (H, W), of any range.
        picture: RGB, of the map's size.
        radius: of the windows, in pixels: as far as the map's edges may be off.
    """
    guide, wanted = np.asarray(picture, np.float64) / 255, coarse.astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        across = (2 * radius + 1,) * 2 + (1,) * (values.ndim - 2)
        return np.asarray(uniform_filter(values, across, mode="nearest"), np.float64)

    colours, level = mean(guide), mean(wanted)
    shared = mean(guide * wanted[..., None]) - colours * level[..., None]
    spread = mean(guide[..., :, None] * guide[..., None, :]) - colours[..., :, None] * colours[..., None, :]
    slope = np.asarray(np.linalg.solve(spread + SMOOTHING * np.eye(3), shared[..., None])[..., 0], np.float64)
    offset = level - (slope * colours).sum(axis=-1)
    return np.asarray((mean(slope) * guide).sum(axis=-1) + mean(offset))
