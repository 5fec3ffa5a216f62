"""Known damage to stories of the drawn world, panel by panel, and changes that are none.

A damage gives each panel a damaged twin; a story at severity n has n of its panels replaced. So a damage at
severity 2 contains that at 1, and a metric can be held against what is truly wrong.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from eval.scoring.panel_file import through_jpeg
from kit.world.render import render
from kit.world.scene import (
    ALWAYS_NIGHT,
    ANIMALS,
    FUR,
    HAIR,
    PEOPLE,
    PLACES,
    STYLES,
    Character,
    Framing,
    Scene,
    sample_character,
)
from kit.world.tale import Tale, posed

Picture = Image.Image
Draw = Callable[[Sequence[Scene]], list[Picture]]
"""Gives the pictures of scenes: true ones, or those that a base draws."""
Twins = Callable[[Tale, Sequence[Picture], random.Random, Draw], list[Picture]]
"""A tale, its eight pictures, chance, and what draws; eight pictures that take their places."""
Change = Callable[[Tale, random.Random], Tale]
"""Another tale that is told as well as the first one."""
SEVERITIES = (1, 2, 4, 7)
"""Panels that are damaged."""


def rendered(scenes: Sequence[Scene]) -> list[Picture]:
    """Return the true pictures of scenes."""
    return [render(scene).picture for scene in scenes]


def _with_hero(scene: Scene, hero: Character) -> Scene:
    """Return the scene with somebody else doing what the hero does, as far as they can."""
    before = scene.characters[0]
    same_sort = (hero.kind in ANIMALS) == (before.kind in ANIMALS)
    pose, prop = (before.pose, before.prop) if same_sort else ("stand", None)
    hero = replace(hero, pose=pose, prop=prop, expression=before.expression)
    return replace(scene, characters=(hero, *scene.characters[1:]))


def _another(rng: random.Random, tale: Tale) -> Character:
    """Return a figure of a kind that nobody in the tale has."""
    taken = {figure.kind for scene in tale.scenes for figure in scene.characters}
    while True:
        other = sample_character(rng, "park", alone=True)
        if other.kind not in taken:
            return other


def _recoloured(rng: random.Random, figure: Character) -> Character:
    """Return the same kind in other colours, of people hair and clothes."""
    if figure.kind in ANIMALS:
        return replace(figure, colour=rng.choice([c for c in FUR[figure.kind] if c != figure.colour]))
    hair = rng.choice([c for c in HAIR if c != figure.hair])
    return replace(_reclothed(rng, figure), hair=hair)


def _reclothed(rng: random.Random, figure: Character) -> Character:
    """Return the figure with one colour changed: of clothes or of fur."""
    while True:
        other = sample_character(rng, "park", alone=True)
        if figure.kind in ANIMALS:
            return replace(figure, colour=rng.choice([c for c in FUR[figure.kind] if c != figure.colour]))
        if other.kind in PEOPLE and other.colour != figure.colour:
            return replace(figure, colour=other.colour)


def identity_far(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Put a figure of another kind in the hero's place, another one in each panel."""
    return draw([_with_hero(scene, _another(rng, tale)) for scene in tale.scenes])


