"""Rooms away from home: a classroom, a dance practice room, a dressing room, a café."""

from kit.world.canvas import OUTLINE, Ink, Paint, Point, sector, shade
from kit.world.room import (
    BULB,
    EDGE,
    FLOOR,
    GOLD,
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
    window,
)
from kit.world.setting import Spots, View

CHALK: Paint = (244, 244, 226)
GLASS: Paint = (206, 230, 242)


def classroom(view: View) -> Spots:
    """Draw a classroom: a wide blackboard with chalk letters, desks at both sides, a window, a clock."""
    room = Room.of(view)
    wall: Paint = room.pick(((238, 236, 206), (228, 238, 208), (240, 230, 200)))
    board: Paint = room.pick(((42, 110, 84), (36, 92, 92), (56, 104, 70)))
    floor: Paint = (206, 170, 120)
    backdrop(room, wall, floor, (150, 110, 80))
    room.pen.box((-EDGE, 134), (400, FLOOR - 142), room.wall((168, 204, 170)), OUTLINE)
    planks(room, floor)
    window(room, (200, 28), (48, 76), WHITE)
    _blackboard(room, board)
    _clock(room, (224, 150))
    _lectern(room)
    _desk(room, (18, 226), room.pick(((236, 190, 120), (240, 176, 110))))
    _desk(room, (240, 232), (236, 184, 116))
    return Spots(ground=(226, 244))


def _blackboard(room: Room, paint: Paint) -> None:
    pen = room.pen
    pen.box((4, 14), (184, 104), room.thing(WOOD), OUTLINE, radius=5)
    pen.box((12, 22), (168, 86), room.thing(paint), OUTLINE)
    pen.polygon([(16, 104), (16, 70), (60, 26), (104, 26), (26, 104)], room.thing(shade(paint, 1.1)))
    chalk, yellow, pink = Ink(CHALK, 4), Ink((255, 224, 120), 4), Ink((250, 160, 170), 4)
    if room.mirrored:
        pen = pen.at((192, 0), mirrored=True)
    pen.stroke([(24, 62), (34, 34), (44, 62)], chalk)
    pen.stroke([(28, 52), (40, 52)], chalk)
    pen.stroke([(56, 62), (56, 34), (66, 38), (57, 47), (68, 55), (56, 62)], yellow)
    pen.stroke([(96, 37), (86, 34), (79, 48), (86, 61), (96, 58)], pink)
    pen.ellipse((148, 52), (16, 16), yellow.paint)
    for angle in range(0, 360, 45):
        pen.at((148, 52), turn=angle).stroke([(0, -20), (0, -25)], yellow)
    pen.stroke([(26, 86), (60, 86), (78, 80), (104, 90), (124, 86)], chalk, curved=True)
    room.pen.box((2, 112), (188, 9), room.thing(shade(WOOD, 1.15)), OUTLINE, radius=3)


def _clock(room: Room, centre: Point) -> None:
    pen = room.pen.at(centre)
    pen.ellipse((0, 0), (16, 16), room.thing((226, 92, 80)), OUTLINE)
    pen.ellipse((0, 0), (11.5, 11.5), room.thing(WHITE))
    hour = {"day": 0.0, "dusk": 180.0, "night": -60.0}[room.time]
    pen.stroke([(0, 0), (0, -9)], Ink(OUTLINE.paint, 2.2))
    pen.at((0, 0), turn=hour).stroke([(0, 0), (0, -6)], Ink(OUTLINE.paint, 2.6))


def _lectern(room: Room) -> None:
    pen = room.pen
    pen.box((62, 158), (116, 50), room.thing((176, 112, 70)), OUTLINE, radius=3)
    pen.box((72, 170), (96, 30), room.thing((198, 134, 86)), OUTLINE, radius=3)
    pen.box((54, 150), (132, 11), room.thing((216, 156, 104)), OUTLINE, radius=4)
    globe = pen.at((76, 150))
    globe.box((-10, -5), (20, 6), room.thing(GOLD), OUTLINE, radius=2)
    globe.ellipse((0, -19), (15, 15), room.thing((90, 170, 220)), OUTLINE)
    globe.blob([(-8, -26), (2, -30), (4, -20), (-4, -14)], room.thing((130, 196, 100)))
    pen.ellipse((166, 141), (9, 9), room.thing((226, 64, 60)), OUTLINE)
    pen.stroke([(166, 133), (168, 127)], Ink(OUTLINE.paint, 2.4))


def _desk(room: Room, base: Point, paint: Paint) -> None:
    pen = room.pen.at(base)
    leg = Ink(room.thing((104, 124, 140)), 5)
    for x in (-30, 30):
        pen.stroke([(x, -40), (x * 1.1, 0)], Ink(OUTLINE.paint, 8))
        pen.stroke([(x, -40), (x * 1.1, 0)], leg)
    pen.box((-34, -46), (68, 18), room.thing(shade(paint, 0.82)), OUTLINE, radius=3)
    pen.polygon([(-34, -60), (34, -60), (42, -44), (-42, -44)], room.thing(paint), OUTLINE)
    pen.polygon([(-16, -58), (8, -58), (10, -48), (-18, -48)], room.thing((232, 96, 90)), OUTLINE)


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


