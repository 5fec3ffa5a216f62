"""Rooms of artists: the dance practice room and the dressing room."""

from kit.world.canvas import OUTLINE, Ink, Paint, shade
from kit.world.places.room import (
    BULB,
    EDGE,
    FLOOR,
    GOLD,
    WHITE,
    Room,
    backdrop,
    mix,
    planks,
    shadow,
    shine,
    star,
    window,
)
from kit.world.places.setting import Spots, View

GLASS: Paint = (206, 230, 242)


def practice(view: View) -> Spots:
    """Draw a dance practice room: a wall of mirrors, a barre, shining boards, a loudspeaker with notes."""
    room = Room.of(view)
    wall: Paint = room.pick(((112, 124, 190), (92, 136, 190), (136, 118, 190)))
    floor: Paint = (244, 194, 110)
    backdrop(room, wall, floor, (86, 84, 130))
    planks(room, floor)
    _mirrors(room)
    window(room, (205, 26), (46, 78), WHITE)
    pen = room.pen
    for x in (20, 104, 188):
        pen.box((x - 4, 134), (8, 14), room.thing((120, 90, 84)), OUTLINE)
    pen.stroke([(-EDGE, 134), (198, 134)], Ink(OUTLINE.paint, 10))
    pen.stroke([(-EDGE, 134), (198, 134)], Ink(room.thing((216, 120, 70)), 6.6))
    _speaker(room)
    return Spots(ground=(222, 244))


def _mirrors(room: Room) -> None:
    pen, glass = room.pen, room.thing(GLASS)
    for x in (-64, 4, 98):
        pen.box((x, 12), (94 if x > 0 else 68, 162), glass, OUTLINE)
        pen.box((x, 140), (94 if x > 0 else 68, 34), room.thing(mix(GLASS, (244, 194, 110), 0.5)))
        for shift, width in ((0, 15), (24, 7)):
            a = x + 12 + shift
            gleam = [(a + 30, 16), (a + 30 + width, 16), (a + width, 134), (a, 134)]
            pen.polygon(gleam, room.thing((240, 248, 252)))
    for x in (4, 98, 192):
        pen.box((x - 4, 8), (8, 168), room.thing((240, 240, 246)), OUTLINE)
    pen.box((-EDGE, 6), (256, 8), room.thing((240, 240, 246)), OUTLINE)


def _speaker(room: Room) -> None:
    pen = room.pen
    shadow(room, (236, 224), (38, 7), (244, 194, 110))
    pen.box((206, 130), (60, 94), room.thing((62, 54, 78)), OUTLINE, radius=7)
    for y, r in ((152, 14), (192, 22)):
        pen.ellipse((236, y), (r, r), room.thing((240, 130, 150)), OUTLINE)
        pen.ellipse((236, y), (r * 0.68, r * 0.68), room.thing((90, 80, 110)))
        pen.ellipse((236, y), (r * 0.28, r * 0.28), room.thing(GOLD))
    for x, y, paint in ((34, 52, (226, 84, 130)), (142, 40, (250, 180, 60))):
        note = pen.at((x, y), mirrored=room.mirrored)
        note.stroke([(7, 14), (7, -14), (18, -8)], Ink(paint, 4.4))
        note.ellipse((1, 14), (8, 6), paint)


def dressing(view: View) -> Spots:
    """Draw a backstage dressing room: a mirror framed by bulbs, a vanity with cosmetics, a costume rack."""
    room = Room.of(view)
    wall: Paint = room.pick(((176, 52, 96), (152, 48, 112), (190, 62, 78)))
    floor: Paint = (112, 66, 88)
    backdrop(room, wall, floor, GOLD)
    for x in range(-48, 320, 32):
        room.pen.box((x, -EDGE), (14, FLOOR + EDGE - 10), room.wall(shade(wall, 1.12)))
    room.pen.ellipse((128, 234), (120, 18), room.thing((236, 150, 170)), OUTLINE)
    window(room, (186, 10), (62, 50), GOLD)
    _bulb_mirror(room)
    _vanity(room)
    _costumes(room)
    return Spots(ground=(224, 244))


def _bulb_mirror(room: Room) -> None:
    pen = room.pen.at((-5, 5), 0.93)
    shine(room, (80, 70), 128)
    pen.box((8, 2), (168, 150), room.thing((250, 214, 140)), OUTLINE, radius=16)
    pen.box((26, 20), (132, 130), room.thing((214, 232, 244)), OUTLINE, radius=8)
    for shift, width in ((0, 20), (32, 9)):
        gleam = [(74 + shift, 24), (74 + shift + width, 24), (34 + shift + width, 132), (34 + shift, 132)]
        pen.polygon(gleam, room.thing((240, 248, 252)))
    lamps = [(17.0, 30.0 + 24 * i) for i in range(5)] + [(167.0, 30.0 + 24 * i) for i in range(5)]
    lamps += [(36.0 + 28 * i, 11.0) for i in range(5)]
    for lamp in lamps:
        pen.ellipse(lamp, (7.5, 7.5), BULB, OUTLINE)
        pen.ellipse(lamp, (4, 4), (255, 252, 226))


def _vanity(room: Room) -> None:
    pen, top = room.pen.at((-14, 0)), 150.0
    for x in (16, 154):
        pen.box((x, top), (30, 66), room.thing((246, 226, 226)), OUTLINE, radius=3)
        pen.ellipse((x + 15, top + 24), (4, 4), room.thing(GOLD), OUTLINE)
        pen.ellipse((x + 15, top + 46), (4, 4), room.thing(GOLD), OUTLINE)
    pen.box((46, top), (108, 20), room.thing((232, 204, 208)), OUTLINE)
    pen.box((-6, top - 10), (200, 13), room.thing((255, 244, 240)), OUTLINE, radius=4)
    y = top - 10
    pen.box((22, y - 24), (16, 24), room.thing((120, 190, 220)), OUTLINE, radius=4)
    pen.box((26, y - 32), (8, 9), room.thing(GOLD), OUTLINE)
    pen.box((46, y - 16), (12, 16), room.thing(GOLD), OUTLINE)
    pen.polygon([(48, y - 16), (48, y - 26), (56, y - 31), (56, y - 16)], room.thing((230, 40, 70)), OUTLINE)
    pen.box((152, y - 13), (30, 13), room.thing((240, 130, 160)), OUTLINE, radius=4)
    pen.ellipse((167, y - 19), (9, 9), room.thing((255, 226, 232)), OUTLINE)


def _costumes(room: Room) -> None:
    pen = room.pen
    bar = Ink(room.thing(GOLD), 4)
    for points in ([(190, 84), (190, 226)], [(190, 84), (300, 84)]):
        pen.stroke(points, Ink(OUTLINE.paint, 7.4))
        pen.stroke(points, bar)
    paints: list[Paint] = [(255, 206, 70), (70, 170, 200), (240, 240, 250)]
    room.rng.shuffle(paints)
    for x, paint in zip((272, 243, 214), paints, strict=True):
        dress = pen.at((x, 86))
        dress.stroke([(0, -4), (0, 10)], Ink(OUTLINE.paint, 2.4))
        shape = [(-13, 10), (13, 10), (9, 46), (22, 112), (-22, 112), (-9, 46)]
        dress.polygon(shape, room.thing(paint), OUTLINE)
        dress.box((-10, 44), (20, 8), room.thing(shade(paint, 0.7)), OUTLINE)
        star(dress, (0, 82), 10, room.thing(mix(paint, WHITE, 0.7)))
