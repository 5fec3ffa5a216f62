from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kit.world.render import render
from kit.world.scene import DEGRADATIONS, STYLES, Character, Degradation, Scene, Style
from kit.world.styles import degrade, stylise

KITTEN = Character(kind="kitten", colour="orange")
SCENE = Scene(characters=(KITTEN,), place="kitchen", seed=2)


def pixels(scene: Scene) -> NDArray[np.float32]:
    return np.asarray(render(scene).picture, np.float32)


@pytest.fixture(scope="module")
def flat() -> NDArray[np.float32]:
    return pixels(SCENE)


@pytest.fixture(scope="module")
def styled() -> dict[Style, NDArray[np.float32]]:
    return {style: pixels(replace(SCENE, style=style)) for style in STYLES}


def test_every_style_differs_from_every_other_and_keeps_the_size(
    styled: dict[Style, NDArray[np.float32]],
) -> None:
    assert {picture.shape for picture in styled.values()} == {(256, 256, 3)}
    for k, one in enumerate(STYLES):
        for other in STYLES[:k]:
            assert np.abs(styled[one] - styled[other]).mean() > 8, (one, other)


def test_flat_is_the_picture_as_it_was(flat: NDArray[np.float32]) -> None:
    assert stylise(flat, np.zeros((256, 256), np.float32), "flat", np.random.default_rng(0)) is flat
    assert degrade(flat, (), np.random.default_rng(0)) is flat


@pytest.mark.parametrize("style", STYLES)
def test_a_style_changes_neither_masks_nor_what_the_seed_decides(style: Style) -> None:
    plain, drawn = render(SCENE), render(replace(SCENE, style=style))
    assert np.array_equal(plain.subjects, drawn.subjects)
    again = render(replace(SCENE, style=style))
    assert drawn.picture.tobytes() == again.picture.tobytes()


def test_styles_look_as_their_names_say(styled: dict[Style, NDArray[np.float32]]) -> None:
    def colourful(picture: NDArray[np.float32]) -> float:
        return float((picture.max(axis=2) - picture.min(axis=2)).mean())

    assert colourful(styled["ink"]) < 0.6 * colourful(styled["flat"])
    assert styled["cyberpunk"].mean() < styled["flat"].mean() - 20
    assert styled["watercolour"].mean() > styled["flat"].mean()
    blocks = styled["pixel"].reshape(64, 4, 64, 4, 3)
    assert np.ptp(blocks, axis=(1, 3)).max() == 0
    assert len(np.unique(styled["pixel"].reshape(-1, 3), axis=0)) <= 24
    border = styled["papercut"][:4].reshape(-1, 3).mean(axis=0)
    assert border[0] > 2 * max(border[1:])


@pytest.mark.parametrize("damage", DEGRADATIONS)
def test_every_degradation_changes_the_picture_and_keeps_its_size(
    damage: Degradation, flat: NDArray[np.float32]
) -> None:
    spoilt = pixels(replace(SCENE, degradations=(damage,)))
    assert spoilt.shape == flat.shape
    assert np.abs(spoilt - flat).mean() > 4


def test_degradations_look_as_their_names_say(flat: NDArray[np.float32]) -> None:
    def rough(picture: NDArray[np.float32]) -> float:
        return float(np.abs(np.diff(picture, axis=0)).mean())

    rng = np.random.default_rng(0)
    assert rough(degrade(flat, ("noisy",), rng)) > 2 * rough(flat)
    assert rough(degrade(flat, ("blurred",), rng)) < 0.7 * rough(flat)
    assert degrade(flat, ("low-contrast",), rng).std() < 0.5 * flat.std()


def test_two_degradations_both_leave_their_mark(flat: NDArray[np.float32]) -> None:
    blurred = degrade(flat, ("blurred",), np.random.default_rng(0))
    both = degrade(flat, ("blurred", "noisy"), np.random.default_rng(0))
    assert np.abs(both - blurred).mean() > 10
    assert np.abs(both - flat).mean() > np.abs(both - blurred).mean() / 2
