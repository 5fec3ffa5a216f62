"""Which steps fit the size of the picture that they begin with."""

from collections.abc import Iterator

from kit.errors import InputError
from kit.experiment.steps import MOST_SIDE, Outpaint, Refine, Step, Upscale
from kit.messages import tr


def refuse_size(step: Step, side: int) -> None:
    """Raise InputError where a step cannot follow a picture of so many pixels a side."""
    if faults := [*size_faults(step, side)]:
        raise InputError(step.step, faults)


def size_faults(step: Step, side: int) -> Iterator[str]:
    """Yield why a step cannot follow a picture of so many pixels a side."""
    match step:
        case Outpaint():
            if (more := step.left + step.right) > side:
                told = {"more": more, "side": side}
                yield tr("may add {side} pixels in one step, got {more}: take two steps", **told)
            if (wide := step.side_after(side)) > MOST_SIDE:
                yield tr("would make it {wide} pixels wide, {most} are the most", wide=wide, most=MOST_SIDE)
        case Upscale(size=size) if size <= side:
            yield _too_small(size, side)
        case Refine(size=size) if size < side:
            yield _too_small(size, side)
        case _:
            pass


def _too_small(size: int, side: int) -> str:
    return tr(
        "the picture has {side} pixels a side and would have {size}: give a larger --size, at most {most}",
        side=side,
        size=size,
        most=MOST_SIDE,
    )
