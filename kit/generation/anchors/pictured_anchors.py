"""Anchors that are pictures: their rows are not drawn, but hold the picture with the noise of each step.

As what is outside a mask is held in RePaint (arXiv 2201.09865): whoever reads such a row reads what the UNet
sees in the picture at the same noise level.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from kit.generation.sampling.dpm_solver import Solver
from kit.images.decode import open_picture


@dataclass(frozen=True, kw_only=True, slots=True)
class PicturedAnchors:
    """The rows of a batch that hold pictures."""

    originals: Mapping[int, Tensor]
    """Of each row the picture's latents, (1, 4, H/8, W/8)."""
    noise: Tensor
    """(B, 4, H/8, W/8): with what every row of the batch begins."""

    def held(self, latents: Tensor, solver: Solver, step: Tensor) -> Tensor:
        """Return latents, (B, 4, H/8, W/8), in which the pictures have the noise of the step to come."""
        held = latents.clone() if self.originals else latents
        for row, original in self.originals.items():
            held[row : row + 1] = solver.add_noise(original, self.noise[row : row + 1], step)
        return held


class AnchorLatents:
    """Latents of the pictures that were anchors so far, each encoded once."""

    def __init__(self) -> None:
        """Begin without any."""
        self._known: dict[tuple[bytes, int], Tensor] = {}

    def of(self, png: bytes, size: int, encode: Callable[[Image.Image], Tensor]) -> Tensor:
        """Return a picture's latents, (1, 4, size/8, size/8).

        Args:
            png: its file, square.
            size: of the panels, in pixels.
            encode: returns the latents of a picture.
        """
        if (png, size) not in self._known:
            picture = open_picture(png, ("PNG",)).convert("RGB")
            self._known[png, size] = encode(picture.resize((size, size), Image.Resampling.LANCZOS))
        return self._known[png, size]

    def unload(self) -> None:
        """Forget what was encoded."""
        self._known.clear()
