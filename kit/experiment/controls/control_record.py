"""What runs and bundles say of a control: its map, and all that shapes the picture beside it."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import ConfigDict, Field, with_config

from kit.experiment.steps import FileHash
from kit.story.control import MOST_CONTROLS, ControlKind, Share, Weight

CONTROLS = "controls"
"""The folder, of a run or a bundle, that holds the maps; a run's holds the stories' pictures too."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRecord:
    """A map that a panel was held to."""

    kind: ControlKind
    map: FileHash
    """The sha256 of the map's file."""
    weight: Weight
    until: Share
    controlnet: FileHash
    """The sha256 of the ControlNet, as `kit.models.bases.controlnet_files` makes it."""

    @property
    def shaping(self) -> dict[str, object]:
        """What of it is in a picture's recipe."""
        shaping = ("map", "weight", "until", "controlnet")
        return {name: getattr(self, name) for name in shaping}


ControlRecords: TypeAlias = Annotated[tuple[ControlRecord, ...], Field(max_length=MOST_CONTROLS)]


def map_file(sha256: str) -> str:
    """Return where a map lies, below a run or a bundle."""
    return f"{CONTROLS}/{sha256}.png"
