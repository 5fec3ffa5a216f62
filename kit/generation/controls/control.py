"""A map that a panel is held to while it is drawn, with the ControlNet that reads it."""

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from kit.experiment.controls.control_record import ControlRecord
from kit.images.decode import open_picture


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
