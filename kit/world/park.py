"""The park."""

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, shade
from kit.world.landscape import accent, bush, flower, land, lit, sky, tree, waves
from kit.world.scene import Time
from kit.world.setting import Spots, View


def park(view: View) -> Spots:
    """Draw a park: a bench at a path, round trees, bushes and flowers."""
    pen, rng, time = view.back, view.rng, view.time
    sky(view, 160, (18, 44), 44)
    land(pen, waves(rng, 132, 8), lit(time, (138, 202, 150)))
    land(pen, waves(rng, 150, 6), lit(time, (112, 190, 104)))
    side = rng.choice((-1, 1))
    near = pen.at((128, 0), mirrored=side < 0)
    tree(near.at((-88, 178), 1.12), time, rng)
    tree(near.at((98, 172)), time, rng)
    tree(near.at((34, 154), 0.52), time, rng)
    land(pen, waves(rng, 172, 3), lit(time, (140, 208, 92)), Ink(lit(time, (92, 168, 80)), 2))
    path = [(20.0, 172.0), (31, 172), (26, 190), (36, 212), (92, 300), (-84, 300), (-30, 222), (6, 192)]
    near.blob(path, lit(time, (250, 222, 168)), Ink(lit(time, (206, 164, 112)), 2))
    seat = (128 - side * 54.0, 203.0)
    for x in (-84.0, 92.0):
        bush(near.at((x, 196)), (24, 14), lit(time, (84, 168, 92)))
    _bench(pen.at(seat), time, rng.choice(((214, 92, 72), (196, 122, 66), (70, 130, 180))))
    colours: list[Paint] = [(255, 108, 130), (255, 246, 240), (186, 118, 220), (255, 176, 60)]
    stem = lit(time, (70, 140, 70))
    spots = ((-118, 242), (-98, 250), (-124, 216), (84, 230), (104, 246), (122, 226), (118, 258), (-80, 262))
    for x, y in spots:
        tint = rng.choice(colours)
        root = (x + rng.uniform(-4, 4), y)
        flower(near.at(root, 1.15), accent(time, tint), accent(time, (255, 214, 80)), stem)
    return Spots(seat=seat)


def _bench(pen: Pen, time: Time, wood: Paint) -> None:
    paint, iron = accent(time, wood), lit(time, (84, 84, 104))
    for x in (-40, 40):
        pen.box((x - 3, -34), (6, 60), iron, OUTLINE, 2)
    for y in (-38, -24):
        pen.box((-50, y), (100, 10), paint, OUTLINE, 3)
    pen.polygon([(-47, -9), (47, -9), (52, 0), (-52, 0)], shade(paint, 1.2), OUTLINE)
    pen.box((-52, 0), (104, 6), paint, OUTLINE, 2)
