"""Which samples are kept by the size and the ratio of their pictures, by Data-Juicer's rules."""

import sys
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, StrictInt

from kit.values import Number

Size = tuple[int, int]
"""Width and height in pixels, as the picture stands upright."""
Quantity = Literal["any", "all"]
"""How many of a sample's pictures must be within the bounds."""


class ShapeFilter(BaseModel, frozen=True, extra="forbid"):
    """Data-Juicer's image_shape_filter: width and height within bounds that count as within.

    Defaults: Data-Juicer's.
    """

    operator: ClassVar[str] = "image_shape_filter"
    min_width: StrictInt = 1
    max_width: StrictInt = sys.maxsize
    min_height: StrictInt = 1
    max_height: StrictInt = sys.maxsize
    any_or_all: Quantity = "any"

    def holds(self, size: Size) -> bool:
        """Return whether a picture is within the bounds.

        >>> ShapeFilter(min_width=2).holds((2, 9)), ShapeFilter(min_width=2).holds((1, 9))
        (True, False)
        """
        width, height = size
        return self.min_width <= width <= self.max_width and self.min_height <= height <= self.max_height

    @property
    def asks(self) -> str:
        """What a picture must be, in words."""
        width, height = _between(self.min_width, self.max_width), _between(self.min_height, self.max_height)
        return " and ".join([f"{width} wide"] * bool(width) + [f"{height} high"] * bool(height))


class RatioFilter(BaseModel, frozen=True, extra="forbid"):
    """Data-Juicer's image_aspect_ratio_filter: width / height within bounds that count as within.

    Defaults: Data-Juicer's.
    """

    operator: ClassVar[str] = "image_aspect_ratio_filter"
    min_ratio: Number = 0.333
    max_ratio: Number = 3.0
    any_or_all: Quantity = "any"

    def holds(self, size: Size) -> bool:
        """Return whether a picture is within the bounds.

        >>> RatioFilter(max_ratio=2).holds((4, 2)), RatioFilter(max_ratio=2).holds((5, 2))
        (True, False)
        """
        return self.min_ratio <= size[0] / size[1] <= self.max_ratio

    @property
    def asks(self) -> str:
        """What a picture must be, in words."""
        return f"{self.min_ratio:g} to {self.max_ratio:g} times as wide as high"


Filter = ShapeFilter | RatioFilter


def keeps(rule: Filter, sizes: Sequence[Size]) -> bool:
    """Return whether a sample is kept: any or all of its pictures hold; one without pictures always is.

    >>> rule = RatioFilter(any_or_all="all")
    >>> keeps(rule, [(1, 1), (9, 1)]), keeps(rule, [(1, 1)]), keeps(rule, [])
    (False, True, True)
    """
    held = [rule.holds(size) for size in sizes]
    return not held or (any(held) if rule.any_or_all == "any" else all(held))


def _between(least: int, most: int) -> str:
    """Return bounds in words, nothing where there are none."""
    if most == sys.maxsize:
        return f"{least} pixels or more" if least > 1 else ""
    return f"{least} to {most} pixels"
