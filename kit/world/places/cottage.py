"""A cottage from outside, at its door."""

from kit.world.canvas import OUTLINE, Paint, sector, shade
from kit.world.places.room import EDGE, SKIES, WHITE, WOOD, Room, cloud, crescent, pot_plant, shine, star
from kit.world.places.setting import Spots, View


def doorway(view: View) -> Spots:
    """Draw a cottage from outside: an arched door with steps, potted plants, a lamp, a strip of sky."""
    room = Room.of(view)
    wall: Paint = room.pick(((250, 232, 200), (246, 214, 190), (236, 232, 214)))
    door: Paint = room.pick(((206, 66, 60), (44, 128, 132), (66, 100, 178)))
    _garden(room)
    pen = room.pen
    pen.box((42, -EDGE), (320, 272), room.wall(wall), OUTLINE)
    for x, y in ((52, 60), (70, 78), (54, 150), (208, 154), (232, 170), (58, 168), (186, 48), (240, 60)):
        pen.box((x, y), (26, 12), room.wall((214, 140, 104)), radius=4)
    pen.box((42, 192), (320, 20), room.wall((176, 160, 160)), OUTLINE)
    _roof(room)
    _house_window(room)
    _door(room, door)
    pot_plant(room, (70, 222), (214, 112, 76), 1.1)
    pot_plant(room, (216, 222), (214, 112, 76), 1.1)
    shine(room, (200, 74), 62)
    pen.box((193, 62), (14, 22), room.lamp(), OUTLINE, radius=4)
    pen.polygon([(188, 62), (200, 52), (212, 62)], room.thing((84, 78, 96)), OUTLINE)
    return Spots(handle=room.spot(117, 146), ground=(228, 244))


def _garden(room: Room) -> None:
    pen = room.pen
    for i, paint in enumerate(SKIES[room.time]):
        pen.box((-EDGE, i * 50 - (EDGE if i == 0 else 0)), (150, 160), paint)
    if room.time == "night":
        pen.at((16, 62), 13, 25).polygon(crescent(), (255, 240, 180))
        star(pen, (30, 100), 5, (255, 240, 180))
        star(pen, (6, 104), 4, (255, 240, 180))
    elif room.time == "day":
        cloud(pen.at((14, 70)))
    else:
        pen.ellipse((16, 112), (15, 15), (255, 232, 140))
    hedge = [(-50, 230), (-40, 150), (-14, 128), (14, 138), (36, 126), (60, 150), (60, 230)]
    pen.blob(hedge, room.wall((88, 150, 88)), OUTLINE)
    pen.box((-EDGE, 206), (400, 120), room.wall((150, 196, 104)), OUTLINE)
    path: Paint = (226, 196, 156)
    pen.polygon([(96, 210), (188, 210), (250, 320), (34, 320)], room.wall(path), OUTLINE)


def _roof(room: Room) -> None:
    pen = room.pen
    pen.box((26, -EDGE), (340, 82), room.thing((184, 82, 66)), OUTLINE)
    for row, y in enumerate((-10, 4, 18)):
        for i in range(10):
            x = 38 + 26 * i + 13 * (row % 2)
            pen.polygon(sector((x, y), (13, 13), 0, 180, 12), room.thing((208, 104, 80)), OUTLINE)


def _house_window(room: Room) -> None:
    pen = room.pen
    glass: Paint = {"day": (170, 220, 244), "dusk": (255, 206, 130), "night": (255, 222, 120)}[room.time]
    pen.box((222, 82), (64, 58), room.thing(WHITE), OUTLINE, radius=4)
    pen.box((228, 88), (52, 46), glass, OUTLINE)
    pen.box((250, 88), (5, 46), room.thing(WHITE))
    pen.box((216, 134), (76, 16), room.thing(WOOD), OUTLINE, radius=3)
    for i in range(5):
        paint: Paint = ((236, 100, 120), (255, 214, 96))[i % 2]
        pen.ellipse((222 + 13 * i, 132), (6.5, 6.5), room.thing(paint), OUTLINE)


def _door(room: Room, paint: Paint) -> None:
    pen = room.pen
    frame, main, panel = room.thing(WHITE), room.thing(paint), room.thing(shade(paint, 0.82))
    pen.polygon([*sector((142, 90), (46, 46), 180, 360), (188, 208), (96, 208)], frame, OUTLINE)
    pen.polygon([*sector((142, 92), (37, 37), 180, 360), (179, 208), (105, 208)], main, OUTLINE)
    glass: Paint = (255, 226, 130) if room.time != "day" else (180, 224, 244)
    pen.ellipse((142, 92), (18, 18), frame, OUTLINE)
    pen.ellipse((142, 92), (13, 13), glass, OUTLINE)
    for x in (126, 149):
        pen.box((x + 2, 122), (18, 74), panel, radius=4)
    pen.box((111, 132), (12, 28), room.thing((214, 150, 50)), OUTLINE, radius=5)
    pen.ellipse((117, 143), (8, 8), room.thing((255, 214, 92)), OUTLINE)
    pen.ellipse((115, 141), (2.5, 2.5), WHITE)
    stone: Paint = (204, 190, 186)
    pen.box((88, 206), (108, 12), room.wall(shade(stone, 1.3)), OUTLINE, radius=3)
    pen.box((76, 217), (132, 13), room.wall(stone), OUTLINE, radius=3)