def cafe(view: View) -> Spots:
    """Draw a café: a counter with coffee machine and cakes, a chalk menu, hanging lamps, a small table."""
    room = Room.of(view)
    wall: Paint = room.pick(((86, 122, 104), (72, 112, 116), (108, 118, 84)))
    awning: Paint = room.pick(((206, 72, 62), (222, 126, 50), (60, 120, 90)))
    floor: Paint = (150, 100, 74)
    backdrop(room, wall, floor, (98, 62, 46))
    planks(room, floor)
    window(room, (196, 46), (62, 76), (222, 180, 130))
    _menu(room)
    _bar(room)
    _coffee_machine(room)
    _awning(room, awning)
    pendant(room, (124, 62), GOLD, 0.9)
    pendant(room, (170, 62), GOLD, 0.9)
    _table(room)
    return Spots(ground=(224, 244))


def _awning(room: Room, paint: Paint) -> None:
    pen = room.pen
    for i in range(-2, 12):
        colour = room.thing(paint if i % 2 else WHITE)
        x = i * 26.0
        strip = [(x, -EDGE), (x + 26, -EDGE), *sector((x + 13, 18), (13, 12), 0, 180, 14)]
        pen.polygon(strip, colour, OUTLINE)


def _menu(room: Room) -> None:
    pen = room.pen
    pen.box((2, 38), (94, 62), room.thing(WOOD), OUTLINE, radius=4)
    pen.box((8, 44), (82, 50), room.thing((50, 50, 58)), OUTLINE)
    for y, x in ((56, 38), (68, 44), (80, 34)):
        pen.stroke([(16, y), (x, y)], Ink(CHALK, 3.6))
    cup = pen.at((66, 72))
    cup.polygon(sector((0, -6), (14, 20), 0, 180), CHALK)
    cup.arc((14, -1), (6, 6), (-90, 90), Ink(CHALK, 3))
    for x in (-6, 5):
        cup.stroke([(x, -12), (x + 3, -17), (x, -22)], Ink((250, 200, 140), 3), curved=True)


def _bar(room: Room) -> None:
    pen = room.pen
    pen.box((-EDGE, 156), (250, 60), room.thing((166, 104, 64)), OUTLINE)
    for x in range(-40, 180, 24):
        pen.box((x, 164), (14, 46), room.thing((190, 126, 80)), radius=3)
    pen.box((-EDGE, 146), (256, 12), room.thing((236, 200, 150)), OUTLINE, radius=3)
    pen.box((124, 104), (70, 42), room.thing((214, 236, 240)), OUTLINE, radius=9)
    cake = pen.at((142, 146))
    cake.box((-14, -16), (28, 14), room.thing((250, 190, 200)), OUTLINE, radius=3)
    cake.box((-14, -22), (28, 8), room.thing(WHITE), OUTLINE, radius=4)
    cake.ellipse((0, -26), (5, 5), room.thing((226, 50, 60)), OUTLINE)
    roll = pen.at((174, 139))
    moon = [(-16, 4), (-9, -8), (0, -11), (9, -8), (16, 4), (7, 1), (0, 0), (-7, 1)]
    roll.blob(moon, room.thing((232, 160, 72)), OUTLINE)


def _coffee_machine(room: Room) -> None:
    pen, steel = room.pen, room.thing((220, 224, 230))
    pen.box((10, 138), (76, 10), steel, OUTLINE, radius=3)
    pen.box((20, 112), (56, 28), room.thing((70, 62, 74)), OUTLINE)
    pen.box((8, 100), (80, 24), room.thing((214, 70, 64)), OUTLINE, radius=8)
    for x in (18, 36):
        pen.ellipse((x + 4, 111), (5, 5), room.thing(WHITE), OUTLINE)
    for x in (34, 62):
        pen.box((x - 4, 122), (8, 7), steel, OUTLINE)
        pen.polygon([(x - 8, 130), (x + 8, 130), (x + 6, 141), (x - 6, 141)], room.thing(WHITE), OUTLINE)


def _table(room: Room) -> None:
    pen = room.pen
    shadow(room, (226, 236), (34, 7), (150, 100, 74))
    pen.box((221, 186), (10, 44), room.thing((70, 60, 66)), OUTLINE)
    pen.ellipse((226, 233), (24, 6), room.thing((70, 60, 66)), OUTLINE)
    pen.ellipse((226, 184), (46, 12), room.thing((250, 226, 180)), OUTLINE)
    cup = pen.at((222, 180))
    cup.ellipse((0, 1), (20, 5), room.thing(WHITE), OUTLINE)
    cup.arc((13, -8), (6, 6), (-90, 90), Ink(OUTLINE.paint, 3))
    cup.polygon(sector((0, -15), (14, 17), 0, 180), room.thing((110, 190, 200)), OUTLINE)
    cup.ellipse((0, -15), (14, 4), room.thing((116, 70, 46)), OUTLINE)
    for x in (-5, 5):
        cup.stroke([(x, -24), (x + 4, -30), (x, -37)], Ink((250, 244, 236), 3.4), curved=True)
