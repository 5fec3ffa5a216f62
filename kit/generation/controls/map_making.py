"""A map out of a picture: its edges, what an annotator finds in it, or the picture itself."""

from pathlib import Path

import numpy as np
from PIL import Image

from kit.errors import InputError
from kit.generation.controls.annotators import annotated
from kit.images.decode import is_flat
from kit.messages import tr
from kit.story.control import PanelControl


def map_of(picture: Image.Image, control: PanelControl, size: int, annotator: Path | None) -> Image.Image:
    """Return the map of a control, RGB and a square of `size` pixels.

    Args:
        picture: RGB and square.
        control: says the kind.
        size: of the panel, in pixels.
        annotator: the folder of the kind's annotator; None where it needs none.

    Raises:
        InputError: the map shows nothing.
        WeightsError: what makes it is not installed, or the annotator's files are not there.
    """
    sized = picture.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    match control.kind:
        case "canny":
            made = edges(sized, *control.thresholds)
        case "map":
            made = sized
        case kind:
            assert annotator is not None, "the experiment was checked"
            made = annotated(kind, sized, annotator)
    if is_flat(made):
        faint = control.kind == "canny" and not is_flat(sized)
        mend = tr("lower low and high") if faint else tr("take another picture")
        raise InputError(
            control.picture, [tr("its {kind} map shows nothing: {mend}", kind=control.kind, mend=mend)]
        )
    return made


def edges(picture: Image.Image, low: int, high: int) -> Image.Image:
    """Return the edges of a picture, white on black (Canny 1986), as OpenCV finds them in its colours."""
    try:
        import cv2
    except ImportError as error:
        raise InputError('kind = "canny"', [tr("needs OpenCV: pip install storykit[bases]")]) from error
    lines = cv2.Canny(np.asarray(picture), low, high)
    return Image.fromarray(np.stack([lines] * 3, axis=-1))
