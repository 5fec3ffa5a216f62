"""What runs and bundles say of a picture that is part of a panel's prompt, through an IP-Adapter."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Literal, Protocol, TypeAlias, get_args

from pydantic import ConfigDict, Field, FiniteFloat, StringConstraints, with_config

from kit.experiment.steps import FileHash
from kit.story.anchors import MOST_ANCHORS
from kit.story.control import Share, Weight

REFERENCES = "references"
"""The folder, of a run or a bundle, that holds pictures of characters."""

UNetPart = Literal["down", "mid", "up"]
"""Which attentions to the text read the picture, too: of the way down, of the middle, of the way up."""
UNET_PARTS: tuple[UNetPart, ...] = get_args(UNetPart)

Begin = Annotated[FiniteFloat, Field(strict=True, ge=0, lt=1)]
"""Of the steps, after which it is heard."""
UNetParts = Annotated[tuple[UNetPart, ...], Field(min_length=1, max_length=len(UNET_PARTS))]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePromptRecord:
    """A picture of a character that a panel's prompt has beside its words."""

    picture: FileHash
    """The sha256 of the picture's file."""
    subject: Annotated[str, StringConstraints(min_length=1)]
    """The words of the panel's prompt whom it shows."""
    weight: Weight
    """How much it counts beside the words; 1 as much."""
    start: Begin
    until: Share
    blocks: UNetParts
    adapter: FileHash
    """The sha256 of the adapter, as `kit.models.ip_adapter.adapter_files` makes it."""
    face: bool = False
    """Whether the adapter reads the face alone (FaceID)."""

    @property
    def shaping(self) -> dict[str, object]:
        """What of it is in a picture's recipe: all."""
        return {**asdict(self), "blocks": list(self.blocks)}


ImagePromptRecords: TypeAlias = Annotated[tuple[ImagePromptRecord, ...], Field(max_length=MOST_ANCHORS)]


class PictureNamed(Protocol):
    """What may name a picture: an anchor, or a picture beside a prompt's words."""

    @property
    def picture(self) -> str:
        """The sha256 of the picture's file; empty where there is none."""


def pictures_in(shown: Iterable[PictureNamed]) -> list[str]:
    """Return the sha256 of each picture that is named, each once."""
    return list(dict.fromkeys(one.picture for one in shown if one.picture))


def reference_file(sha256: str) -> str:
    """Return where a character's picture lies, below a run or a bundle."""
    return f"{REFERENCES}/{sha256}.png"
