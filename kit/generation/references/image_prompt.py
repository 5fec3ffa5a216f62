"""A picture that is part of a panel's prompt, with the IP-Adapter that reads it."""

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from kit.experiment.references.image_prompt_record import ImagePromptRecord
from kit.images.decode import open_picture


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePrompt:
    """A picture of a character, ready to be read beside a panel's words."""

    record: ImagePromptRecord
    """All that shapes the panel."""
    png: bytes = field(repr=False)
    """The picture's file: RGB and square."""
    folder: Path
    """The adapter's."""

    @property
    def subject(self) -> str:
        """The words of the panel's prompt whom it shows."""
        return self.record.subject

    @property
    def drawn_alike(self) -> tuple[object, ...]:
        """What panels must have in common to be drawn in one batch."""
        told = self.record
        return (told.adapter, told.weight, told.start, told.until, told.blocks, told.face)

    def picture(self) -> Image.Image:
        """Return the picture, RGB."""
        return open_picture(self.png, ("PNG",)).convert("RGB")
