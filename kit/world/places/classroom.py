"""The classroom."""

from kit.world.canvas import CHALK, OUTLINE, Ink, Paint, Point, shade
from kit.world.places.room import EDGE, FLOOR, GOLD, WHITE, WOOD, Room, backdrop, planks, window
from kit.world.places.setting import Spots, View


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
