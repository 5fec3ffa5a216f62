import pytest

from kit.errors import InputError
from kit.experiment.step_sizes import refuse_size
from kit.experiment.steps import Outpaint, Redraw, Refine, Step, Upscale

LARGER = "the picture has 64 pixels a side and would have {}: give a larger --size, at most 2048"


@pytest.mark.parametrize(
    ("step", "side", "reason"),
    [
        (Outpaint(seed=0, strength=1, left=96, top=96), 64, "may add 64 pixels in one step, got 96"),
        (Outpaint(seed=0, strength=1, left=32, top=32), 2048, "would make it 2080 pixels wide, 2048 are"),
        (Upscale(finisher="1" * 64, size=64), 64, LARGER.format(64)),
        (Refine(seed=0, strength=1, size=32), 64, LARGER.format(32)),
    ],
)
def test_a_step_that_does_not_fit_the_size_of_a_picture_is_refused(step: Step, side: int, reason: str):
    with pytest.raises(InputError, match=reason):
        refuse_size(step, side)


@pytest.mark.parametrize(
    "step",
    [
        Outpaint(seed=0, strength=1, left=64, top=64),
        Upscale(finisher="1" * 64, size=96),
        Refine(seed=0, strength=1, size=64),
        Redraw(seed=0, strength=1),
    ],
)
def test_what_fits_is_not(step: Step):
    refuse_size(step, 64)
