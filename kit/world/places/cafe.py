"""The café."""

from kit.world.canvas import CHALK, OUTLINE, Ink, Paint, sector
from kit.world.places.room import EDGE, GOLD, WHITE, WOOD, Room, backdrop, pendant, planks, shadow, window
from kit.world.places.setting import Spots, View


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
