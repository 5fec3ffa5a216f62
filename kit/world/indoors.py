"""Rooms and houses: the homely places, and the table of all indoor places."""

from collections.abc import Callable

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, sector, shade
from kit.world.indoors_more import cafe, classroom, dressing, practice
from kit.world.room import (
    EDGE,
    FLOOR,
    GOLD,
    LEAF,
    SKIES,
    WHITE,
    WOOD,
    Room,
    backdrop,
    checker,
    cloud,
    crescent,
    mix,
    pendant,
    planks,
    pot_plant,
    shadow,
    shine,
    star,
    stripes,
    window,
)
from kit.world.scene import Place
from kit.world.setting import Spots, View

WATER: Paint = (150, 214, 236)
FOAM: tuple[tuple[float, float, float], ...] = (
    (62, 176, 8), (78, 172, 11), (97, 175, 10), (115, 171, 12), (136, 174, 11),
    (156, 171, 12), (175, 175, 10), (193, 172, 11), (209, 176, 8),
)  # fmt: skip
"""Bubbles on the rim of the tub: x, y, radius."""


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


INDOORS: dict[Place, Callable[[View], Spots]] = {
    "living": living,
    "bedroom": bedroom,
    "doorway": doorway,
    "bathroom": bathroom,
    "kitchen": kitchen,
    "classroom": classroom,
    "practice": practice,
    "dressing": dressing,
    "cafe": cafe,
}
"""How each indoor place, and the doorway, is drawn."""
