"""The kitchen."""

from kit.world.canvas import OUTLINE, Ink, Paint, Point, sector, shade
from kit.world.places.room import (
    EDGE,
    GOLD,
    WHITE,
    WOOD,
    Room,
    backdrop,
    checker,
    shadow,
    shine,
    star,
    window,
)
from kit.world.places.setting import Spots, View


def kitchen(view: View) -> Spots:
    """Draw a sunny kitchen: fridge, counter, stove with pots under its hood, hanging spoons, a window."""
    room = Room.of(view)
    wall: Paint = room.pick(((255, 226, 122), (255, 216, 110), (250, 230, 140)))
    cupboard: Paint = room.pick(((92, 168, 130), (96, 150, 200), (238, 136, 130)))
    backdrop(room, wall, (250, 238, 214))
    checker(room, (222, 130, 96))
    for row in range(2):
        for i in range(-1, 14):
            paint: Paint = (255, 248, 228) if (i + row) % 2 else (250, 206, 170)
            room.pen.box((i * 22, 104 + row * 22), (22, 22), room.wall(paint))
    window(room, (78, 24), (68, 58), WHITE)
    _counter(room, cupboard)
    _stove(room)
    _fridge(room, room.pick(((232, 84, 74), (94, 190, 190), (250, 250, 244))))
    return Spots(ground=(224, 244))


def _counter(room: Room, paint: Paint) -> None:
    pen = room.pen
    pen.box((40, 156), (290, 56), room.thing(paint), OUTLINE)
    for x in (62, 114):
        pen.box((x, 166), (46, 38), room.thing(shade(paint, 1.2)), OUTLINE, radius=4)
        pen.ellipse((x + 23, 173), (4, 4), room.thing(GOLD), OUTLINE)
    pen.box((36, 146), (300, 12), room.thing((170, 104, 66)), OUTLINE, radius=3)
    pen.box((40, 210), (290, 8), room.thing((110, 84, 84)), OUTLINE)
    bowl = pen.at((92, 146))
    for x, y, fruit in ((-10, -16, (232, 76, 64)), (9, -16, (246, 160, 50)), (0, -20, (150, 196, 70))):
        bowl.ellipse((x, y), (9, 9), room.thing(fruit), OUTLINE)
    bowl.polygon(sector((0, -14), (24, 14), 0, 180), room.thing((120, 170, 220)), OUTLINE)


def _stove(room: Room) -> None:
    pen, steel = room.pen, room.thing((206, 212, 222))
    pen.stroke([(148, 98), (186, 98)], Ink(OUTLINE.paint, 3))
    for x, paint in ((153, (226, 96, 80)), (166, WOOD), (179, (90, 150, 150))):
        pen.stroke([(x, 98), (x, 116)], Ink(room.thing(paint), 3.4))
        pen.ellipse((x, 122), (5.5, 8), room.thing(paint), OUTLINE)
    pen.box((206, -EDGE), (32, 90), steel, OUTLINE)
    pen.polygon([(204, 26), (240, 26), (262, 66), (182, 66)], steel, OUTLINE)
    pen.box((178, 64), (88, 11), room.thing((232, 110, 84)), OUTLINE, radius=3)
    shine(room, (222, 90), 66)
    pen.box((180, 148), (86, 72), room.thing((250, 250, 246)), OUTLINE, radius=4)
    for x in (194, 212, 232, 250):
        pen.ellipse((x, 160), (5, 5), room.thing((232, 90, 80)), OUTLINE)
    pen.box((190, 172), (66, 38), room.thing((78, 74, 92)), OUTLINE, radius=6)
    pen.box((198, 180), (50, 22), (255, 170, 80), radius=5)
    pen.box((180, 142), (86, 8), room.thing((70, 66, 80)), OUTLINE, radius=3)
    _pot(room, (204, 142), (226, 84, 76))
    _pot(room, (244, 142), (70, 130, 190))


def _pot(room: Room, base: Point, paint: Paint) -> None:
    pen = room.pen.at(base)
    pen.box((-21, -17), (42, 6), room.thing(shade(paint, 0.7)), OUTLINE, radius=3)
    pen.box((-16, -24), (32, 24), room.thing(paint), OUTLINE, radius=5)
    pen.polygon(sector((0, -24), (16, 8), 180, 360), room.thing(shade(paint, 1.25)), OUTLINE)
    pen.ellipse((0, -34), (4, 4), room.thing(GOLD), OUTLINE)


def _fridge(room: Room, paint: Paint) -> None:
    pen = room.pen
    shadow(room, (14, 222), (46, 7), (250, 238, 214))
    pen.box((-40, 56), (94, 166), room.thing(paint), OUTLINE, radius=18)
    pen.box((-34, 62), (10, 150), room.thing(shade(paint, 0.85)), radius=5)
    pen.stroke([(-40, 108), (53, 108)], OUTLINE)
    for y, size in ((78, 22), (120, 40)):
        pen.box((38, y), (7, size), room.thing((236, 238, 244)), OUTLINE, radius=3.5)
    pen.box((0, 126), (24, 28), room.thing(WHITE), OUTLINE, radius=2)
    pen.ellipse((12, 140), (7, 7), room.thing((250, 190, 80)))
    star(pen, (12, 84), 9, room.thing(GOLD), OUTLINE)
