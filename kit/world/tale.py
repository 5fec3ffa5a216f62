"""A story of the drawn world: eight scenes about one hero, of which everything is known."""

import random
from dataclasses import dataclass, replace

from kit.messages import Language
from kit.story.story import PANELS
from kit.world import words
from kit.world.captions import action_text, subject_text
from kit.world.scene import (
    ALWAYS_NIGHT,
    PLACES,
    STYLES,
    Character,
    Kind,
    Place,
    Pose,
    Prop,
    Scene,
    sample_character,
)

SETTINGS = 4
"""Places of a tale, each for two panels in a row."""
RESTLESS: frozenset[Pose] = frozenset({"hug", "sleep", "bathe"})
"""Poses that hide a figure or need another one, which a tale does without."""
PROPS: tuple[Prop, ...] = ("flowers", "balloon", "gift", "umbrella", "lantern")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tale:
    """Eight scenes in one style; the hero is the first figure of each, a friend is in some."""

    scenes: tuple[Scene, ...]

    @property
    def hero(self) -> Character:
        """The figure that is in every panel."""
        return self.scenes[0].characters[0]

    def texts(self, language: Language = "zh") -> list[str]:
        """Return what a contestant would write for each panel: who does what, and where; style apart."""
        comma = "，" if language == "zh" else ", "
        return [comma.join(_clauses(scene, language)) for scene in self.scenes]


def sample_tale(seed: int) -> Tale:
    """Return the tale of a seed: hero, half of the time a friend, four places, one of six styles."""
    rng = random.Random(f"tale {seed}")
    style = rng.choice(STYLES)
    settings = rng.sample([place for place in PLACES if place != "audience"], SETTINGS)
    hero = sample_character(rng, "park", alone=True)
    friend = _friend(rng, hero.kind) if rng.random() < 0.5 else None
    scenes = []
    for panel in range(PANELS):
        place = settings[panel * SETTINGS // PANELS]
        figures = [posed(rng, hero, place)]
        if friend is not None and rng.random() < 0.5:
            figures.append(posed(rng, friend, place))
        scenes.append(
            Scene(
                characters=tuple(figures),
                place=place,
                time="night" if place in ALWAYS_NIGHT else rng.choice(("day", "dusk", "night")),
                framing=rng.choices(("full", "close", "far"), (0.7, 0.2, 0.1))[0],
                style=style,
                seed=rng.getrandbits(32),
            )
        )
    return Tale(scenes=tuple(scenes))


def posed(rng: random.Random, figure: Character, place: Place) -> Character:
    """Return the same figure doing something else with another face."""
    while True:
        other = sample_character(rng, place, alone=True)
        if _can(figure.kind, other):
            return replace(figure, pose=other.pose, prop=other.prop, expression=other.expression)


def _can(kind: Kind, other: Character) -> bool:
    """Return whether a kind can do what another figure does."""
    alike = (other.hair is None) == (kind in ("kitten", "dog", "rabbit", "dragon"))
    return alike and other.pose not in RESTLESS


def _friend(rng: random.Random, kind: Kind) -> Character:
    while True:
        friend = sample_character(rng, "park", alone=True)
        if friend.kind != kind:
            return friend


def _clauses(scene: Scene, language: Language) -> list[str]:
    rng = random.Random(scene.seed)
    said = []
    for figure in scene.characters:
        said += [subject_text(figure, language, rng), action_text(figure, scene, language, rng)]
    return [*said, rng.choice(words.PLACES[language][scene.place])]
