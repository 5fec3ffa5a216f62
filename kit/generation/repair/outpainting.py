"""Drawing on beyond a picture's edges, in windows of the picture's own size.

A base draws best at the size that it knows, so each corner of the wider picture is one picture more, in which
what is known already stays.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from kit.experiment.steps import Outpaint
from kit.generation.painter import DrawFailure, DrawResult

DrawMasked = Callable[[Image.Image, Image.Image], DrawResult]
"""Draws a picture again where its mask, "L", is white."""


def outpainted(picture: Image.Image, step: Outpaint, draw: DrawMasked) -> DrawResult:
    """Return a picture with what was drawn around it; its own pixels stay.

    Args:
        picture: RGB, square.
        step: how far it is drawn on, at most by the picture's side.
        draw: takes windows of the picture's size, whose unknown part has the colours of the nearest edge.
    """
    around = ((step.top, step.bottom), (step.left, step.right))
    wide = np.pad(np.asarray(picture), (*around, (0, 0)))
    unknown = np.pad(np.zeros(picture.size[::-1], bool), around, constant_values=True)
    side, more = picture.width, step.left + step.right
    corners = [np.s_[y : y + side, x : x + side] for y in {0, more} for x in {0, more}]
    for window in sorted(corners, key=lambda one: (unknown[one].sum(), one[0].start, one[1].start)):
        if not unknown[window].any():
            continue
        nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
        begun, mask = wide[tuple(nearest)][window], np.where(unknown[window], 255, 0).astype(np.uint8)
        drawn = draw(Image.fromarray(begun), Image.fromarray(mask))
        if isinstance(drawn, DrawFailure):
            return drawn
        wide[window], unknown[window] = np.asarray(drawn), False
    return Image.fromarray(wide)
