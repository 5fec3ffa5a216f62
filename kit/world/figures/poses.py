"""Where the joints of people are, by kind and pose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kit.world.canvas import Point
from kit.world.scene import Kind, Pose

Pair = tuple[list[Point], list[Point]]
"""The joints of the left and the right limb."""


@dataclass(frozen=True, slots=True)
class Build:
    """Proportions of a kind, in picture units at scale 1."""

    leg: float
    torso: float
    shoulder: float
    head: float
    """Scale of the head."""


BUILDS: dict[Kind, Build] = {
    "girl": Build(30, 31, 13, 1.0),
    "boy": Build(31, 31, 14, 1.0),
    "youth": Build(46, 37, 15, 0.95),
    "woman": Build(48, 37, 14, 0.93),
    "man": Build(48, 40, 20, 0.93),
}


@dataclass(frozen=True, slots=True)
class Joints:
    """Where a body bends; (0, 0) is the ground between the feet, y grows downwards."""

    hip: Point
    neck: Point
    feet: Pair
    """Left and right leg: knee and foot, from the hip on."""
    hands: Pair
    """Left and right arm: elbow and hand, from the shoulder on."""
    lean: float = 0.0
    """Turn of the head in degrees."""


def joints_of(pose: Pose, build: Build, *, seated: bool = False) -> Joints:
    """Return where the joints of a build are in a pose."""
    low = {"sit": -10.0, "crouch": -17.0, "bathe": -6.0}
    hip = (0.0, low.get(pose, -build.leg))
    neck = (0.0, hip[1] - build.torso)
    standing = Joints(hip, neck, _straight(build), _down(build, neck))
    return _POSES[pose](standing, build, seated)


def _straight(build: Build) -> Pair:
    x = build.shoulder * 0.55
    return [(-x, -build.leg / 2), (-x, -3)], [(x, -build.leg / 2), (x, -3)]


def _down(build: Build, neck: Point) -> Pair:
    x, y = build.shoulder, neck[1]
    return [(-x - 7, y + 18), (-x - 9, y + 33)], [(x + 7, y + 18), (x + 9, y + 33)]


def _both(points: Sequence[Point]) -> Pair:
    return [(-x, y) for x, y in points], list(points)


def _sit(j: Joints, b: Build, seated: bool) -> Joints:
    legs = _both([(13, -8), (14, 18)] if seated else [(15, -9), (25, -3)])
    y = j.neck[1]
    return replace(j, feet=legs, hands=_both([(b.shoulder + 9, y + 17), (b.shoulder - 1, j.hip[1] - 2)]))


def _run(j: Joints, b: Build, _: bool) -> Joints:
    leg, y, s = b.leg, j.neck[1], b.shoulder
    feet: Pair = (
        [(-14, -leg * 0.5), (-34, -leg * 0.42)],
        [(17, -leg * 0.7), (20, -6.0)],
    )
    hands = ([(-s - 13, y + 15), (-s - 22, y + 27)], [(s + 14, y + 17), (s + 23, y + 3)])
    return replace(j, feet=feet, hands=hands)


def _wave(j: Joints, b: Build, _: bool) -> Joints:
    return replace(
        j, hands=(j.hands[0], [(b.shoulder + 15, j.neck[1] + 6), (b.shoulder + 25, j.neck[1] - 20)]), lean=5
    )


def _crouch(j: Joints, b: Build, _: bool) -> Joints:
    return replace(
        j, feet=_both([(21, -25), (13, -3)]), hands=_both([(b.shoulder + 11, j.neck[1] + 17), (19, -25)])
    )


def _sing(j: Joints, b: Build, _: bool) -> Joints:
    y, s = j.neck[1], b.shoulder
    return replace(j, hands=([(-s - 14, y + 4), (-s - 27, y - 12)], [(s + 11, y + 14), (12, y + 3)]), lean=-5)


def _in_front(j: Joints, b: Build, _: bool) -> Joints:
    y = j.neck[1]
    return replace(j, hands=_both([(b.shoulder + 8, y + 17), (17, y + 19)]))


def _wish(j: Joints, b: Build, _: bool) -> Joints:
    y = j.neck[1]
    return replace(j, hands=_both([(b.shoulder + 9, y + 18), (2.5, y + 7)]))


def _eat(j: Joints, b: Build, _: bool) -> Joints:
    y = j.neck[1]
    return replace(
        j, hands=([(-b.shoulder - 8, y + 17), (-14, y + 21)], [(b.shoulder + 14, y + 13), (13, y - 1)])
    )


def _hug(j: Joints, b: Build, _: bool) -> Joints:
    y, s = j.neck[1], b.shoulder
    return replace(j, hands=([(-6, y + 17), (s + 10, y + 21)], [(s + 13, y + 9), (s + 29, y + 11)]), lean=8)


def _door(j: Joints, b: Build, _: bool) -> Joints:
    y = j.neck[1]
    return replace(j, hands=(j.hands[0], [(b.shoulder + 15, y + 13), (b.shoulder + 33, y + 7)]), lean=4)


def _hold(j: Joints, b: Build, _: bool) -> Joints:
    y = j.neck[1]
    return replace(j, hands=(j.hands[0], [(b.shoulder + 12, y + 17), (b.shoulder + 17, y + 3)]))


def _same(j: Joints, _: Build, __: bool) -> Joints:
    return j


_POSES: dict[Pose, Callable[[Joints, Build, bool], Joints]] = {
    "stand": _same, "sit": _sit, "sleep": _same, "run": _run, "wave": _wave, "crouch": _crouch,
    "sing": _sing, "read": _in_front, "eat": _eat, "bathe": _in_front, "wish": _wish, "hug": _hug,
    "door": _door, "hold": _hold,
}  # fmt: skip
