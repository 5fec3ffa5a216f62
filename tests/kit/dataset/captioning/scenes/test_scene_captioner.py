import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from kit.dataset.captioning.scenes.questions import FIGURE, UNSEEN, labels_of
from kit.dataset.captioning.scenes.scene_captioner import SceneCaptioner, open_scene_captioner
from kit.embedded import CAPTIONER
from kit.errors import WeightsError
from kit.world import words
from kit.world.render import render
from kit.world.scene import STYLES, Scene, sample_scene

LEAST = 0.9


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    dice = [random.Random(f"captioner test {number}") for number in range(24)]
    return [sample_scene(rng, STYLES[number % len(STYLES)]) for number, rng in enumerate(dice)]


@pytest.fixture(scope="module")
def pictures(scenes: list[Scene]) -> list[Image.Image]:
    return [render(scene).picture for scene in scenes]


@pytest.fixture(scope="module")
def captioner() -> SceneCaptioner:
    return open_scene_captioner("en")


def figure_answers(scenes: Sequence[Scene], question: str) -> list[int]:
    at = list(FIGURE).index(question)
    return [figure[at] for scene in scenes for figure in labels_of(scene)[1]]


def test_it_names_what_fresh_renders_of_every_style_show(
    captioner: SceneCaptioner, scenes: list[Scene], pictures: list[Image.Image]
) -> None:
    told = captioner.scenes(pictures)
    places = [one.place == scene.place for one, scene in zip(told, scenes, strict=True)]
    assert sum(places) >= LEAST * len(places)
    for question in ("kind", "colour", "hair", "pose"):
        pairs = zip(figure_answers(scenes, question), figure_answers(told, question), strict=True)
        right = [true == seen for true, seen in pairs if true != UNSEEN]
        assert sum(right) >= LEAST * len(right), question


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_caption_says_who_where_and_in_which_style_in_either_language(
    captioner: SceneCaptioner, scenes: list[Scene], pictures: list[Image.Image], language: str
) -> None:
    writer = open_scene_captioner("zh" if language == "zh" else "en")
    for scene, picture in zip(captioner.scenes(pictures[:6]), pictures[:6], strict=True):
        *clauses, style = writer(picture)
        told = " ".join(clauses)
        assert style == words.STYLES[writer.language][scene.style][0]
        assert any(place in clauses for place in words.PLACES[writer.language][scene.place])
        for one in scene.characters:
            assert any(kind in told for kind in words.KINDS[writer.language][one.kind])
        assert bool(re.search("[一-鿿]", told)) == (writer.language == "zh")


def test_the_same_picture_gets_the_same_words(captioner: SceneCaptioner, pictures: list[Image.Image]) -> None:
    assert captioner(pictures[0]) == captioner(pictures[0].copy())
    large = pictures[0].resize((700, 512))
    assert captioner(large) != []


def test_weights_that_are_not_its_own_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "captioner.safetensors"
    for content in (b"", CAPTIONER.read_bytes()[:-1] + b"\x00\x01"):
        other.write_bytes(content)
        with pytest.raises(WeightsError, match="install storykit again"):
            open_scene_captioner("en", other)
