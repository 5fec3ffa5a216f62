from collections.abc import Mapping
from threading import Barrier

import numpy as np
import pytest
from command import said, tell

from eval.metrics.formulas import MetricValue
from eval.metrics.registry import validated
from eval.validation.corruptions import CHANGES, DAMAGES, PAINTED_TEXT, SEVERITIES
from eval.validation.markdown import markdown
from eval.validation.trials import CONTROLS, RESIZED, Trial
from eval.validation.validate import Validation, _tried, judge


def value(level: float, panel: int | None = None) -> MetricValue:
    panels = np.ones(8)
    if panel is not None:
        panels[panel] = 0
    return MetricValue(level, panels)


def made_up(number: int, sees: bool, letters: bool = False) -> Trial:
    """Return a tale whose metrics see every damage of theirs and nothing else, or see nothing at all."""

    def values(damage: str | None, severity: int) -> Mapping[str, MetricValue]:
        known = DAMAGES.get(damage or "")
        lot = np.random.default_rng([number, severity, len(damage or "")])
        found = {}
        for name in (*validated(letters=letters), *CONTROLS):
            seen_by = "letters" if letters and damage == PAINTED_TEXT else known and known.seen_by
            hurt = sees and seen_by == name
            loss = severity * (-1 if name in ("copies", "letters") else 1) if hurt else 0
            found[name] = value(float(lot.normal(0, 0.01)) - loss, number % 8 if hurt else None)
        return found

    damaged = {(d, s): values(d, s) for d in DAMAGES for s in SEVERITIES}
    changed = {name: values(name, 0) for name in (*CHANGES, RESIZED)}
    hit = {damage: [number % 8] for damage in DAMAGES}
    return Trial(values(None, 0), damaged, changed, hit, {}, [])


def judged(sees: bool, letters: bool = False) -> Validation:
    return judge([made_up(number, sees, letters) for number in range(24)], "rendered", "made up", DAMAGES)


def test_metrics_that_see_everything_meet_every_mark_about_damage():
    validation = judged(sees=True)
    assert all(row.auc == row.paired == 1.0 for row in validation.damages)
    assert all(row.localised == 1.0 for row in validation.damages)
    assert all(row.spearman > 0.95 for row in validation.damages)
    assert min(validation.selectivity.values()) > 3
    assert not [cell for cell in validation.failing if "minds" not in cell]


def test_metrics_that_see_nothing_fail_every_damage_by_name():
    validation = judged(sees=False)
    for damage, (metric, _) in DAMAGES.items():
        assert any(cell.startswith(f"{damage} by {metric}: AUC") for cell in validation.failing)
    text = markdown(validation)
    assert f"{len(validation.failing)} cells miss their mark" in text
    assert all(f"\n- {cell}\n" in f"{text}\n" for cell in validation.failing)


def test_painted_text_is_held_against_letters_where_they_are_read_and_else_against_style() -> None:
    for letters, metric in ((False, "style"), (True, "letters")):
        validation = judged(sees=True, letters=letters)
        row = next(one for one in validation.damages if one.damage == PAINTED_TEXT)
        assert (row.metric, row.auc) == (metric, 1.0)
        text = markdown(validation)
        assert ("pip install storykit[letters]" in text) is not letters
        assert (" letters |" in text) is letters
        assert not [cell for cell in validation.failing if PAINTED_TEXT in cell]


@pytest.mark.slow
def test_the_command_prints_the_tables_and_the_failing_cells(tmp_path):
    told = said("metrics", "validate", "--tales", 2, "--out", tmp_path / "table.md")
    assert told == (tmp_path / "table.md").read_text("utf-8")
    assert told.startswith("2 locked stories, rendered, scored with embedded")
    assert all(f"\n| {damage}" in told for damage in DAMAGES)
    assert "cells miss their mark" in told


def test_tales_are_tried_at_the_same_time_by_tools_that_are_free_and_come_in_their_order() -> None:
    both = Barrier(2)

    def work(number: int, tools: str) -> tuple[int, str]:
        both.wait(60)
        return number, tools

    found = list(_tried(work, range(4), ["one", "other"]))
    assert [number for number, _ in found] == [0, 1, 2, 3]
    assert {found[0][1], found[1][1]} == {found[2][1], found[3][1]} == {"one", "other"}


def test_one_story_is_too_few_to_validate():
    answer = tell("metrics", "validate", "--tales", 1)
    assert (answer.code, answer.out) == (2, "")
    assert "at least 2" in answer.err
