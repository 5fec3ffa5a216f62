"""The bathroom."""

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, sector, shade
from kit.world.places.room import EDGE, FLOOR, GOLD, WHITE, Room, backdrop, checker, mix, shine, window
from kit.world.places.setting import Spots, View

WATER: Paint = (150, 214, 236)
FOAM: tuple[tuple[float, float, float], ...] = (
    (62, 176, 8), (78, 172, 11), (97, 175, 10), (115, 171, 12), (136, 174, 11),
    (156, 171, 12), (175, 175, 10), (193, 172, 11), (209, 176, 8),
)  # fmt: skip
"""Bubbles on the rim of the tub: x, y, radius."""


def bathroom(view: View) -> Spots:
    """Draw an aqua bathroom: tiles, a mirror over the basin, a tub with foam whose front is also in front."""
    room = Room.of(view)
    wall: Paint = room.pick(((150, 222, 220), (140, 210, 226), (160, 226, 204)))
    accent: Paint = room.pick(((240, 130, 120), (250, 196, 90), (60, 140, 170)))
    _tiles(room, wall, accent)
    window(room, (184, 30), (58, 60), WHITE)
    _basin(room, accent)
    pen = room.pen
    pen.ellipse((136, 236), (96, 15), room.thing(accent), OUTLINE)
    pen.limb([(216, 176), (217, 124), (208, 112), (196, 118), (195, 130)], room.thing(GOLD), 6)
    pen.ellipse((136, 174), (90, 15), room.thing((228, 240, 244)), OUTLINE)
    pen.ellipse((136, 176), (80, 10), room.thing(WATER))
    tub: Paint = room.pick((WHITE, (255, 228, 224), (232, 240, 255)))
    for layer in (room.pen, room.front):
        _tub_front(room, layer, tub)
    for x, y, r in ((84, 128, 9), (98, 104, 6), (172, 118, 10), (158, 92, 6), (112, 62, 8), (236, 132, 7)):
        pen.ellipse((x, y), (r, r), room.thing((226, 246, 252)), Ink(room.thing((84, 150, 190)), 1.7))
        pen.ellipse((x - r * 0.35, y - r * 0.35), (r * 0.28, r * 0.28), (255, 255, 255))
    return Spots(tub=room.spot(136, 196), ground=(230, 246))


def _tiles(room: Room, wall: Paint, accent: Paint) -> None:
    floor: Paint = (214, 234, 240)
    backdrop(room, wall, floor, accent)
    checker(room, (150, 190, 214))
    pen, joint = room.pen, room.wall(shade(wall, 1.5))
    for i in range(-2, 12):
        pen.box((i * 28 - 9, -EDGE), (2.2, FLOOR + EDGE - 10), joint)
    for row in range(-2, 6):
        pen.box((-EDGE, 28 * row + 1), (400, 2.2), joint)
    for i in range(-2, 11, 2):
        pen.box((i * 28 - 7, 115), (26, 26), room.wall(mix(accent, wall, 0.35)))


def _basin(room: Room, accent: Paint) -> None:
    pen = room.pen
    shine(room, (44, 20), 76)
    pen.box((26, 8), (36, 13), room.lamp(), OUTLINE, radius=6)
    pen.ellipse((44, 66), (34, 40), room.thing(accent), OUTLINE)
    pen.ellipse((44, 66), (27, 33), room.thing((222, 240, 250)), OUTLINE)
    for shift in (0, 13):
        pen.stroke([(30 + shift, 76), (46 + shift, 46)], Ink((255, 255, 255), 5))
    pen.box((18, 150), (26, 66), room.thing((226, 236, 242)), OUTLINE, radius=4)
    pen.polygon(sector((30, 136), (36, 26), 0, 180), room.thing(WHITE), OUTLINE)
    pen.box((-10, 128), (80, 11), room.thing(WHITE), OUTLINE, radius=5)
    pen.limb([(30, 128), (30, 116), (40, 114), (43, 121)], room.thing(GOLD), 5)


def _tub_front(room: Room, pen: Pen, paint: Paint) -> None:
    for x in (84, 188):
        pen.ellipse((x, 229), (10, 9), room.thing(GOLD), OUTLINE)
    body = [(50, 180), (222, 180), (216, 206), (200, 226), (72, 226), (56, 206)]
    pen.polygon(body, room.thing(paint), OUTLINE)
    pen.polygon([(56, 204), (216, 204), (199, 225), (73, 225)], room.thing(shade(paint, 0.88)))
    pen.box((42, 174), (188, 13), room.thing(paint), OUTLINE, radius=6.5)
    for puff in FOAM:
        pen.ellipse(puff[:2], (puff[2] + 1.7, puff[2] + 1.7), room.thing((70, 120, 160)))
    for puff in FOAM:
        pen.ellipse(puff[:2], (puff[2], puff[2]), (250, 254, 255))
        pen.at(puff[:2]).ellipse((2, 3), (puff[2] * 0.5, puff[2] * 0.45), room.thing((206, 234, 246)))
    duck, yellow = pen.at((203, 160)), room.thing((255, 214, 64))
    duck.blob([(-13, 2), (-2, -1), (10, -2), (16, -7), (14, 7), (0, 11), (-10, 9)], yellow, OUTLINE)
    duck.ellipse((-7, -8), (8, 8), yellow, OUTLINE)
    duck.polygon([(-14, -9), (-22, -6), (-14, -3)], room.thing((240, 120, 50)), OUTLINE)
    duck.ellipse((-9, -10), (1.8, 1.8), OUTLINE.paint)
