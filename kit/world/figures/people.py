"""People: clothes by kind over joints by pose."""

from kit.world.canvas import CLOTHES_PAINT, GOLD, OUTLINE, SKIN, WHITE, Ink, Paint, Pen, sector, shade
from kit.world.figures import heads, props
from kit.world.figures.poses import BUILDS, Joints, joints_of
from kit.world.scene import Character, Kind

_TROUSERS: dict[Kind, Paint] = {"boy": (84, 106, 160), "youth": (88, 124, 182), "man": (88, 86, 102)}
_SHOES: dict[Kind, Paint] = {
    "girl": (214, 66, 76),
    "boy": (250, 250, 250),
    "youth": (250, 250, 250),
    "woman": (160, 84, 110),
    "man": (74, 60, 60),
}


def draw_person(pen: Pen, character: Character, *, seated: bool = False) -> None:
    """Draw a person standing at the pen's (0, 0); `seated` lets the shins hang from a seat there.

    A sleeping person lies with the middle of the body at (0, 0), the head to the left.
    """
    build = BUILDS[character.kind]
    joints = joints_of(character.pose, build, seated=seated)
    if character.pose == "sleep":
        height = build.leg + build.torso + 20
        pen = pen.at((0, 0), turn=-90).at((0, height * 0.5))
    elif character.pose == "run":
        pen = pen.at((0, 0), turn=7)
    head = pen.at((joints.neck[0], joints.neck[1] - 21 * build.head), build.head, joints.lean)
    heads.draw_hair_behind(head, character)
    _draw_legs(pen, character, joints)
    _draw_clothes(pen, character, joints)
    before_head = character.pose in ("wish", "read", "eat", "sing", "hold")
    if not before_head:
        _draw_arms(pen, character, joints)
    heads.draw_head(head, character, asleep=character.pose in ("sleep", "wish"))
    if before_head:
        _draw_arms(pen, character, joints)
    _draw_held(pen, character, joints)


def _draw_legs(pen: Pen, character: Character, joints: Joints) -> None:
    kind = character.kind
    if character.pose == "bathe":
        return
    for leg in joints.feet:
        start = (joints.hip[0] + (5 if leg[0][0] > 0 else -5), joints.hip[1] - 1)
        path = [start, *leg]
        paint = SKIN if kind in ("girl", "boy", "woman") else _TROUSERS[kind]
        pen.limb(path, paint, 9.5 if kind != "man" else 11)
        if kind == "boy":
            knee = ((start[0] + leg[0][0]) / 2, (start[1] + leg[0][1]) / 2)
            pen.limb([start, knee, leg[0]], _TROUSERS[kind], 12)
        foot = leg[-1]
        pen.ellipse((foot[0] + (2.5 if foot[0] > 0 else -2.5), foot[1]), (8, 5.2), _SHOES[kind], OUTLINE)


def _draw_clothes(pen: Pen, character: Character, joints: Joints) -> None:
    paint = CLOTHES_PAINT[character.colour]
    s = BUILDS[character.kind].shoulder
    (hx, hy), (nx, ny) = joints.hip, joints.neck
    if character.pose == "bathe":
        pen.polygon([(-s, ny), (s, ny), (s + 1, hy + 4), (-s - 1, hy + 4)], SKIN, OUTLINE)
        pen.polygon([(-s - 2, ny + 14), (s + 2, ny + 14), (s + 4, hy + 6), (-s - 4, hy + 6)], paint, OUTLINE)
        return
    flat = character.pose in ("sit", "crouch")
    if character.kind in ("girl", "woman"):
        _draw_dress(pen, character, joints)
        return
    low = hy + (2 if flat else 5)
    pen.polygon([(nx - s + 4, ny - 1), (nx + s - 4, ny - 1), (nx + s, ny + 5), (hx + s, low), (hx - s, low),
                 (nx - s, ny + 5)], paint, OUTLINE)  # fmt: skip
    _CUTS[character.kind](pen, paint, joints)


def _draw_dress(pen: Pen, character: Character, joints: Joints) -> None:
    s, (hx, hy), (nx, ny) = BUILDS[character.kind].shoulder, joints.hip, joints.neck
    hem = _hem(character, hy)
    wide = (26 if character.kind == "girl" else 25) + (5 if character.pose in ("sit", "crouch") else 0)
    pen.blob([(nx - s + 3, ny), (nx + s - 3, ny), (nx + s, ny + 12), (hx + wide - 6, hy - 2),
              (hx + wide, hem), (hx, hem + 3), (hx - wide, hem), (hx - wide + 6, hy - 2), (nx - s, ny + 12)],
             CLOTHES_PAINT[character.colour], OUTLINE)  # fmt: skip
    if character.kind == "girl":
        pen.polygon(sector((nx, ny + 1), (12, 8), 0, 180), WHITE, Ink(width=1.3))
    else:
        pen.stroke([(nx - s + 1, hy - 12), (nx + s - 1, hy - 12)], Ink(GOLD, 4))


