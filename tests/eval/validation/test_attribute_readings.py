"""Attributes held against pictures of them and of other words."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from eval.scorers.clip import ClipEncoder
from eval.validation.attribute_readings import (
    SWAPS,
    AttributeReading,
    NotingDraw,
    ShownScenes,
    attribute_readings,
    attribute_rows,
    other_deed,
    thresholds_of,
)
from eval.validation.corruptions import rendered
from kit.world.scene import Scene
from kit.world.tale import sample_tale


def test_on_renders_missing_attributes_are_found_and_shown_ones_are_not_said_to_be_missing() -> None:
    """Of one tale: a girl or a cat, in pictures of its words and of others; thresholds far from both."""
    tale, encoder, draw = sample_tale(0), ClipEncoder.load("mini"), NotingDraw(rendered)
    shown = []
    for swap in (lambda tale, *_: draw(tale.scenes), *SWAPS.values()):
        pictures = swap(tale, [], random.Random(0), draw)
        shown.append(ShownScenes(draw.last, encoder.pictures(pictures)))
    readings = attribute_readings(tale, tale.texts(), shown, encoder)
    rows = {row.attribute: row for row in attribute_rows(readings, {"hair": -0.05, "place": -0.05})}
    assert rows["place"].missing == 8
    assert rows["place"].shown == 40
    for row in rows.values():
        assert row.precision >= 0.9
        assert row.recall >= 0.8
        assert row.false_alarms <= 0.02


def test_another_deed_changes_nothing_but_deed_face_and_length_of_hair() -> None:
    asked: list[Sequence[Scene]] = []
    tale = sample_tale(0)

    def remember(scenes: Sequence[Scene]) -> list[object]:
        asked.append(scenes)
        return []

    other_deed(tale, [], random.Random(0), remember)  # type: ignore[arg-type]
    for before, after in zip(tale.scenes, asked[0], strict=True):
        hero, other = before.characters[0], after.characters[0]
        assert (hero.pose, hero.prop) != (other.pose, other.prop)
        assert (hero.kind, hero.colour, hero.hair) == (other.kind, other.colour, other.hair)
        assert hero.hair is None or hero.hair_length != other.hair_length


def readings(margins: Sequence[float], shown: bool) -> list[AttributeReading]:
    return [AttributeReading("hair", float(margin), shown) for margin in margins]


def test_a_threshold_finds_most_of_what_is_missing_and_little_else() -> None:
    missing, shown = np.linspace(-0.5, -0.1, 100), np.linspace(-0.12, 0.5, 100)
    (threshold,) = thresholds_of(readings(missing, False) + readings(shown, True)).values()
    assert -0.12 <= threshold <= -0.07
    (row,) = attribute_rows(readings(missing, False) + readings(shown, True), {"hair": threshold})
    assert (row.missing, row.shown) == (100, 100)
    assert row.precision >= 0.92
    assert row.recall >= 0.9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_cannot_be_told_has_no_threshold(seed: int) -> None:
    dice = np.random.default_rng(seed).normal(size=400)
    assert thresholds_of(readings(dice[:200], False) + readings(dice[200:], True)) == {}
    assert thresholds_of([]) == {}


def test_what_is_never_said_to_be_missing_is_precise_and_not_found() -> None:
    (row,) = attribute_rows(readings([0.1], False) + readings([0.2], True), {"hair": -0.5})
    assert (row.precision, row.recall, row.false_alarms) == (1.0, 0.0, 0.0)
