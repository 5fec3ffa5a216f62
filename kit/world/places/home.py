"""Rooms of a home: the living room and the bedroom."""

from kit.world.canvas import OUTLINE, Ink, Paint, Point, sector, shade
from kit.world.places.room import (
    EDGE,
    FLOOR,
    GOLD,
    LEAF,
    WHITE,
    WOOD,
    Room,
    backdrop,
    mix,
    pendant,
    planks,
    shadow,
    shine,
    star,
    stripes,
    window,
)
from kit.world.places.setting import Spots, View


def living(view: View) -> Spots:
    """Draw a living room in apricot: a broad sofa, a television on its cabinet, a window."""
    room = Room.of(view)
    wall: Paint = room.pick(((250, 205, 160), (248, 192, 152), (252, 214, 150)))
    sofa: Paint = room.pick(((46, 140, 140), (206, 74, 70), (70, 104, 176)))
    floor: Paint = (196, 134, 88)
    backdrop(room, wall, floor, WHITE)
    stripes(room, shade(wall, 1.22), 40)
    room.pen.box((-EDGE, FLOOR - 9), (400, 9), room.wall(WHITE), OUTLINE)
    planks(room, floor)
    room.pen.ellipse((120, 232), (124, 22), room.thing((244, 226, 190)), OUTLINE)
    room.pen.ellipse((120, 232), (104, 16), room.thing((232, 150, 110)))
    window(room, (34, 26), (72, 62), WHITE, mix(sofa, WHITE, 0.35))
    _painting(room, (130, 40))
    _television(room)
    _sofa(room, sofa)
    pendant(room, (196, 44), room.pick((GOLD, (232, 110, 84))))
    return Spots(seat=room.spot(88, 186))


def _painting(room: Room, corner: Point) -> None:
    pen = room.pen.at(corner)
    pen.box((-4, -4), (42, 50), room.thing(WOOD), OUTLINE, radius=2)
    pen.box((0, 0), (34, 42), room.thing(WHITE))
    for angle in range(5):
        petal = pen.at((17, 17), turn=72 * angle)
        petal.ellipse((0, -8), (5, 6), room.thing((236, 120, 130)))
    pen.ellipse((17, 17), (5, 5), room.thing(GOLD))
    pen.stroke([(17, 26), (17, 38)], Ink(room.thing(LEAF), 3))


def _sofa(room: Room, paint: Paint) -> None:
    pen = room.pen.at((-4, 14), 0.94)
    main, light, dark = (room.thing(shade(paint, f)) for f in (1.0, 1.2, 0.8))
    for x in (22, 168):
        pen.box((x, 206), (9, 16), room.thing(WOOD), OUTLINE, radius=2)
    pen.box((14, 112), (168, 90), main, OUTLINE, radius=26)
    pen.box((26, 120), (70, 56), light, OUTLINE, radius=14)
    pen.box((100, 120), (70, 56), light, OUTLINE, radius=14)
    pen.box((20, 184), (156, 27), dark, OUTLINE, radius=5)
    for x in (28, 98):
        pen.box((x, 168), (70, 22), light, OUTLINE, radius=9)
    for x in (0, 164):
        pen.box((x, 140), (32, 72), main, OUTLINE, radius=15)
        pen.box((x + 7, 147), (12, 8), light, radius=4)
    pillow = pen.at((49, 152), turn=-14)
    pillow.box((-16, -15), (32, 30), room.thing(GOLD), OUTLINE, radius=8)
    star(pillow, (0, 0), 9, room.thing(WHITE))


def _television(room: Room) -> None:
    pen = room.pen.at((-14, 0))
    wood = room.thing((150, 88, 56))
    for x in (206, 254):
        pen.box((x, 208), (7, 14), wood, OUTLINE)
    pen.box((198, 172), (76, 38), wood, OUTLINE, radius=4)
    pen.box((205, 179), (62, 24), room.thing((178, 112, 72)), OUTLINE, radius=3)
    pen.ellipse((215, 191), (3.5, 3.5), room.thing(GOLD))
    for x in (220, 252):
        pen.stroke([(236, 112), (x, 84)], Ink(OUTLINE.paint, 2.6))
        pen.ellipse((x, 84), (4, 4), room.thing((232, 90, 76)), OUTLINE)
    shine(room, (215, 140), 66)
    pen.box((196, 110), (78, 62), room.thing((232, 110, 76)), OUTLINE, radius=12)
    pen.box((203, 117), (52, 48), (52, 60, 92), OUTLINE, radius=11)
    pen.box((206, 120), (46, 42), (122, 226, 228), radius=9)
    pen.polygon(sector((229, 162), (23, 15), 180, 360), (96, 190, 110))
    pen.ellipse((229, 139), (10, 10), (255, 226, 96), OUTLINE)
    for y in (126, 142):
        pen.ellipse((264, y), (4.5, 4.5), room.thing(WHITE), OUTLINE)


