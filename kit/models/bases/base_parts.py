"""A base as it is named: by one name or folder, or by its parts."""

from pathlib import Path
from typing import Self, TypeAlias

from pydantic import BaseModel, model_validator

from kit.messages import tr


class BaseParts(BaseModel, frozen=True, extra="forbid"):
    """A base whose parts lie in several places; what is not named is taken from its folder."""

    folder: str | None = None
    """None where every part is named, as ComfyUI keeps Kolors."""
    unet: str | None = None
    """A file, or a folder as diffusers writes one; so are the next two."""
    text_encoder: str | None = None
    vae: str | None = None
    prior: str | None = None
    """The folder of Stable Cascade's first stage."""

    @model_validator(mode="after")
    def _name_something(self) -> Self:
        if self.folder is None and not (self.unet and self.text_encoder and self.vae):
            raise ValueError(tr("must name its folder, or unet, text_encoder and vae"))
        return self

    def __str__(self) -> str:
        """Return all parts as a person reads them."""
        return ", ".join(f"{name} {place}" for name, place in self if place)


BaseChoice: TypeAlias = str | BaseParts
"""A base as an experiment names it."""


def shown_base(base: BaseChoice) -> str:
    """Return a base's name as a page shows it, which may be sent: of paths no more than what tells it.

    >>> shown_base("kolors"), shown_base(BaseParts(folder="/models/sdxl", unet="/models/lcm-sdxl"))
    ('kolors', 'sdxl, unet lcm-sdxl')
    """
    if isinstance(base, str):
        return _last(base)
    others = (f"{name} {_last(place)}" for name, place in base if place and name != "folder")
    return ", ".join([*([_last(base.folder)] if base.folder else []), *others])


def _last(place: str) -> str:
    """Return the last part of a path; of what Hugging Face keeps, which is called by a commit, the model."""
    path = Path(place)
    if path.parent.name == "snapshots" and path.parents[1].name.startswith("models--"):
        return path.parents[1].name.rpartition("--")[2]
    return path.name