def identity_near(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Give the hero other colours in each panel: hair and clothes, or fur."""
    return draw([_with_hero(scene, _recoloured(rng, tale.hero)) for scene in tale.scenes])


def attribute(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Give the hero one other colour in each panel: of clothes or of fur."""
    return draw([_with_hero(scene, _reclothed(rng, tale.hero)) for scene in tale.scenes])


def style_drift(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Draw each panel in some other style."""
    others = [style for style in STYLES if style != tale.scenes[0].style]
    return draw([replace(scene, style=rng.choice(others)) for scene in tale.scenes])


def place_break(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Put each panel somewhere the tale never is, another place for each."""
    taken = {scene.place for scene in tale.scenes}
    places = rng.sample([place for place in PLACES if place not in taken], len(tale.scenes))
    return draw([_moved(scene, place) for scene, place in zip(tale.scenes, places, strict=True)])


def _moved(scene: Scene, place: str) -> Scene:
    time = "night" if place in ALWAYS_NIGHT else scene.time
    return replace(scene, place=place, time=time)  # type: ignore[arg-type]


def strangers(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Put everybody into one room, somebody else in each panel."""
    alone = [replace(tale.scenes[0], characters=scene.characters[:1]) for scene in tale.scenes]
    return draw([_with_hero(scene, _another(rng, tale)) for scene in alone])


def missing(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Leave the hero out."""
    return draw([replace(scene, characters=scene.characters[1:]) for scene in tale.scenes])


def extra(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Add somebody the tale does not know to each panel; where two are already, the second becomes that."""
    others = [posed(rng, _another(rng, tale), scene.place) for scene in tale.scenes]
    scenes = zip(tale.scenes, others, strict=True)
    return draw([replace(scene, characters=(scene.characters[0], other)) for scene, other in scenes])


def copies(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Show one and the same picture."""
    return [rng.choice(pictures)] * len(pictures)


def stilled(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Let the hero do, hold and show the same as in the first panel, seen from as far."""
    first, hero = tale.scenes[0], tale.scenes[0].characters[0]
    scenes = []
    for scene in tale.scenes:
        still = replace(scene.characters[0], pose=hero.pose, prop=hero.prop, expression=hero.expression)
        scenes.append(replace(scene, framing=first.framing, characters=(still, *scene.characters[1:])))
    return draw(scenes)


def near_copies(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Show one picture cropped a little, mirrored or with other brightness."""
    one = rng.choice(pictures)
    return [_slightly_changed(one, rng) for _ in pictures]


def _slightly_changed(picture: Picture, rng: random.Random) -> Picture:
    side = picture.width
    edge = rng.randint(2, 10)
    cropped = picture.crop((edge, edge, side - rng.randint(2, 10), side - edge)).resize((side, side))
    light = rng.uniform(0.92, 1.08)
    changed = cropped.point([min(255, round(value * light)) for value in range(256)] * 3)
    return ImageOps.mirror(changed) if rng.random() < 0.3 else changed


def painted_text(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Paint letters over a third of the picture."""
    painted = []
    font = ImageFont.load_default(size=34)
    for picture in pictures:
        copy = picture.copy()
        word = "".join(rng.choices("ABCDEFGHKLMNPRSTUXYZ", k=9))
        ImageDraw.Draw(copy).text((14, rng.randint(60, 170)), word, fill="white", font=font, stroke_width=2,
                                  stroke_fill="black")  # fmt: skip
        painted.append(copy)
    return painted


def blur(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Blur with a radius of three pixels."""
    return [picture.filter(ImageFilter.GaussianBlur(3)) for picture in pictures]


def jpeg(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Save as JPEG at quality 6."""
    return [through_jpeg(picture, 6) for picture in pictures]


def noise(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Add noise of a standard deviation of 36 of 255."""
    dice = np.random.default_rng(rng.getrandbits(32))
    return [
        Image.fromarray(
            np.clip(np.asarray(picture) + dice.normal(0, 36, (*picture.size, 3)), 0, 255).astype(np.uint8)
        )
        for picture in pictures
    ]


def hue_shift(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Turn all colours by a quarter to three quarters of the circle, in each panel by another angle."""
    turned = []
    for picture in pictures:
        angle = rng.randint(64, 192)
        hue, *others = picture.convert("HSV").split()
        hue = hue.point([(value + angle) % 256 for value in range(256)])
        turned.append(Image.merge("HSV", (hue, *others)).convert("RGB"))
    return turned


def other_poses(tale: Tale, rng: random.Random) -> Tale:
    """Let everybody do something else."""
    return _with_scenes(
        replace(scene, characters=tuple(posed(rng, figure, scene.place) for figure in scene.characters))
        for scene in tale.scenes
    )


def other_camera(tale: Tale, rng: random.Random) -> Tale:
    """Draw framings and what the words leave open anew, as tales have them."""
    framings: list[Framing] = rng.choices(("full", "close", "far"), (0.7, 0.2, 0.1), k=len(tale.scenes))
    return _with_scenes(
        replace(scene, framing=framing, seed=rng.getrandbits(32))
        for scene, framing in zip(tale.scenes, framings, strict=True)
    )


def other_light(tale: Tale, rng: random.Random) -> Tale:
    """Draw times of day anew."""
    return _with_scenes(
        scene if scene.place in ALWAYS_NIGHT else replace(scene, time=rng.choice(("day", "dusk", "night")))
        for scene in tale.scenes
    )


def other_places(tale: Tale, rng: random.Random) -> Tale:
    """Move the whole tale, panels that shared a place together."""
    before = list(dict.fromkeys(scene.place for scene in tale.scenes))
    after = rng.sample([place for place in PLACES if place not in (*before, "audience")], len(before))
    to = dict(zip(before, after, strict=True))
    return _with_scenes(_moved(scene, to[scene.place]) for scene in tale.scenes)


def other_order(tale: Tale, rng: random.Random) -> Tale:
    """Tell the panels in another order."""
    return _with_scenes(rng.sample(tale.scenes, len(tale.scenes)))


def _with_scenes(scenes: Iterable[Scene]) -> Tale:
    return Tale(scenes=tuple(scenes))


def resized(picture: Picture) -> Picture:
    """Make a picture 2 % smaller and large again; no damage."""
    small = round(picture.width * 0.98)
    return picture.resize((small, small), Image.Resampling.LANCZOS).resize(
        picture.size, Image.Resampling.LANCZOS
    )


SWAPPED, PAINTED_TEXT = "swapped-texts", "painted-text"
"""The first needs no other pictures: those of the damaged panels change places, each gets the next."""


class Damage(NamedTuple):
    """What a metric should see."""

    seen_by: str
    """The metric that has to see it."""
    twins: Twins | None
    """None where the pictures come otherwise."""


DAMAGES: Mapping[str, Damage] = {
    "identity-far": Damage("identity", identity_far),
    "identity-near": Damage("identity", identity_near),
    "attribute": Damage("identity", attribute),
    "missing": Damage("identity", missing),
    "extra": Damage("identity", extra),
    "strangers": Damage("identity", strangers),
    "style-drift": Damage("style", style_drift),
    "place-break": Damage("place", place_break),
    "stilled": Damage("staging", stilled),
    "copies": Damage("copies", copies),
    "near-copies": Damage("copies", near_copies),
    SWAPPED: Damage("mrr", None),
    PAINTED_TEXT: Damage("style", painted_text),
    "blur": Damage("aesthetic", blur),
    "jpeg": Damage("aesthetic", jpeg),
    "noise": Damage("aesthetic", noise),
    "hue-shift": Damage("style", hue_shift),
}
CHANGES: Mapping[str, Change] = {
    "other-poses": other_poses,
    "other-camera": other_camera,
    "other-light": other_light,
    "other-places": other_places,
    "other-order": other_order,
}
"""What no metric should mind; all panels and their texts change."""
