from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from stripes import Brightness, Columns, RedLetters, reddened, striped

from eval.metrics.concept_subspaces import concept_subspaces
from eval.metrics.registry import validated
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from eval.scorers.load import Scorers
from eval.validation.corruptions import CHANGES, DAMAGES, SEVERITIES
from eval.validation.trials import (
    CONTROLS,
    RESIZED,
    Trial,
    features_of,
    told_of_scenes,
    trial,
    values_of,
)
from kit.world.tale import sample_tale

NAMES = (*validated(), *CONTROLS)


@cache
def real_trial() -> Trial:
    return trial(3, Scorers(aesthetic=AestheticScorer.load("mini"), encoder=ClipEncoder.load("mini")))


@pytest.mark.slow
def test_one_tale_is_seen_clean_damaged_and_changed_by_every_metric():
    seen = real_trial()
    assert set(seen.clean) == set(NAMES)
    assert set(seen.changed) == {*CHANGES, RESIZED}
    assert {damage for damage, _ in seen.damaged} == set(DAMAGES) == set(seen.hit)
    assert {severity for damage, severity in seen.damaged if damage == "blur"} == set(SEVERITIES)


GOLDEN = {
    "identity": 0.72468,
    "style": 0.97031,
    "place": 1.0,
    "copies": 0.0,
    "effective_panels": 3.22814,
    "staging": 0.52258,
    "text": 0.57069,
    "mrr": 0.9375,
    "aesthetic": 7.43819,
    "naive": 0.62358,
}
"""Of tale 3, clean, with the embedded weights."""


def test_the_numbers_of_one_tale_are_the_golden_ones():
    assert {name: real_trial().clean[name].value for name in validated()} == pytest.approx(GOLDEN, abs=2e-4)


def test_strangers_in_one_room_are_below_the_true_story():
    strangers = real_trial().damaged["strangers", 7]
    for metric in ("identity", "text", "mrr", "place"):
        assert strangers[metric].value < real_trial().clean[metric].value - 0.1, metric


@pytest.mark.parametrize("damage", [d for d in DAMAGES if d != "painted-text"])
def test_the_metric_that_has_to_see_a_damage_sees_it_in_this_tale(damage):
    seen, metric = real_trial(), DAMAGES[damage].seen_by
    before, after = seen.clean[metric].value, seen.damaged[damage, 4][metric].value
    assert (after > before) if metric == "copies" else (after < before)


def test_the_panel_that_was_swapped_is_the_lowest():
    seen = real_trial()
    for damage in ("identity-far", "missing", "style-drift", "noise"):
        panels = seen.damaged[damage, 1][DAMAGES[damage].seen_by].panels
        assert int(np.argmin(panels)) == seen.hit[damage][0]


def test_telling_the_panels_in_another_order_changes_no_number():
    seen = real_trial()
    for metric in validated():
        assert seen.changed["other-order"][metric].value == pytest.approx(seen.clean[metric].value, abs=1e-5)


def test_copies_are_named_and_are_not_the_best_story():
    seen = real_trial()
    copies = seen.damaged["copies", 7]
    assert copies["copies"].value >= 21 / 28, "seven of eight are copies"
    assert copies["naive"].value > seen.clean["naive"].value, "the usual number is fooled"
    assert copies["mrr"].value < seen.clean["mrr"].value
    assert copies["place"].value < seen.clean["place"].value
    assert copies["effective_panels"].value < 2 < seen.clean["effective_panels"].value


def test_letters_are_seen_in_a_tale_where_they_are_read_and_are_no_metric_where_not():
    files = [reddened(panel) if panel == 3 else striped(panel) for panel in range(1, 9)]
    pictures = [Image.open(BytesIO(file)) for file in files]
    for reader in (None, RedLetters()):
        tools = Scorers(aesthetic=Brightness(), encoder=Columns(), reader=reader)
        facets = concept_subspaces(tools.encoder, "zh")
        told = told_of_scenes(sample_tale(0).scenes, [str(panel) for panel in range(8)], tools, facets)
        values = values_of(features_of(pictures, tools), told)
        assert ("letters" in values) is (reader is not None)
    assert values["letters"].value == 0.25 / 8
    assert values["letters"].panels.argmin() == 2
