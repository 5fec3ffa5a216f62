"""Drawing on beyond a picture's edges, in windows of the picture's own size.

A base draws best at the size that it knows, so each corner of the wider picture is one picture more, in which
what is known already stays.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from kit.errors import InputError
from kit.experiment.steps import MOST_SIDE, Outpaint
from kit.generation.painter import DrawFailure, DrawResult
from kit.messages import tr

DrawMasked = Callable[[Image.Image, Image.Image], DrawResult]
"""Draws a picture again where its mask, "L", is white."""


def refuse_too_wide(step: Outpaint, side: int) -> None:
    """Raise InputError where a picture of so many pixels a side cannot be drawn on so far in one step."""
    faults = []
    if (more := step.left + step.right) > side:
        told = {"more": more, "side": side}
        faults.append(tr("may add {side} pixels in one step, got {more}: take two steps", **told))
    if (wide := step.side_after(side)) > MOST_SIDE:
        faults.append(tr("would make it {wide} pixels wide, {most} are the most", wide=wide, most=MOST_SIDE))
    if faults:
        raise InputError(step.step, faults)


def outpainted(picture: Image.Image, step: Outpaint, draw: DrawMasked) -> DrawResult:
    """Return a picture with what was drawn around it; its own pixels stay.

    Args:
        picture: RGB, square.
        step: how far it is drawn on.
        draw: takes windows of the picture's size, whose unknown part has the colours of the nearest edge.

    Raises InputError where the step goes too far.
    """
    refuse_too_wide(step, picture.width)
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
