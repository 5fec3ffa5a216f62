"""Pictures of a chain made larger or cleaner by a network, whole or inside a mask."""

from PIL import Image

from kit.errors import InputError, WeightsError
from kit.experiment.steps import Restore, Upscale
from kit.generation.painter import DrawFailure, DrawResult, mask_faults
from kit.generation.repair.masks import pasted
from kit.generation.repair.step_files import StepFiles
from kit.messages import tr


def finished(picture: Image.Image, step: Upscale | Restore, files: StepFiles) -> DrawResult:
    """Return what a network makes of a picture, RGB; a failure says why it makes none.

    Args:
        picture: RGB, square.
        step: what is done.
        files: hold its network and mask.
    """
    try:
        return (
            _upscaled(picture, step, files) if isinstance(step, Upscale) else _restored(picture, step, files)
        )
    except (InputError, WeightsError) as error:
        return DrawFailure(reason=error.message)


def _upscaled(picture: Image.Image, step: Upscale, files: StepFiles) -> Image.Image:
    finisher = files.finisher(step.finisher)
    _refuse(step, finisher.use.fault("upscale", masked=False))
    large = finisher.apply(picture)
    if large.size == (step.size, step.size):
        return large
    return large.resize((step.size, step.size), Image.Resampling.LANCZOS)


def _restored(picture: Image.Image, step: Restore, files: StepFiles) -> Image.Image:
    finisher = files.finisher(step.finisher)
    _refuse(step, finisher.use.fault("restore", masked=bool(step.mask)))
    if not step.mask:
        return finisher.apply(picture)
    mask = files.mask(step.mask)
    if faults := mask_faults(mask, picture):
        raise InputError(step.step, faults)
    box = seen_box(mask, square=finisher.for_faces)
    restored = picture.copy()
    restored.paste(finisher.apply(picture.crop(box)), box[:2])
    return pasted(restored, picture, mask)


def seen_box(mask: Image.Image, *, square: bool) -> tuple[int, int, int, int]:
    """Return what of a picture a network sees: left, top, right and bottom of what a mask marks.

    Args:
        mask: "L", square, not all black.
        square: whether it is widened to a square, around its middle as far as the picture goes.

    >>> mask = Image.new("L", (64, 64))
    >>> mask.paste(255, (40, 50, 44, 62))
    >>> seen_box(mask, square=False), seen_box(mask, square=True)
    ((40, 50, 44, 62), (36, 50, 48, 62))
    """
    marked = mask.getbbox()
    if marked is None:
        raise InputError("mask", [tr("the mask is empty: paint white what is to be drawn again")])
    if not square:
        return marked
    left, top, right, bottom = marked
    side = max(right - left, bottom - top)
    left = min(max(0, left - (side - (right - left)) // 2), mask.width - side)
    top = min(max(0, top - (side - (bottom - top)) // 2), mask.height - side)
    return left, top, left + side, top + side


def _refuse(step: Upscale | Restore, fault: str) -> None:
    if fault:
        raise InputError(step.step, [fault])
