"""How each place is drawn."""

from collections.abc import Callable

from kit.world.places.backstage import dressing, practice
from kit.world.places.bathroom import bathroom
from kit.world.places.beach import beach
from kit.world.places.cafe import cafe
from kit.world.places.classroom import classroom
from kit.world.places.concert import audience, stage
from kit.world.places.cottage import doorway
from kit.world.places.forest import forest
from kit.world.places.home import bedroom, living
from kit.world.places.kitchen import kitchen
from kit.world.places.mountains import mountain, snow
from kit.world.places.open_air import park, stars
from kit.world.places.setting import Spots, View
from kit.world.places.street import street
from kit.world.scene import Place

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
