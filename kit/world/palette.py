"""The paints of the drawn world."""

from kit.world.canvas import Paint
from kit.world.scene import Colour

INK: Paint = (58, 44, 56)
SKIN: Paint = (255, 224, 200)
SKIN_SHADE: Paint = (246, 196, 172)
BLUSH: Paint = (255, 158, 150, 150)
WHITE: Paint = (255, 255, 255)
GOLD: Paint = (255, 206, 84)
CHALK: Paint = (244, 244, 226)

HAIR_PAINT: dict[Colour, Paint] = {
    "black": (52, 46, 60),
    "brown": (138, 84, 50),
    "blond": (250, 208, 96),
    "purple": (158, 96, 206),
    "blue": (72, 136, 228),
    "red": (206, 74, 58),
}
CLOTHES_PAINT: dict[Colour, Paint] = {
    "red": (224, 62, 66),
    "pink": (252, 150, 186),
    "white": (250, 248, 244),
    "black": (66, 62, 76),
    "blue": (66, 122, 216),
    "yellow": (252, 206, 74),
    "green": (86, 172, 98),
}
FUR_PAINT: dict[Colour, Paint] = {
    "grey": (158, 162, 174),
    "orange": (246, 158, 72),
    "white": (252, 248, 240),
    "black": (78, 72, 84),
    "brown": (170, 116, 74),
    "yellow": (244, 206, 124),
    "pink": (250, 184, 196),
    "green": (110, 196, 116),
    "red": (228, 88, 80),
    "blue": (96, 160, 232),
    "purple": (170, 126, 222),
}
