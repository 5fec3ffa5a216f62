"""A painter of striped pictures, of which some panels vary more than others from seed to seed."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from fakes import FakePainter
from PIL import Image
from stripes import SIDE

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.painter import BatchPlan, DrawFailure, PanelRequest

BLOCKS = 8
"""Of the background, along a side."""


class StripePainter(FakePainter):
    """Draws a bright stripe where a panel's words say; how bright hangs on the panel and on the key alone."""

    def __init__(self, spreads: Mapping[int, float] | None = None) -> None:
        """Take the spread of some panels, 1 to 8, in levels of brightness; the others vary by 2."""
        super().__init__()
        self.spreads = spreads or {}

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> list[Image.Image | DrawFailure]:
        drawn = super().draw(requests, settings, plan)
        return [
            one if isinstance(one, DrawFailure) else self.picture(request)
            for one, request in zip(drawn, requests, strict=True)
        ]

    def picture(self, request: PanelRequest) -> Image.Image:
        """Return the picture of a request: no two are alike, though all have a background as bright."""
        panel = int("".join(filter(str.isdigit, request.prompt)))
        chance = np.random.default_rng(list(hashlib.sha256(request.key.encode()).digest()))
        level = 150 + round(chance.normal(0, self.spreads.get(panel + 1, 2.0)))
        blocks = np.tile(np.repeat(np.array([[10], [110]], np.uint8), BLOCKS // 2, axis=0), BLOCKS)
        pixels = chance.permuted(blocks, axis=0).repeat(SIDE // BLOCKS, axis=0).repeat(SIDE // BLOCKS, axis=1)
        pixels[:, 4 * panel : 4 * panel + 3] = min(255, max(60, level))
        return Image.fromarray(pixels).convert("RGB")
