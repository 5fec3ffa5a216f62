"""What the drawing of a panel is held to beside its words: a map of lines, depth or a pose (ControlNet)."""

from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, Field, FiniteFloat, StringConstraints, model_validator

from kit.messages import tr

ControlKind = Literal["canny", "depth", "pose", "map"]
"""How the map comes out of the picture; "map" is a picture that is one already."""
KINDS: tuple[ControlKind, ...] = get_args(ControlKind)
WEIGHT, UNTIL = 0.7, 1.0
LOW, HIGH = 100, 200
"""Of Canny's edges: a line begins above the high one and goes on above the low one."""
MOST_CONTROLS = 4
"""Of one panel: each is another network that runs in every step."""
MOST_THRESHOLD = 2000
"""Beyond what any edge of 8-bit colours reaches."""

Weight = Annotated[FiniteFloat, Field(strict=True, ge=0, le=2)]
"""How much what the ControlNet says counts; 1 as it was trained."""
Share = Annotated[FiniteFloat, Field(strict=True, gt=0, le=1)]
"""Of the steps, from the first, in which it is heard."""
Threshold = Annotated[int, Field(strict=True, ge=0, le=MOST_THRESHOLD)]


class PanelControl(BaseModel, frozen=True, extra="forbid"):
    """A picture whose lines, depth or pose a panel is to have; whatever base draws it."""

    kind: ControlKind
    picture: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """A file, relative to the story's own."""
    weight: Weight = WEIGHT
    until: Share = UNTIL
    low: Threshold | None = None
    """Of kind "canny" alone, as `high` is; by default 100 and 200."""
    high: Threshold | None = None

    @model_validator(mode="after")
    def _thresholds_of_edges(self) -> Self:
        given = [name for name in ("low", "high") if getattr(self, name) is not None]
        if given and self.kind != "canny":
            raise ValueError(tr('{name} is for kind = "canny": delete it', name=given[0]))
        low, high = self.thresholds
        if low > high:
            raise ValueError(tr("low must be at most high, got {low} and {high}", low=low, high=high))
        return self

    @property
    def thresholds(self) -> tuple[int, int]:
        """The low and the high one, with what stands where nothing is said."""
        return (LOW if self.low is None else self.low, HIGH if self.high is None else self.high)


ControlList: TypeAlias = Annotated[tuple[PanelControl, ...], Field(max_length=MOST_CONTROLS)]
