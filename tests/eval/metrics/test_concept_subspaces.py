import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT

import kit
from eval.metrics.concept_subspaces import (
    WORDS,
    concept_subspaces,
    effective_panels,
    place_auc,
    projected,
    within,
)
from eval.metrics.story_facts import told_of
from eval.mini.training.zero_shot import name_all
from eval.scorers.clip import ClipEncoder
from eval.scorers.protocols import Encoder
from kit.errors import ScoreError
from kit.story.story import load_story
from kit.world.render import render
from kit.world.scene import Character, Scene

LANGUAGES = ("zh", "en")


def rows(seed: int, panels: int = 8, dim: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(panels, dim))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return ClipEncoder.load("mini")


@pytest.mark.parametrize("language", LANGUAGES)
def test_directions_are_orthogonal_and_of_unit_length(encoder, language):
    facets = concept_subspaces(encoder, language)
    for directions in (facets.identity, facets.style, facets.place):
        np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-5)
    assert len(facets.style) == 5, "six styles differ in five directions"
    assert len(facets.place) == 17


def test_the_storys_own_words_add_directions(encoder):
    bare = concept_subspaces(encoder, "zh")
    told = concept_subspaces(encoder, "zh", {"identity": ["一辆会说话的红色小火车"], "place": ["在月球背面"]})
    assert len(told.identity) > len(bare.identity)
    assert len(told.place) > len(bare.place)
    assert len(told.style) == len(bare.style)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_facet_sees_its_own_change_most(encoder, language):
    hero = Character(kind="girl", colour="red", hair="black", hair_length="long")
    scene = Scene(characters=(hero,), place="park", seed=1)
    dog = Character(kind="dog", colour="brown")
    others = {
        "identity": Scene(characters=(dog,), place="park", seed=1),
        "style": Scene(characters=(hero,), place="park", style="ink", seed=1),
        "place": Scene(characters=(hero,), place="kitchen", seed=1),
    }
    facets = concept_subspaces(encoder, language)
    before = encoder.pictures([render(scene).picture])[0]
    after = {name: encoder.pictures([render(other).picture])[0] for name, other in others.items()}
    for name in others:
        directions = getattr(facets, name)
        first = projected(before, directions)
        losses = {
            change: 1
            - first @ (second := projected(row, directions)) / np.linalg.norm(first) / np.linalg.norm(second)
            for change, row in after.items()
        }
        assert max(losses, key=losses.__getitem__) == name, losses


def test_panels_of_one_cast_are_held_against_each_other_alone():
    girl, dog = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    seen = np.stack([girl, girl, dog, dog])
    np.testing.assert_allclose(within(seen, ["girl", "girl", "dog", "dog"]), 1.0)
    assert within(seen, [None] * 4).max() < 0.6
    lonely = within(seen, ["girl", "girl", "dog", "cat"])
    assert lonely[3] == pytest.approx(1 / np.sqrt(5)), "a cast of one panel is held against all others"
    with pytest.raises(ScoreError, match="casts must name each of 4 panels, got 3"):
        within(seen, ["a", "b", "c"])


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_panels_changes_no_number_of_the_set(seed):
    seen = rows(seed)
    turn = np.random.default_rng(seed).permutation(8)
    casts, places = list("aabbccab"), list("xxyyzzxy")
    np.testing.assert_allclose(
        within(seen[turn], [casts[k] for k in turn]), within(seen, casts)[turn], atol=1e-12
    )
    assert place_auc(seen[turn], [places[k] for k in turn]) == pytest.approx(place_auc(seen, places))
    assert effective_panels(seen[turn]) == pytest.approx(effective_panels(seen))


def test_places_that_stay_and_change_as_told_are_one_and_a_constant_backdrop_is_chance():
    places = list("aabbccdd")
    assert place_auc(np.repeat(np.eye(4), 2, axis=0), places) == 1.0
    assert place_auc(np.ones((8, 4)), places) == 0.5
    assert place_auc(np.ones((8, 4)), ["a"] * 8) is None
    assert place_auc(np.eye(8), list("abcdefgh")) is None


def test_eight_copies_are_one_effective_panel():
    assert effective_panels(np.ones((8, 4))) == pytest.approx(1.0)
    assert effective_panels(np.eye(8)) == pytest.approx(8.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_words_are_those_that_the_embedded_encoder_was_asked_about(language):
    known = {
        question: [names[0] for names in answers.values()] for question, answers in name_all(language).items()
    }
    ours = tomllib.loads(WORDS.read_text("utf-8"))[language]
    assert ours == {
        "identity": [*known["kind"], *known["figure"], *known["hair"]],
        "style": known["style"],
        "place": known["place"],
        "staging": [*known["pose"], *known["expression"], *known["framing"]],
    }


def test_nothing_outside_the_training_scripts_imports_them():
    root = ROOT
    importing = [
        path.relative_to(root)
        for package in ("kit", "eval", "reports", "submissions", "storykit")
        for path in (root / package).rglob("*.py")
        if "mini.training" in path.read_text("utf-8") and "mini/training" not in path.as_posix()
    ]
    assert importing == []


def test_an_experiments_own_words_widen_only_their_own_role(encoder):
    tale = load_story(Path(kit.__file__).parent / "examples" / "demo-zh.toml").story
    bare, told = (told_of(tale, encoder, words=words) for words in (None, {"style": ["国潮", "敦煌壁画"]}))
    assert len(told.facets.style) > len(bare.facets.style)
    for role in ("identity", "place", "staging"):
        np.testing.assert_array_equal(getattr(told.facets, role), getattr(bare.facets, role))