def _hem(character: Character, hip: float) -> float:
    """Return how far down a dress reaches."""
    if character.pose in ("sit", "crouch"):
        return hip + 5
    return hip + (9 if character.kind == "girl" else 30)


def _shirt(pen: Pen, paint: Paint, joints: Joints) -> None:
    s, y = BUILDS["boy"].shoulder, joints.neck[1]
    stripe = WHITE if paint != CLOTHES_PAINT["white"] else (150, 190, 230)
    for dy in (13, 22):
        pen.stroke([(-s + 2, y + dy), (s - 2, y + dy)], Ink(stripe, 3.4))


def _hoodie(pen: Pen, paint: Paint, joints: Joints) -> None:
    y, low = joints.neck[1], joints.hip[1]
    pen.polygon(sector((0, y + 1), (13, 9), 0, 180), shade(paint, 0.8), Ink(width=1.3))
    pen.polygon(
        [(-9, low - 14), (9, low - 14), (12, low - 2), (-12, low - 2)], shade(paint, 0.86), Ink(width=1.2)
    )
    for side in (-1, 1):
        pen.stroke([(side * 4, y + 9), (side * 4, y + 18)], Ink(WHITE, 1.8))


def _suit(pen: Pen, paint: Paint, joints: Joints) -> None:
    y, low = joints.neck[1], joints.hip[1]
    pen.polygon([(-9, y - 1), (9, y - 1), (0, y + 23)], WHITE, Ink(width=1.2))
    tie = (206, 54, 66) if paint != CLOTHES_PAINT["red"] else (60, 80, 150)
    pen.polygon([(-3, y + 2), (3, y + 2), (3.5, y + 16), (0, y + 21), (-3.5, y + 16)], tie)
    pen.stroke([(0, y + 23), (0, low + 3)], Ink(shade(paint, 0.7), 1.8))
    for dy in (28, 35):
        pen.ellipse((4, y + dy), (1.5, 1.5), GOLD)


_CUTS = {"boy": _shirt, "youth": _hoodie, "man": _suit}


def _draw_arms(pen: Pen, character: Character, joints: Joints) -> None:
    kind = character.kind
    paint = CLOTHES_PAINT[character.colour]
    bare = character.pose == "bathe"
    width = 10 if kind == "man" else 8.6
    for side, arm in zip((-1, 1), joints.hands, strict=True):
        shoulder = (joints.neck[0] + side * (BUILDS[kind].shoulder - 3), joints.neck[1] + 6)
        path = [shoulder, *arm]
        long_sleeve = kind in ("youth", "man") and not bare
        pen.limb(path, paint if long_sleeve else SKIN, width)
        if not bare and not long_sleeve:
            middle = ((shoulder[0] + arm[0][0]) / 2, (shoulder[1] + arm[0][1]) / 2)
            pen.limb([shoulder, middle], paint, width + 1.5)
        pen.ellipse(arm[-1], (5.6, 5.6), SKIN, OUTLINE)


def _draw_held(pen: Pen, character: Character, joints: Joints) -> None:
    left, right = joints.hands[0][-1], joints.hands[1][-1]
    y = joints.neck[1]
    match character.pose:
        case "sing":
            props.draw_microphone(pen.at((right[0] - 1, right[1] - 2), 1.05, -14))
            props.draw_notes(pen, (joints.neck[0] + 38, y - 40))
        case "read":
            props.draw_book(pen.at((0, y + 20), 1.05))
        case "eat":
            props.draw_bowl(pen.at((left[0] + 6, left[1] - 1), 0.95))
            pen.stroke([right, (right[0] - 9, right[1] - 8)], Ink((150, 104, 66), 3))
        case "wish":
            props.draw_sparkles(pen, (34, y - 44))
        case "hold" if character.prop is not None:
            props.draw_prop(pen.at((right[0] + 1, right[1])), character.prop)
            pen.ellipse(right, (5.6, 5.6), SKIN, OUTLINE)
        case _:
            pass
