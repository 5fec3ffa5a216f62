"""What a place offers to the figures in it."""

import random
from dataclasses import dataclass

from kit.world.canvas import Pen, Point
from kit.world.scene import Time


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How a place is drawn: on two layers, at a time of day, with chance for what the words leave open."""

    back: Pen
    """Everything behind the figures; covers the whole picture."""
    front: Pen
    """What stands before the figures: the rim of a tub, a table, heads of an audience."""
    time: Time
    rng: random.Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Spots:
    """Where figures can be, in picture coordinates."""

    ground: tuple[float, float] = (222, 244)
    """Heights at which standing feet may be."""
    seat: Point | None = None
    """Middle of the seat's front edge, where hips rest; a sofa seats two side by side."""
    bed: Point | None = None
    """Middle of a lying surface, where the middle of a lying body rests."""
    tub: Point | None = None
    """Where the hips of a bathing figure are; the rim is on the front layer."""
    handle: Point | None = None
    """The handle of a door."""
