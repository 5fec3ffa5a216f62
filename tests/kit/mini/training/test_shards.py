import os
import random
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kit.errors import TrainError
from kit.mini.training.shards import (
    DEGRADED_SHARE,
    HELD_OUT_STYLES,
    LANGUAGES,
    STRAY_SHARE,
    in_processes,
    read_shard,
    read_shards,
    render_shards,
    training_captions,
    training_scene,
    write_shard,
)
from kit.mini.training.unet import BASE_STYLES
from kit.world import words
from kit.world.captions import caption
from kit.world.render import render
from kit.world.scene import DEGRADATIONS, STYLES, Style, is_held_out, sample_scene

SMALL = 3
"""Pictures in a test's shard."""


@pytest.mark.parametrize("style", STYLES)
def test_no_training_scene_is_held_out_and_one_in_ten_is_spoilt(style: Style) -> None:
    scenes = [training_scene(style, number) for number in range(600)]
    assert not any(is_held_out(scene) for scene in scenes)
    assert {scene.style for scene in scenes} == {style}
    spoilt = sum(bool(scene.degradations) for scene in scenes) / len(scenes)
    assert spoilt == pytest.approx(DEGRADED_SHARE, abs=0.04)
    assert scenes == [training_scene(style, number) for number in range(600)]
    assert len({scene.seed for scene in scenes}) == 600


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Return the Chinese characters and English words of captions without strays."""
    rng = random.Random(0)
    texts = []
    for _ in range(6000):
        scene = sample_scene(rng, rng.choice(BASE_STYLES))
        faults = rng.sample(DEGRADATIONS, rng.choice((0, 1)))
        texts.append(caption(replace(scene, degradations=tuple(faults)), rng.choice(LANGUAGES), rng))
    return {part for text in texts for part in parts(text)}


def parts(text: str) -> list[str]:
    return re.findall("[a-z]+|[\u4e00-\u9fff]", text)


def names_held_out(text: str) -> bool:
    return any(
        word in text
        for style in HELD_OUT_STYLES
        for language in words.STYLES.values()
        for word in language[style]
    )


@pytest.mark.parametrize("style", BASE_STYLES)
def test_strays_stand_in_the_stated_share_of_base_captions(style: Style, known: set[str]) -> None:
    texts = [text for number in range(800) for text in training_captions(training_scene(style, number))]
    named = [names_held_out(text) for text in texts]
    odd = [not known.issuperset(parts(text)) for text in texts]
    assert np.mean(named) == pytest.approx(0.6 * STRAY_SHARE, abs=0.012)
    assert np.mean(np.logical_or(named, odd)) == pytest.approx(STRAY_SHARE, abs=0.015)


@pytest.mark.parametrize("style", HELD_OUT_STYLES)
def test_captions_of_other_styles_have_no_strays(style: Style, known: set[str]) -> None:
    own = {part for language in words.STYLES.values() for word in language[style] for part in parts(word)}
    for number in range(200):
        for text in training_captions(training_scene(style, number)):
            assert known | own >= set(parts(text))


def test_a_picture_has_one_caption_for_each_language_slot() -> None:
    for number in range(50):
        texts = training_captions(training_scene("ink", number))
        chinese = [bool(re.search("[\u4e00-\u9fff]", text)) for text in texts]
        assert chinese == [language == "zh" for language in LANGUAGES]


def test_a_shard_gives_back_what_was_rendered(out: Path) -> None:
    shard = read_shard(out / "shards" / "shard-pixel-00000.npz")
    scenes = [training_scene("pixel", number) for number in range(SMALL)]
    assert shard.style == "pixel"
    assert shard.scenes == scenes
    assert shard.captions == [training_captions(scene) for scene in scenes]
    assert shard.pictures.dtype == np.uint8
    assert all(np.array_equal(p, render(s).picture) for p, s in zip(shard.pictures, scenes, strict=True))


def test_a_shard_that_is_there_is_kept_and_the_next_one_goes_on(out: Path, tmp_path: Path) -> None:
    path = write_shard(tmp_path, "flat", 0, 1)
    path.write_bytes(b"kept")
    assert write_shard(tmp_path, "flat", 0, 1).read_bytes() == b"kept"
    assert read_shard(write_shard(tmp_path, "flat", 1, 1)).scenes == [training_scene("flat", 1)]


def test_jobs_are_done_in_other_processes_or_in_this_one_and_come_in_their_order() -> None:
    here = os.getpid()
    assert list(in_processes([os.getpid, partial(pow, 2, 3)], 1)) == [here, 8]
    *others, power = in_processes([os.getpid, os.getpid, partial(pow, 2, 3)], 2)
    assert power == 8
    assert here not in others


def test_shards_are_rendered_as_asked_and_shared_among_ranks(tmp_path: Path) -> None:
    made = list(render_shards(tmp_path / "new", {"flat": 2, "pixel": 1}, workers=1, size=1))
    assert [path.name for path in made] == [
        "shard-flat-00000.npz", "shard-pixel-00000.npz", "shard-flat-00001.npz"
    ]  # fmt: skip
    assert sorted(made) == sorted((tmp_path / "new").iterdir())
    more = list(render_shards(tmp_path / "more", {"flat": 1}, workers=1, first=1, size=1))
    assert [read_shard(path).scenes for path in more] == [read_shard(made[2]).scenes]
    styles: tuple[Style, ...] = ("flat", "pixel")
    shares = [[s.scenes[0] for s in read_shards(tmp_path / "new", styles, (rank, 2))] for rank in (0, 1)]
    assert [len(share) for share in shares] == [2, 1]
    everything = [s.scenes[0] for s in read_shards(tmp_path / "new", styles)]
    assert everything == [shares[0][0], shares[1][0], shares[0][1]]


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="must hold shards of ink or flat, got none; render them first"):
        next(read_shards(tmp_path, ["ink", "flat"]))
