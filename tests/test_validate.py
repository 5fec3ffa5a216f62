from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from command import said, tell

from eval.metrics.consistency import auc
from eval.metrics.formulas import MetricValue
from eval.metrics.registry import validated
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from eval.scorers.load import Scorers
from eval.validation.corruptions import CHANGES, SEVERITIES
from eval.validation.markdown import markdown
from eval.validation.trials import CONTROLS, RESIZED, Trial, trial
from eval.validation.validate import SEEN_BY, Validation, judge

NAMES = (*validated(), *CONTROLS)


@cache
def real_trial() -> Trial:
    return trial(3, Scorers(aesthetic=AestheticScorer.load("mini"), encoder=ClipEncoder.load("mini")))


def test_one_tale_is_seen_clean_damaged_and_changed_by_every_metric():
    seen = real_trial()
    assert set(seen.clean) == set(NAMES)
    assert set(seen.changed) == {*CHANGES, RESIZED}
    assert {damage for damage, _ in seen.damaged} == set(SEEN_BY) == set(seen.hit)
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
    "aesthetic": 7.43717,
    "naive": 0.62358,
}
"""Of tale 3, clean, with the embedded weights."""


def test_the_numbers_of_one_tale_are_the_golden_ones():
    assert {name: real_trial().clean[name].value for name in validated()} == pytest.approx(GOLDEN, abs=2e-4)


def test_strangers_in_one_room_are_below_the_true_story():
    strangers = real_trial().damaged["strangers", 7]
    for metric in ("identity", "text", "mrr", "place"):
        assert strangers[metric].value < real_trial().clean[metric].value - 0.1, metric


@pytest.mark.parametrize("damage", [d for d in SEEN_BY if d != "painted-text"])
def test_the_metric_that_has_to_see_a_damage_sees_it_in_this_tale(damage):
    seen, metric = real_trial(), SEEN_BY[damage]
    before, after = seen.clean[metric].value, seen.damaged[damage, 4][metric].value
    assert (after > before) if metric == "copies" else (after < before)


def test_the_panel_that_was_swapped_is_the_lowest():
    seen = real_trial()
    for damage in ("identity-far", "missing", "style-drift", "noise"):
        panels = seen.damaged[damage, 1][SEEN_BY[damage]].panels
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


def value(level: float, panel: int | None = None) -> MetricValue:
    panels = np.ones(8)
    if panel is not None:
        panels[panel] = 0
    return MetricValue(level, panels)


def made_up(number: int, sees: bool) -> Trial:
    """Return a tale whose metrics see every damage of theirs and nothing else, or see nothing at all."""

    def values(damage: str | None, severity: int) -> Mapping[str, MetricValue]:
        lot = np.random.default_rng([number, severity, len(damage or "")])
        found = {}
        for name in NAMES:
            hurt = sees and damage is not None and SEEN_BY.get(damage) == name
            loss = severity * (-1 if name == "copies" else 1) if hurt else 0
            found[name] = value(float(lot.normal(0, 0.01)) - loss, number % 8 if hurt else None)
        return found

    damaged = {(d, s): values(d, s) for d in SEEN_BY for s in SEVERITIES}
    changed = {name: values(name, 0) for name in (*CHANGES, RESIZED)}
    hit = {damage: [number % 8] for damage in SEEN_BY}
    return Trial(values(None, 0), damaged, changed, hit)


def judged(sees: bool) -> Validation:
    return judge([made_up(number, sees) for number in range(24)], "made up")


def test_metrics_that_see_everything_meet_every_mark_about_damage():
    validation = judged(sees=True)
    assert all(row.auc == row.paired == 1.0 for row in validation.damages)
    assert all(row.localised == 1.0 for row in validation.damages)
    assert all(row.spearman > 0.95 for row in validation.damages)
    assert min(validation.selectivity.values()) > 3
    assert not [cell for cell in validation.failing if "minds" not in cell]


def test_metrics_that_see_nothing_fail_every_damage_by_name():
    validation = judged(sees=False)
    for damage, metric in SEEN_BY.items():
        assert any(cell.startswith(f"{damage} by {metric}: AUC") for cell in validation.failing)
    text = markdown(validation)
    assert f"{len(validation.failing)} cells miss their mark" in text
    assert all(f"\n- {cell}\n" in f"{text}\n" for cell in validation.failing)


def test_auc_is_the_share_of_pairs_that_the_first_wins():
    assert auc(np.array([1.0, 3.0]), np.array([2.0, 0.0])) == 0.75
    assert auc(np.ones(3), np.ones(4)) == 0.5


def test_the_command_prints_the_tables_and_the_failing_cells(tmp_path):
    told = said("metrics", "validate", "--tales", 2, "--out", tmp_path / "table.md")
    assert told == (tmp_path / "table.md").read_text("utf-8")
    assert told.startswith("2 locked stories, scored with embedded")
    assert all(f"\n| {damage}" in told for damage in SEEN_BY)
    assert "cells miss their mark" in told


def test_one_story_is_too_few_to_validate():
    answer = tell("metrics", "validate", "--tales", 1)
    assert (answer.code, answer.out) == (2, "")
    assert "greater than or equal to 2" in answer.err
