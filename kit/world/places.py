"""How each place is drawn."""

from collections.abc import Callable

from kit.world.backstage import dressing, practice
from kit.world.bathroom import bathroom
from kit.world.beach import beach
from kit.world.cafe import cafe
from kit.world.classroom import classroom
from kit.world.concert import audience, stage
from kit.world.cottage import doorway
from kit.world.forest import forest
from kit.world.home import bedroom, living
from kit.world.kitchen import kitchen
from kit.world.mountains import mountain, snow
from kit.world.night_sky import stars
from kit.world.park import park
from kit.world.scene import Place
from kit.world.setting import Spots, View
from kit.world.street import street

DRAW_PLACE: dict[Place, Callable[[View], Spots]] = {
    "living": living,
    "bedroom": bedroom,
    "doorway": doorway,
    "bathroom": bathroom,
    "kitchen": kitchen,
    "classroom": classroom,
    "practice": practice,
    "dressing": dressing,
    "stage": stage,
    "audience": audience,
    "park": park,
    "street": street,
    "beach": beach,
    "forest": forest,
    "mountain": mountain,
    "snow": snow,
    "cafe": cafe,
    "stars": stars,
}
"""Draws a place behind and before the figures, and returns where figures can be in it."""
