"""Things that figures hold, and small signs beside them: notes, hearts, sleep."""

from kit.world.canvas import GOLD, INK, OUTLINE, WHITE, Ink, Pen, Point, sector
from kit.world.scene import Prop


def draw_prop(pen: Pen, prop: Prop) -> None:
    """Draw a held thing; (0, 0) is the hand."""
    {
        "flowers": _flowers,
        "balloon": _balloon,
        "gift": _gift,
        "umbrella": _umbrella,
        "lantern": _lantern,
    }[prop](pen)


def _flowers(pen: Pen) -> None:
    for x in (-6, 0, 6):
        pen.stroke([(0, 8), (x, -14)], Ink((84, 160, 84), 3))
    pen.polygon([(-9, -8), (9, -8), (0, 14)], (252, 240, 214), OUTLINE)
    for x, y, paint in ((-10, -17, (255, 120, 150)), (10, -17, (255, 206, 84)), (0, -25, (240, 84, 90))):
        for dx, dy in sector((x, y), (5, 5), 0, 288, 4):
            pen.ellipse((dx, dy), (4.6, 4.6), paint)
        pen.ellipse((x, y), (3.4, 3.4), WHITE)


def _balloon(pen: Pen) -> None:
    pen.stroke([(0, 0), (6, -26), (2, -44)], Ink(INK, 1.4), curved=True)
    pen.polygon([(-3, -42), (7, -42), (2, -49)], (200, 40, 50), OUTLINE)
    pen.ellipse((2, -67), (19, 22), (238, 70, 76), OUTLINE)
    pen.ellipse((-5, -75), (4.5, 6.5), (255, 190, 190))


def _gift(pen: Pen) -> None:
    pen.box((-17, -26), (34, 30), (255, 236, 170), OUTLINE, radius=3)
    pen.box((-4, -26), (8, 30), (226, 60, 80))
    pen.box((-19, -29), (38, 9), (255, 220, 130), OUTLINE, radius=2)
    pen.box((-4, -29), (8, 9), (226, 60, 80))
    for side in (-1, 1):
        pen.ellipse((side * 8, -34), (7, 5), (226, 60, 80), OUTLINE)


def _umbrella(pen: Pen) -> None:
    pen.stroke([(0, 8), (0, -62)], Ink(INK, 2.6))
    pen.polygon([*sector((0, -50), (46, 36), 180, 360), *sector((31, -50), (15, 8), 360, 180, 8),
                 *sector((0, -50), (16, 8), 360, 180, 8), *sector((-31, -50), (15, 8), 360, 180, 8)],
                (92, 196, 200), OUTLINE)  # fmt: skip
    pen.polygon(
        [*sector((0, -50), (16, 36), 180, 360), *sector((0, -50), (16, 8), 360, 180, 8)],
        (250, 250, 240),
        OUTLINE,
    )


def _lantern(pen: Pen) -> None:
    pen.glow((0, 18), 30, (255, 210, 110), 0.55)
    pen.stroke([(0, 0), (0, 6)], Ink(INK, 1.8))
    pen.ellipse((0, 19), (15, 13), (240, 84, 60), OUTLINE)
    pen.ellipse((0, 19), (6, 13), (255, 190, 96))
    for y in (5.0, 31.0):
        pen.box((-7, y - 2), (14, 4), GOLD, Ink(INK, 1.2), radius=1)


def draw_microphone(pen: Pen) -> None:
    """Draw a microphone whose head is at (0, -8)."""
    pen.stroke([(0, -4), (3, 14)], Ink(INK, 7.5))
    pen.stroke([(0, -4), (3, 13)], Ink((96, 96, 112), 4.6))
    pen.ellipse((0, -9), (7, 7), (176, 178, 190), OUTLINE)
    pen.ellipse((-2, -11), (2, 2), WHITE)


def draw_book(pen: Pen) -> None:
    """Draw an open book, its spine at (0, 0)."""
    for side in (-1, 1):
        pen.polygon([(0, -12), (side * 24, -18), (side * 24, 10), (0, 15)], (66, 132, 196), OUTLINE)
        pen.polygon([(0, -12), (side * 21, -19), (side * 21, 6), (0, 12)], (255, 252, 240), Ink(INK, 1.2))


def draw_bowl(pen: Pen) -> None:
    """Draw a bowl of rice, its rim at (0, 0)."""
    pen.polygon(sector((0, -1), (15, 13), 180, 360), WHITE, OUTLINE)
    pen.polygon([*sector((0, 0), (19, 17), 0, 180)], (232, 84, 62), OUTLINE)
    pen.box((-21, -4), (42, 6), (252, 224, 170), OUTLINE, radius=3)


def draw_notes(pen: Pen, at: Point) -> None:
    """Draw two music notes."""
    x, y = at
    for dx, dy, paint in ((0, 0, (240, 84, 120)), (20, 14, (90, 130, 230))):
        pen.stroke(
            [(x + dx + 5, y + dy), (x + dx + 5, y + dy - 17), (x + dx + 13, y + dy - 12)], Ink(paint, 3.2)
        )
        pen.ellipse((x + dx + 1, y + dy), (5.2, 4), paint)


def draw_heart(pen: Pen, at: Point) -> None:
    """Draw a heart."""
    x, y = at
    pen.blob([(x, y + 12), (x - 13, y - 1), (x - 8, y - 10), (x, y - 4), (x + 8, y - 10), (x + 13, y - 1)],
             (244, 84, 108), OUTLINE)  # fmt: skip


def draw_sleep(pen: Pen, at: Point) -> None:
    """Draw the letters z of somebody who sleeps."""
    for k, size in ((0, 6.0), (1, 9.0)):
        x, y = at[0] + 13 * k, at[1] - 14 * k
        zed = [(x, y - size), (x + size, y - size), (x, y), (x + size, y)]
        pen.stroke(zed, Ink(WHITE, 5.5))
        pen.stroke(zed, Ink((110, 120, 200), 2.8))


def draw_sparkles(pen: Pen, at: Point) -> None:
    """Draw three four-pointed stars."""
    for dx, dy, r in ((0, 0, 10), (-17, 9, 6), (16, 11, 7)):
        x, y = at[0] + dx, at[1] + dy
        q = r * 0.28
        points = [(x, y - r), (x + q, y - q), (x + r, y), (x + q, y + q), (x, y + r), (x - q, y + q),
                  (x - r, y), (x - q, y - q)]  # fmt: skip
        pen.polygon(points, (255, 222, 96), Ink((226, 160, 50), 1.2))
