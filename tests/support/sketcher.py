"""A painter that draws at once, for what hangs on what is asked of it and not on what is seen."""

import random
from collections.abc import Sequence

from PIL import Image

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.painter import PanelRequest
from kit.lora.lora import LoadedLora


class Sketcher:
    """Draws squares that hang on the prompt, the seed and the steps, in no time."""

    device, hardware = "cpu", "none"

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        self._lora = "" if lora is None else lora.sha256

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        pass

    def draw(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[Image.Image]:
        return [self._sketch(f"{one.prompt} {one.seed} {self._lora}", settings) for one in requests]

    def _sketch(self, about: str, settings: DrawSettings) -> Image.Image:
        squares = random.Random(f"{about} {settings.steps}").randbytes(8 * 8 * 3)
        return Image.frombytes("RGB", (8, 8), squares).resize((settings.size, settings.size), 0)
