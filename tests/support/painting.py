"""Panels asked of the painter of the toy base, and the pictures that it gives."""

import numpy as np

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest

CFG4 = DrawSettings(steps=3, cfg=4.0, size=64, noise="portable")


NEGATIVE = "下雪"


def panel_request(prompt: str, seed: int = 0, negative: str = NEGATIVE) -> PanelRequest:
    return PanelRequest(key="k", prompt=prompt, negative=negative, seed=seed, label=f"seed-{seed}")


def painted(
    painter: KolorsPainter, requests: list[PanelRequest], settings: DrawSettings = CFG4
) -> list[np.ndarray]:
    painter.encode_prompts([text for asked in requests for text in asked.texts])
    return [np.asarray(picture).astype(int) for picture in painter.draw(requests, settings)]
