"""The metrics held against known damage to pictures that a base draws: what the prompt tells is the truth.

A damaged panel is drawn from the words of another scene and put in the panel's place, all from the tale's own
seed. So whoever has a base and an encoder of their own learns which numbers may be believed of these two.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from PIL import Image

from eval.metrics.concept_subspaces import concept_subspaces
from eval.scorers.load import Scorers
from eval.scoring.panel_file import through_jpeg
from eval.validation.attribute_readings import (
    OTHER_DEED,
    SWAPS,
    NotingDraw,
    ShownScenes,
    attribute_readings,
    other_deed,
)
from eval.validation.corruptions import (
    PAINTED_TEXT,
    SWAPPED,
    Damage,
    Draw,
    Picture,
    Twins,
    attribute,
    blur,
    copies,
    identity_far,
    identity_near,
    jpeg,
    near_copies,
    noise,
    painted_text,
    place_break,
    resized,
)
from eval.validation.trials import RESIZED, Trial, by_severity, features_of, told_of_scenes, values_of
from kit.embedded import EMBEDDED
from kit.errors import ScoreError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.drawing.usual import usual_drawing
from kit.generation.painter import Painter, PanelRequest
from kit.lora.lora import find_lora
from kit.messages import tr
from kit.models.bases.base_parts import BaseChoice
from kit.story.story import PANELS
from kit.world import words
from kit.world.scene import PEOPLE, Character, Scene, Style
from kit.world.tale import Tale, posed, sample_tale

STYLES: Mapping[Style, str] = {
    "flat": "", "ink": "水墨画风格", "watercolour": "水彩画风格", "cyberpunk": "赛博朋克风格"
}  # fmt: skip
"""Styles of drawn tales, each with the words that stand before a prompt."""
NEGATIVE = "模糊"
TOO_FEW = 2
"""Steps after which a picture is undercooked."""
OTHER_SEED = "other-seed"
"""The change that is no damage: the same words from another seed."""
UNTOLD, UNDERCOOKED = "untold-looks", "undercooked"


class SceneDrawer:
    """Draws scenes with a base from their words; the embedded one wears its LoRAs for their styles."""

    def __init__(self, painter: Painter, base: BaseChoice, steps: int | None = None) -> None:
        """Take a painter.

        Args:
            painter: of the base.
            base: as an experiment names it.
            steps: None for the base's own.
        """
        usual = usual_drawing(base)
        self._painter, self._wears_loras = painter, base == EMBEDDED
        self._base = tr("the embedded base") if base == EMBEDDED else str(base)
        self._settings = DrawSettings(
            steps=steps or usual.steps,
            cfg=usual.cfg,
            size=usual.size,
            noise="portable",
            sampler=usual.sampler,
            spacing=usual.spacing,
            decoder_steps=usual.decoder_steps,
        )

    def draw(self, seed: int, scenes: Sequence[Scene], steps: int | None = None) -> list[Picture]:
        """Return the pictures of scenes, all from one seed; ScoreError where one cannot be drawn."""
        settings = replace(self._settings, steps=steps or self._settings.steps)
        drawn: dict[int, Picture] = {}
        for style in dict.fromkeys(scene.style for scene in scenes):
            places = [place for place, scene in enumerate(scenes) if scene.style == style]
            requests = [self._request(scenes[place], seed) for place in places]
            lora = find_lora(f"mini:{style}") if self._wears_loras and style != "flat" else None
            self._painter.set_lora(lora, 1.0)
            self._painter.encode_prompts([text for request in requests for text in request.texts])
            for place, picture in zip(places, self._painter.draw(requests, settings), strict=True):
                if not isinstance(picture, Image.Image):
                    raise ScoreError(
                        tr(
                            "a panel of tale {seed} could not be drawn: {reason}",
                            seed=seed,
                            reason=picture.reason,
                        )
                    )
                drawn[place] = picture
        return [drawn[place] for place in range(len(scenes))]

    @property
    def how(self) -> str:
        """What draws and how, for the page."""
        return tr(
            "drawn by {base} in {steps} steps of {size} pixels",
            base=self._base,
            steps=self._settings.steps,
            size=self._settings.size,
        )

    @staticmethod
    def _request(scene: Scene, seed: int) -> PanelRequest:
        style = STYLES[scene.style]
        prompt = f"{style}，{text_of_scene(scene)}" if style else text_of_scene(scene)
        return PanelRequest(prompt=prompt, negative=NEGATIVE, seed=seed)


def text_of_scene(scene: Scene, looks: bool = True) -> str:
    """Return all that the metrics look for: who, with every look or none, does what, and where."""
    said = []
    for figure in scene.characters:
        said += [_subject(figure, looks), _deed(figure)]
    return "，".join([*said, words.PLACES["zh"][scene.place][0]])


def _subject(figure: Character, looks: bool) -> str:
    kind = words.KINDS["zh"][figure.kind][0]
    person = figure.kind in PEOPLE
    if not looks:
        return f"一个{kind}" if person else f"一只{kind}"
    colour = _colour(figure.colour)
    if not person:
        return f"一只{colour}的{kind}"
    hair = _colour(figure.hair or "black") + words.HAIR_LENGTHS["zh"][figure.hair_length or "short"]
    return f"一个{hair}的{kind}，穿着{colour}{words.CLOTHES['zh'][figure.kind][0]}"


def _colour(name: str) -> str:
    word = words.COLOURS["zh"][name][0]  # type: ignore[index]
    return word if word.endswith("色") else f"{word}色"


def _deed(figure: Character) -> str:
    if figure.prop is not None:
        return f"拿着{words.PROPS['zh'][figure.prop][0]}"
    return words.POSES["zh"][figure.pose][0]


def drawn_tale(number: int) -> Tale:
    """Return a tale to be drawn, in one of four styles, whose hero does two things at each place."""
    rng = random.Random(f"drawn {number}")
    tale, style = sample_tale(number), rng.choice(list(STYLES))
    scenes: list[Scene] = []
    for scene in tale.scenes:
        done = [_deed(one.characters[0]) for one in scenes if one.place == scene.place]
        hero = scene.characters[0]
        while _deed(hero) in done:
            hero = posed(rng, hero, scene.place)
        scenes.append(replace(scene, style=style, characters=(hero, *scene.characters[1:])))
    return Tale(scenes=tuple(scenes))


def style_drift(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Draw each panel in some other of the four styles."""
    others = [style for style in STYLES if style != tale.scenes[0].style]
    return draw([replace(scene, style=rng.choice(others)) for scene in tale.scenes])


