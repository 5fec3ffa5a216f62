"""From a scene to its picture and its true masks."""

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.world.canvas import SIDE, Canvas, Pen, Point
from kit.world.figures.animals import draw_animal
from kit.world.figures.people import draw_person
from kit.world.figures.poses import BUILDS
from kit.world.figures.props import draw_heart
from kit.world.places.draw import DRAW_PLACE
from kit.world.places.setting import Spots, View
from kit.world.scene import PEOPLE, Character, Scene
from kit.world.styles import degrade, stylise


class Rendering(NamedTuple):
    """A picture and what is truly where in it."""

    picture: Image.Image
    """RGB, 256 x 256 unless it is enlarged."""
    subjects: tuple[NDArray[np.bool_], ...]
    """One mask of the picture's size a figure, in the order of the scene."""
    place: NDArray[np.bool_]
    """Of the picture's size: what belongs to no figure."""


class _Stand(NamedTuple):
    """Where and how large a figure is drawn."""

    feet: Point
    scale: float
    mirrored: bool
    seated: bool = False


def render(scene: Scene, enlargement: int = 1) -> Rendering:
    """Return the scene's picture and masks; the same scene gives the same pixels.

    Args:
        scene: what is drawn.
        enlargement: 4 draws it anew at 1024 x 1024: lines, washes and grain keep their place and their size
            within the picture, and have the edges of the larger one.
    """
    rng = random.Random(scene.seed)
    back, front = Canvas((255, 255, 255, 255), enlargement), Canvas(enlargement=enlargement)
    zoom, middle = (1.38, rng.uniform(-8, 8)) if scene.framing == "close" else (1.0, 0.0)
    camera = Pen(back, (128 - 128 * zoom + middle, 150 - 168 * zoom if zoom > 1 else 0.0), zoom)
    view = View(back=camera, front=Pen(front, camera.origin, zoom), time=scene.time, rng=rng)
    spots = DRAW_PLACE[scene.place](view)
    stands = _arrange(scene, spots, rng)
    figures = [_draw_figure(c, stand, camera) for c, stand in zip(scene.characters, stands, strict=True)]
    layers, depth = [*figures, front], _depth(scene, stands)
    for i in depth:
        layers[i].over(back)
    if len(stands) == 2 and any(c.pose == "hug" for c in scene.characters):
        _draw_love(camera, stands).over(back)
    subjects = _seen(layers, depth)[:-1]
    covered = np.any(subjects, axis=0) if subjects else np.zeros((SIDE * enlargement,) * 2, np.bool_)
    dice = np.random.default_rng(scene.seed)
    pixels = np.asarray(back.picture(), dtype=np.float32)
    pixels = degrade(stylise(pixels, covered.astype(np.float32), scene.style, dice), scene.degradations, dice)
    picture = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    return Rendering(picture, subjects, ~covered)


def _draw_figure(character: Character, stand: _Stand, camera: Pen) -> Canvas:
    layer = Canvas(enlargement=camera.canvas.enlargement)
    pen = Pen(layer, camera.origin, camera.scale).at(stand.feet, stand.scale, mirrored=stand.mirrored)
    if character.kind in PEOPLE:
        draw_person(pen, character, seated=stand.seated)
    else:
        draw_animal(pen, character)
    return layer


def _draw_love(camera: Pen, stands: list[_Stand]) -> Canvas:
    """Draw a heart above two who hug."""
    layer = Canvas(enlargement=camera.canvas.enlargement)
    x = (stands[0].feet[0] + stands[1].feet[0]) / 2
    draw_heart(Pen(layer, camera.origin, camera.scale).at((x, stands[0].feet[1] - 150)), (0, 0))
    return layer


