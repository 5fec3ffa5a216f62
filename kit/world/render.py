"""From a scene to its picture and its true masks."""

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.world.animals import draw_animal
from kit.world.canvas import SIDE, Canvas, Pen, Point
from kit.world.indoors import INDOORS
from kit.world.outdoors import OUTDOORS
from kit.world.people import BUILDS, draw_person
from kit.world.props import draw_heart
from kit.world.scene import PEOPLE, Character, Scene
from kit.world.setting import Spots, View
from kit.world.styles import degrade, stylise


class Rendering(NamedTuple):
    """A picture and what is truly where in it."""

    picture: Image.Image
    """RGB, 256 x 256."""
    subjects: tuple[NDArray[np.bool_], ...]
    """One (256, 256) mask a figure, in the order of the scene."""
    place: NDArray[np.bool_]
    """(256, 256): what belongs to no figure."""


class _Stand(NamedTuple):
    """Where and how large a figure is drawn."""

    feet: Point
    scale: float
    mirrored: bool
    seated: bool = False


def render(scene: Scene) -> Rendering:
    """Return the scene's picture and masks; the same scene gives the same pixels."""
    rng = random.Random(scene.seed)
    back, front = Canvas((255, 255, 255, 255)), Canvas()
    zoom, middle = (1.38, rng.uniform(-8, 8)) if scene.framing == "close" else (1.0, 0.0)
    camera = Pen(back, (128 - 128 * zoom + middle, 150 - 168 * zoom if zoom > 1 else 0.0), zoom)
    view = View(back=camera, front=Pen(front, camera.origin, zoom), time=scene.time, rng=rng)
    spots = (INDOORS | OUTDOORS)[scene.place](view)
    stands = _arrange(scene, spots, rng)
    layers = []
    for character, stand in zip(scene.characters, stands, strict=True):
        layers.append(_draw_figure(character, stand, camera))
    order = sorted(range(len(layers)), key=lambda i: stands[i].feet[1])
    dry = [i for i in order if scene.place == "bathroom" and scene.characters[i].pose != "bathe"]
    for layer in (*(layers[i] for i in order if i not in dry), front, *(layers[i] for i in dry)):
        layer.over(back)
    if len(stands) == 2 and any(c.pose == "hug" for c in scene.characters):
        heart = Canvas()
        x = (stands[0].feet[0] + stands[1].feet[0]) / 2
        draw_heart(Pen(heart, camera.origin, zoom).at((x, stands[0].feet[1] - 150)), (0, 0))
        heart.over(back)
    subjects = _masks(layers, order, dry, front)
    figures = np.any(subjects, axis=0)
    dice = np.random.default_rng(scene.seed)
    pixels = np.asarray(back.picture(), dtype=np.float32)
    pixels = degrade(stylise(pixels, figures.astype(np.float32), scene.style, dice), scene.degradations, dice)
    picture = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    return Rendering(picture, subjects, ~figures)


def _draw_figure(character: Character, stand: _Stand, camera: Pen) -> Canvas:
    layer = Canvas()
    pen = Pen(layer, camera.origin, camera.scale).at(stand.feet, stand.scale, mirrored=stand.mirrored)
    if character.kind in PEOPLE:
        draw_person(pen, character, seated=stand.seated)
    else:
        draw_animal(pen, character)
    return layer


def _masks(
    layers: list[Canvas], order: list[int], dry: list[int], front: Canvas
) -> tuple[NDArray[np.bool_], ...]:
    """Return what is seen of each figure; `dry` figures stand before the front layer, all others behind it."""
    masks: list[NDArray[np.bool_]] = [np.zeros((SIDE, SIDE), np.bool_)] * len(layers)
    hidden = np.zeros((SIDE, SIDE), np.bool_)
    for i in (*reversed(dry), None, *reversed([i for i in order if i not in dry])):
        covered = (front if i is None else layers[i]).coverage() > 0.5
        if i is not None:
            masks[i] = covered & ~hidden
        hidden = hidden | covered
    return tuple(masks)


def _arrange(scene: Scene, spots: Spots, rng: random.Random) -> list[_Stand]:
    """Return where each figure stands: at the seat, bed, tub or door its pose needs, else on the ground."""
    count = len(scene.characters)
    hug = any(c.pose == "hug" for c in scene.characters)
    columns = [128 + rng.uniform(-26, 26)] if count == 1 else [72 + rng.uniform(-8, 8), 184 + rng.uniform(-8, 8)]
    if hug and count == 2:
        columns = [103.0, 158.0]
    ground = rng.uniform(*spots.ground)
    stands = []
    for slot, (character, x) in enumerate(zip(scene.characters, columns, strict=True)):
        feet = (x, ground if hug else rng.uniform(*spots.ground))
        scale = _scale(character, count, scene) * rng.uniform(0.96, 1.06)
        mirrored = slot == 1 if hug else rng.random() < 0.5
        stands.append(_at_spot(character, _Stand(feet, scale, mirrored), spots, (slot, count)))
    return stands


def _scale(character: Character, count: int, scene: Scene) -> float:
    person = character.kind in PEOPLE
    scale = (1.28 if person else 1.34) if count == 1 else (1.08 if person else 1.0)
    return scale * (0.72 if scene.framing == "far" else 1.0)


def _at_spot(character: Character, stand: _Stand, spots: Spots, slot: tuple[int, int]) -> _Stand:
    number, count = slot
    aside = 0 if count == 1 else (-36 if number == 0 else 36)
    person = character.kind in PEOPLE
    if character.pose == "sit" and spots.seat is not None:
        x, y = spots.seat
        return _Stand((x + aside, y if person else y + 1), stand.scale, stand.mirrored, seated=True)
    if character.pose == "sleep":
        if spots.bed is not None and (count == 1 or person):
            x, y = spots.bed
            return stand._replace(feet=(x if count == 1 else 128 + aside * 0.3, y if person else y + 12))
        if person:
            # a lying person is as wide as it is tall: keep the middle of the body in the picture
            half = (BUILDS[character.kind].leg + BUILDS[character.kind].torso + 66) * stand.scale / 2
            x = min(max(stand.feet[0], half + 2), SIDE - half - 2) if half < 126 else 128
            scale = stand.scale * (0.88 if count == 2 else 1.0)
            return _Stand((x, stand.feet[1] - 14), scale, stand.mirrored)
    if character.pose == "bathe" and spots.tub is not None:
        return stand._replace(feet=(spots.tub[0] + aside, spots.tub[1]))
    if character.pose == "door" and spots.handle is not None:
        reach = (BUILDS[character.kind].shoulder + 33) * stand.scale
        return stand._replace(feet=(spots.handle[0] - reach, stand.feet[1]), mirrored=False)
    return stand
