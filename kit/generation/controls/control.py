"""A map that a panel is held to while it is drawn, with the ControlNet that reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kit.experiment.controls.control_record import ControlRecord
from kit.images.decode import open_picture

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A map that a panel is held to, ready to be drawn with."""

    record: ControlRecord
    """All that shapes the picture."""
    png: bytes = field(repr=False)
    """The map's file: RGB, as large as the panel."""
    folder: Path
    """The ControlNet's."""

    @property
    def drawn_alike(self) -> tuple[object, ...]:
        """What panels must have in common to be drawn in one batch."""
        return (self.record.controlnet, self.record.weight, self.record.until)

    def map_picture(self) -> Image.Image:
        """Return the map, RGB."""
        return open_picture(self.png, ("PNG",)).convert("RGB")


def map_pixels(controls: Sequence[Control], size: int) -> "Tensor":
    """Return one map a panel as ControlNets read it, (B, 3, size, size), from 0 to 1."""
    import torch

    pictures = (one.map_picture().resize((size, size), Image.Resampling.LANCZOS) for one in controls)
    rows = np.stack([np.asarray(one, np.float32) / 255 for one in pictures])
    return torch.from_numpy(rows.transpose(0, 3, 1, 2))  # colours innermost, as diffusers has them
