import csv
from pathlib import Path

import pytest
from stripes import fill, new_run, put_panel, story_of, stripe_scorers, striped

from eval.scoring.score import score


def test_a_whole_story_gets_every_number(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path)), stripe_scorers())
    story = story_of(scores, "ink")
    points = [p.values["aesthetic"] or 0.0 for p in scores.panels if p.candidate == "ink"]
    assert (story.panels_ok, story.faults) == (8, "")
    assert story.values.get("aesthetic_mean") == pytest.approx(sum(points) / 8)
    assert story.values.get("aesthetic_min") == pytest.approx(min(points))
    assert story.values.get("mrr") == 1.0
    assert all(p.values.get("text_rank") == 1 and p.values.get("loo") is not None for p in scores.panels)


def test_each_number_lies_in_its_declared_range(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, stripe_scorers())
    ranges = {metric["name"]: metric["range"] for metric in run.read_json("scores.json")["metrics"]}
    for name in ("scores.panels.csv", "scores.stories.csv"):
        for row in csv.DictReader((run.folder / name).read_text("utf-8").splitlines()):
            for column, (low, high) in ranges.items():
                assert not row.get(column) or low <= float(row[column]) <= high


def test_a_run_without_any_picture_is_all_missing(tmp_path: Path) -> None:
    scores = score(new_run(tmp_path), stripe_scorers())
    assert {panel.status for panel in scores.panels} == {"missing"}
    assert all(story.panels_ok == 0 for story in scores.stories)
    assert scores.faults[0].reason == "has not been drawn"


def test_orders_are_scored_on_one_text(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path, orders=("authored", "reversed"))), stripe_scorers())
    by_order = {
        order: [p.values.get("text") for p in scores.panels if p.order == order]
        for order in ("authored", "reversed")
    }
    assert by_order["authored"] == by_order["reversed"]


def test_the_gain_is_against_the_baseline_at_the_same_seed(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path, seeds=2)), stripe_scorers())
    base, ink = ([s for s in scores.stories if s.candidate == name] for name in ("base", "ink"))
    assert [story.values.get("aesthetic_gain") for story in base] == [None, None]
    for own, other in zip(ink, base, strict=True):
        assert own.values.get("aesthetic_mean") is not None
        assert other.values.get("aesthetic_mean") is not None
        assert own.values.get("aesthetic_gain") == pytest.approx(
            own.values.get("aesthetic_mean") - other.values.get("aesthetic_mean")
        )
        assert own.values.get("aesthetic_gain") > 0


def test_the_gate_is_the_mean_against_the_threshold(tmp_path: Path) -> None:
    mean = story_of(score(fill(new_run(tmp_path / "a")), stripe_scorers()), "base").values["aesthetic_mean"]
    assert mean is not None
    exact = score(fill(new_run(tmp_path / "b", gate=mean)), stripe_scorers())
    above = score(fill(new_run(tmp_path / "c", gate=mean + 0.01)), stripe_scorers())
    assert story_of(exact, "base").gate == "pass"
    assert story_of(above, "base").gate == "fail"


def test_the_panel_that_does_not_fit_is_named(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for slot in run.wanted():
        put_panel(run, slot, striped(6 if slot.panel == 5 else 2, 200 + slot.panel))
    story = story_of(score(run, stripe_scorers()), "ink")
    assert story.weakest_panel == 5


def test_eight_copies_look_consistent_but_tell_no_story(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for slot in run.wanted():
        put_panel(run, slot, striped(2))
    story = story_of(score(run, stripe_scorers()), "base")
    assert story.values.get("naive") == pytest.approx(1)
    assert story.values.get("mrr") == pytest.approx(1 / 4.5)


def test_the_picture_of_before_is_not_scored_for_one_that_could_not_be_drawn(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for slot in run.wanted():
        put_panel(run, slot, striped(slot.panel))
    fifth = run.panel_path("base", "authored", "story", 0, 5).relative_to(run.folder).as_posix()
    run.note_faults({fifth: "its numbers are not finite"})
    faults = score(run, stripe_scorers()).faults
    assert [(fault.panel, fault.status, fault.reason) for fault in faults] == [
        (5, "missing", "its numbers are not finite")
    ]