def bedroom(view: View) -> Spots:
    """Draw a lilac bedroom: a bed whose pillow is on the left, a night lamp, a window, a garland of stars."""
    room = Room.of(view, mirror=False)
    wall: Paint = room.pick(((214, 190, 236), (228, 188, 226), (196, 190, 240)))
    quilt: Paint = room.pick(((238, 128, 150), (110, 150, 220), (246, 186, 92)))
    floor: Paint = (202, 158, 182)
    backdrop(room, wall, floor, WHITE)
    for row in range(6):
        for i in range(-1, 8):
            room.pen.ellipse((i * 38 + 19 * (row % 2), row * 30 + 2), (4, 4), room.wall(shade(wall, 1.45)))
    room.pen.ellipse((136, 234), (130, 20), room.thing((250, 226, 232)), OUTLINE)
    window(room, (room.pick((132, 152)), 30), (76, 66), WHITE, mix(quilt, WHITE, 0.2))
    _garland(room)
    _night_stand(room)
    _bed(room, quilt)
    return Spots(bed=(146, 175), ground=(226, 244))


def _garland(room: Room) -> None:
    pen = room.pen
    pen.stroke([(-40, -10), (4, 20), (60, 20), (112, -30)], Ink(OUTLINE.paint, 2), curved=True)
    for i, (x, y) in enumerate(((8, 24), (40, 30), (74, 18))):
        star(pen, (x, y), 11, room.thing((GOLD, WHITE)[i % 2]), OUTLINE)


def _night_stand(room: Room) -> None:
    pen = room.pen.at((14, 11), 0.93)
    pen.box((-34, 158), (66, 62), room.thing((236, 214, 190)), OUTLINE, radius=4)
    pen.box((-26, 168), (50, 20), room.thing((250, 236, 214)), OUTLINE, radius=3)
    pen.ellipse((6, 178), (4, 4), room.thing(GOLD), OUTLINE)
    pen.box((2, 132), (8, 26), room.thing(GOLD), OUTLINE)
    shine(room, (20, 122), 84)
    lit: Paint = (255, 214, 130) if room.time == "day" else room.lamp()
    pen.polygon([(-6, 98), (18, 98), (28, 136), (-16, 136)], lit, OUTLINE)


def _bed(room: Room, quilt: Paint) -> None:
    pen, wood = room.pen.at((14, 11), 0.93), room.thing(WOOD)
    shadow(room, (144, 224), (112, 8), (202, 158, 182))
    pen.box((34, 100), (20, 124), wood, OUTLINE, radius=9)
    pen.box((39, 108), (6, 84), room.thing(shade(WOOD, 1.25)), radius=3)
    pen.box((46, 182), (192, 30), wood, OUTLINE)
    pen.box((46, 182), (70, 16), room.thing((238, 232, 244)), OUTLINE)
    pen.polygon([(52, 152), (232, 152), (240, 184), (46, 184)], room.thing(WHITE), OUTLINE)
    pen.blob([(54, 150), (76, 140), (100, 148), (102, 168), (78, 176), (56, 172)], room.thing(WHITE), OUTLINE)
    pen.blob([(62, 152), (78, 147), (92, 153), (80, 158)], room.thing((226, 222, 240)))
    main, light = room.thing(quilt), room.thing(shade(quilt, 1.35))
    pen.polygon([(112, 148), (236, 148), (244, 178), (244, 214), (100, 214), (102, 178)], main, OUTLINE)
    for i in range(4):
        x = 104 + 35 * i
        if i % 2 == 0:
            pen.box((x, 180), (35, 32), light)
        else:
            pen.polygon([(x + 3, 150), (x + 32, 150), (x + 35, 180), (x, 180)], light)
        star(pen, (x + 17, 197), 8, room.thing(GOLD if i % 2 else quilt))
    pen.polygon([(112, 146), (132, 146), (126, 214), (98, 214), (100, 178)], room.thing(WHITE), OUTLINE)
    pen.box((234, 138), (18, 86), wood, OUTLINE, radius=8)
    pen.ellipse((243, 136), (8, 8), room.thing(GOLD), OUTLINE)
