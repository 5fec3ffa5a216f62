import random
import re
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import GOLDENS

from kit.messages import Language
from kit.world import words
from kit.world.captions import CaptionClause, Role, caption, describe, join, subject_text
from kit.world.scene import (
    ALWAYS_NIGHT,
    ANIMALS,
    CLOTHES,
    DEGRADATIONS,
    FUR,
    HAIR,
    PEOPLE,
    PLACES,
    STYLES,
    Character,
    Colour,
    Kind,
    Place,
    Pose,
    Prop,
    Scene,
    Time,
    sample_scene,
)
from kit.world.words import Words

GOLDEN = GOLDENS / "captions.txt"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
GIRL = Character(kind="girl", colour="pink", hair="black", hair_length="long")
seeds = st.integers(0, 2**32 - 1)
languages = st.sampled_from(LANGUAGES)
many = settings(max_examples=150, deadline=None)


def sampled(seed: int) -> Scene:
    rng = random.Random(seed)
    scene = sample_scene(rng, rng.choice(STYLES))
    return replace(scene, degradations=tuple(rng.sample(DEGRADATIONS, rng.choice((0, 0, 1, 2)))))


def says(text: str, options: Words) -> bool:
    """Return whether a text has one of the words; English ones as whole words."""
    return any(
        re.search(rf"\b{re.escape(word)}\b", text) if word.isascii() else word in text for word in options
    )


def full(scene: Scene, language: Language, seed: int = 0) -> str:
    return join(
        [clause.text for clause in describe(scene, language, random.Random(seed))], language, random.Random(0)
    )


def figure(kind: Kind, colour: Colour | None = None) -> Character:
    if kind in PEOPLE:
        return replace(GIRL, kind=kind, colour=colour or "pink", pose="stand")
    return Character(kind=kind, colour=colour or FUR[kind][0])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*PEOPLE, *ANIMALS])
def test_a_full_description_names_every_kind(kind: Kind, language: Language) -> None:
    scene = Scene(characters=(figure(kind),), place="park")
    assert all(says(full(scene, language, seed), words.KINDS[language][kind]) for seed in range(20))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", PLACES)
def test_a_full_description_names_every_place(place: Place, language: Language) -> None:
    scene = Scene(characters=(GIRL,), place=place)
    for seed in range(20):
        clauses = describe(scene, language, random.Random(seed))
        (text,) = [clause.text for clause in clauses if clause.role == "place"]
        assert text in words.PLACES[language][place]


@pytest.mark.parametrize("language", LANGUAGES)
def test_descriptions_name_every_colour_of_clothes_hair_and_fur(language: Language) -> None:
    figures = [figure("boy", colour) for colour in CLOTHES]
    figures += [figure(kind, colour) for kind in ANIMALS for colour in FUR[kind]]
    for one in figures:
        texts = [subject_text(one, language, random.Random(seed)) for seed in range(60)]
        named = [says(text, words.COLOURS[language][one.colour]) for text in texts]
        assert sum(named) > 0.75 * len(named), one
    for colour in HAIR:
        texts = [
            subject_text(replace(GIRL, hair=colour), language, random.Random(seed)) for seed in range(60)
        ]
        assert sum(says(text, words.COLOURS[language][colour]) for text in texts) > 45, colour


@pytest.mark.parametrize("language", LANGUAGES)
def test_descriptions_name_every_pose_and_prop(language: Language) -> None:
    for pose in get_args(Pose):
        scene = Scene(characters=(replace(GIRL, pose=pose),), place="cafe")
        assert says(full(scene, language), words.POSES[language][pose])
    for prop in get_args(Prop):
        scene = Scene(characters=(replace(GIRL, pose="hold", prop=prop),), place="cafe")
        assert says(full(scene, language), words.PROPS[language][prop])


@many
@given(seeds, languages)
def test_a_description_has_role_tagged_clauses_in_order(seed: int, language: Language) -> None:
    scene = sampled(seed)
    clauses = describe(scene, language, random.Random(seed))
    roles = [clause.role for clause in clauses]
    assert set(roles) <= set(get_args(Role))
    assert roles[: 1 + 2 * len(scene.characters)] == ["style", *["subject", "action"] * len(scene.characters)]
    assert roles.count("place") == 1
    texts = " ".join(clause.text for clause in clauses if clause.role == "detail")
    assert says(texts, words.FRAMINGS[language][scene.framing])
    assert says(texts, words.TIMES[language][scene.time]) == (scene.place not in ALWAYS_NIGHT)
    assert all(says(texts, words.DEGRADATIONS[language][damage]) for damage in scene.degradations)
    assert CaptionClause("style", clauses[0].text) == clauses[0]
    assert clauses[0].text in words.STYLES[language][scene.style]


@many
@given(seeds, languages)
def test_no_caption_speaks_of_another_place_or_time(seed: int, language: Language) -> None:
    scene = sampled(seed)
    text = caption(scene, language, random.Random(seed))
    assert not any(says(text, words.PLACES[language][place]) for place in PLACES if place != scene.place)
    assert not any(says(text, words.TIMES[language][time]) for time in get_args(Time) if time != scene.time)


@many
@given(seeds, languages)
def test_no_caption_speaks_of_another_kind_style_or_fault(seed: int, language: Language) -> None:
    scene = sampled(seed)
    text = caption(scene, language, random.Random(seed))
    kinds = {c.kind for c in scene.characters}
    assert not any(says(text, words.STYLES[language][style]) for style in STYLES if style != scene.style)
    assert any(says(text, words.KINDS[language][kind]) for kind in kinds) or scene.degradations
    faults = set(DEGRADATIONS) - set(scene.degradations)
    assert not any(says(text, words.DEGRADATIONS[language][damage]) for damage in faults)


@many
@given(seeds)
def test_captions_keep_to_one_language(seed: int) -> None:
    scene = sampled(seed)
    chinese = caption(scene, "zh", random.Random(seed))
    assert re.fullmatch(r"([\u4e00-\u9fff，,、。]|T恤)+", chinese)
    english = caption(scene, "en", random.Random(seed))
    assert english.isascii()
    assert english.strip() == english
    assert "  " not in english


@many
@given(seeds, languages)
def test_the_same_seed_gives_the_same_caption(seed: int, language: Language) -> None:
    scene = sampled(seed)
    assert caption(scene, language, random.Random(3)) == caption(scene, language, random.Random(3))


@pytest.mark.parametrize("language", LANGUAGES)
def test_captions_of_one_scene_differ_but_mostly_say_who_and_where(language: Language) -> None:
    scene = Scene(characters=(GIRL,), place="beach")
    texts = [caption(scene, language, random.Random(seed)) for seed in range(200)]
    assert len(set(texts)) > 190
    assert all(says(text, words.KINDS[language]["girl"]) for text in texts)
    assert 0.8 < sum(says(text, words.PLACES[language]["beach"]) for text in texts) / 200 < 1


def test_captions_say_what_they_said_when_the_networks_were_trained() -> None:
    """On a change wanted: `GOLDEN.write_text(sample_lines(), "utf-8")`, and train all networks again."""
    assert sample_lines() == GOLDEN.read_text("utf-8")


def sample_lines() -> str:
    """Return captions of sampled scenes, a line each."""
    texts = [caption(sampled(seed), LANGUAGES[seed % 2], random.Random(seed)) for seed in range(40)]
    return "\n".join(texts) + "\n"