def resaved(_: Tale, pictures: Sequence[Picture], rng: random.Random, __: Draw) -> list[Picture]:
    """Show one picture, saved as JPEG at one quality after another."""
    one = rng.choice(pictures)
    return [through_jpeg(one, 30 + 8 * panel) for panel in range(PANELS)]


DRAWN_DAMAGES: Mapping[str, Damage] = {
    "identity-far": Damage("identity", identity_far),
    "identity-near": Damage("identity", identity_near),
    "attribute": Damage("identity", attribute),
    UNTOLD: Damage("identity", None),
    "style-drift": Damage("style", style_drift),
    "place-break": Damage("place", place_break),
    "copies": Damage("copies", copies),
    "near-copies": Damage("copies", near_copies),
    "resaved-copies": Damage("copies", resaved),
    SWAPPED: Damage("mrr", None),
    PAINTED_TEXT: Damage("style", painted_text),
    UNDERCOOKED: Damage("aesthetic", None),
    "blur": Damage("aesthetic", blur),
    "jpeg": Damage("aesthetic", jpeg),
    "noise": Damage("aesthetic", noise),
}
"""`untold-looks`: the pictures of `identity-near`, held against a story that tells no looks."""


class DrawnTools(NamedTuple):
    """What draws and what scores."""

    scorers: Scorers
    drawer: SceneDrawer


def texts_of(tale: Tale) -> list[str]:
    """Return all that is told of a drawn tale's panels."""
    return [text_of_scene(scene) for scene in tale.scenes]


def drawn_trial(number: int, tools: DrawnTools) -> Trial:
    """Return what every metric says of one drawn tale, clean, damaged and changed."""
    tale, scorers = drawn_tale(number), tools.scorers
    draw = NotingDraw(partial(tools.drawer.draw, number))
    pictures = draw(tale.scenes)
    clean, facets = features_of(pictures, scorers), concept_subspaces(scorers.encoder, "zh")
    told, bare = (
        told_of_scenes(tale.scenes, [text_of_scene(one, looks) for one in tale.scenes], scorers, facets)
        for looks in (True, False)
    )
    hit = {name: random.Random(f"{name} {number}").sample(range(PANELS), PANELS) for name in DRAWN_DAMAGES}
    made: dict[str, Twins] = {name: damage.twins for name, damage in DRAWN_DAMAGES.items() if damage.twins}
    made[UNDERCOOKED] = lambda *_: tools.drawer.draw(number, tale.scenes, TOO_FEW)
    twins, shown = {}, [ShownScenes(tale.scenes, clean.embeddings)]
    for name, twin in {**made, OTHER_DEED: other_deed}.items():
        twins[name] = features_of(twin(tale, pictures, random.Random(f"{name} {number}"), draw), scorers)
        if name in SWAPS:
            shown.append(ShownScenes(draw.last, twins[name].embeddings))
    twins[UNTOLD] = twins["identity-near"]
    damaged = {
        (name, severity): values
        for name in DRAWN_DAMAGES
        for severity, values in by_severity(
            clean, twins.get(name), hit[name], bare if name == UNTOLD else told
        ).items()
    }
    changed = {
        RESIZED: values_of(features_of([resized(picture) for picture in pictures], scorers), told),
        OTHER_SEED: values_of(features_of(tools.drawer.draw(number + 1, tale.scenes), scorers), told),
    }
    readings = attribute_readings(tale, texts_of(tale), shown, scorers.encoder)
    return Trial(values_of(clean, told), damaged, changed, hit, {UNTOLD: values_of(clean, bare)}, readings)
