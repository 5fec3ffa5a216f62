"""Which changes are asked for, and how strong they are."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from kit.dataset.augmentation.changes import LEAST_KEPT, MOST_KEPT, Kind
from kit.experiment.fields import Count, Flag, Number, Seed


class Augmentation(BaseModel, frozen=True, extra="forbid"):
    """Which changed copies each picture gets; what is left out is not made."""

    mirror: Flag = False
    crop: Annotated[Number, Field(ge=LEAST_KEPT, le=MOST_KEPT)] | None = None
    """Share of each side that a crop keeps at least."""
    turn: Annotated[Number, Field(ge=1, le=10)] | None = None
    """Degrees at most, to either side."""
    colour: Annotated[Number, Field(ge=0.02, le=0.2)] | None = None
    """By how much brightness, contrast and saturation differ at most; 0.1 is a tenth."""
    copies: Annotated[Count, Field(le=20)] = 1
    """Of each picture by each of crop, turn and colour; mirrored it is once."""
    train_size: Annotated[Count, Field(ge=32)] = 1024
    """Pixels that the shorter side has left at least; by default what Kolors is trained at."""
    seed: Seed = 0
    letters_and_faces: Literal["leave", "change"] = "leave"
    """Whether pictures in which letters or a face are likely are mirrored and turned."""

    @property
    def strengths(self) -> dict[Kind, float]:
        """The changes that are asked for, and how strong each is."""
        asked: dict[Kind, float | None] = {
            "mirror": float(self.mirror) or None,
            "crop": self.crop,
            "turn": self.turn,
            "colour": self.colour,
        }
        return {kind: strength for kind, strength in asked.items() if strength is not None}

    @property
    def spares(self) -> bool:
        """Whether letters and faces count: some change would spoil them, and nobody asked for it."""
        return self.letters_and_faces == "leave" and bool({"mirror", "turn"} & self.strengths.keys())