def _depth(scene: Scene, stands: list[_Stand]) -> list[int]:
    """Return the numbers of all layers from far to near; the front layer's comes after the figures'.

    The front layer hides figures, but not those who stand before a tub instead of bathing in it.
    """
    order = sorted(range(len(stands)), key=lambda i: stands[i].feet[1])
    dry = [i for i in order if scene.place == "bathroom" and scene.characters[i].pose != "bathe"]
    return [*(i for i in order if i not in dry), len(stands), *dry]


def _seen(layers: list[Canvas], depth: list[int]) -> tuple[NDArray[np.bool_], ...]:
    """Return what no nearer layer hides of each layer, (256, 256) each."""
    hidden = np.zeros(1, np.bool_)
    seen = {}
    for i in reversed(depth):
        covered = layers[i].coverage() > 0.5
        seen[i] = covered & ~hidden
        hidden = hidden | covered
    return tuple(seen[i] for i in range(len(layers)))


def _arrange(scene: Scene, spots: Spots, rng: random.Random) -> list[_Stand]:
    """Return where each figure stands: at the seat, bed, tub or door its pose needs, else on the ground."""
    count = len(scene.characters)
    hug = any(c.pose == "hug" for c in scene.characters)
    columns = _columns(count, rng, hug=hug)
    ground = rng.uniform(*spots.ground)
    stands = []
    for slot, (character, x) in enumerate(zip(scene.characters, columns, strict=True)):
        feet = (x, ground if hug else rng.uniform(*spots.ground))
        scale = _scale(character, count, scene) * rng.uniform(0.96, 1.06)
        mirrored = slot == 1 if hug else rng.random() < 0.5
        aside = 0 if count == 1 else (-36, 36)[slot]
        stands.append(_at_spot(character, _Stand(feet, scale, mirrored), spots, aside))
    return stands


def _columns(count: int, rng: random.Random, *, hug: bool) -> list[float]:
    """Return how far from the left each figure stands."""
    if count < 2:
        return [128 + rng.uniform(-26, 26)][:count]
    apart = [72 + rng.uniform(-8, 8), 184 + rng.uniform(-8, 8)]
    return [103.0, 158.0] if hug else apart


def _scale(character: Character, count: int, scene: Scene) -> float:
    person = character.kind in PEOPLE
    scale = (1.28 if person else 1.34) if count == 1 else (1.08 if person else 1.0)
    return scale * (0.72 if scene.framing == "far" else 1.0)


def _at_spot(character: Character, stand: _Stand, spots: Spots, aside: int) -> _Stand:
    """Return where a pose needs a figure to be; of two, one is `aside` to the left, one to the right."""
    match character.pose:
        case "sit" if spots.seat is not None:
            x, y = spots.seat
            y += 0 if character.kind in PEOPLE else 1
            return _Stand((x + aside, y), stand.scale, stand.mirrored, seated=True)
        case "sleep":
            return _lying(character, stand, spots.bed, aside)
        case "bathe" if spots.tub is not None:
            return stand._replace(feet=(spots.tub[0] + aside, spots.tub[1]))
        case "door" if spots.handle is not None:
            reach = (BUILDS[character.kind].shoulder + 33) * stand.scale
            return stand._replace(feet=(spots.handle[0] - reach, stand.feet[1]), mirrored=False)
        case _:
            return stand


def _lying(character: Character, stand: _Stand, bed: Point | None, aside: int) -> _Stand:
    """Return where a figure sleeps: in the bed, but of two an animal on the floor; else on the ground."""
    person = character.kind in PEOPLE
    if bed is not None and (person or not aside):
        x, y = bed
        return stand._replace(feet=(128 + aside * 0.3 if aside else x, y if person else y + 12))
    if not person:
        return stand
    # a lying person is as wide as it is tall: keep the middle of the body in the picture
    half = (BUILDS[character.kind].leg + BUILDS[character.kind].torso + 66) * stand.scale / 2
    x = min(max(stand.feet[0], min(half + 2, 128)), max(SIDE - half - 2, 128))
    return _Stand((x, stand.feet[1] - 14), stand.scale * (0.88 if aside else 1.0), stand.mirrored)
