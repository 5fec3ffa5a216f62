"""A painter that sleeps for as long as a GPU would draw, and then has pictures of the asked size."""

import time
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import BatchPlan, PanelRequest

BATCH = 8
BLOT = 8
"""Pixels of a picture for each of chance: so smooth, PNG makes of it what it makes of a drawn one."""
DIFFERENT = 16


def sleep_in_place_of_drawing(seconds: float) -> None:
    """Have Kolors' painter sleep so long for each panel, in this process; it loads and settles nothing."""

    def draw(
        self: KolorsPainter,
        requests: Sequence[PanelRequest],
        settings: DrawSettings,
        plan: BatchPlan | None = None,
    ) -> list[Image.Image]:
        until = time.monotonic() + seconds * len(requests)
        pictures = [_picture(one.seed % DIFFERENT, settings.size).copy() for one in requests]
        time.sleep(max(0.0, until - time.monotonic()))
        return pictures

    def plan_batches(
        self: KolorsPainter, requests: Sequence[PanelRequest], settings: DrawSettings
    ) -> BatchPlan:
        for number in range(DIFFERENT):
            _picture(number, settings.size)
        return BatchPlan(panels=BATCH, compiled=False)

    KolorsPainter.draw = draw  # type: ignore[method-assign,assignment]
    KolorsPainter.plan_batches = plan_batches  # type: ignore[method-assign]


@cache
def _picture(number: int, size: int) -> Image.Image:
    side = size // BLOT
    blots = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize((size, size), Image.Resampling.BICUBIC)
