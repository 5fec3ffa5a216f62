import csv
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from calibrations import made_calibration
from stripes import fill, new_run, png, put_panel, story_of, stripe_scorers, striped

from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.calibration import calibration_bytes, calibration_of
from eval.scorers.load import Scorers
from eval.scoring.records import read_summary
from eval.scoring.score import score, scorers_of
from eval.scoring.summary import faults_said, missing_said
from eval.validation.corruptions import identity_far, rendered
from kit.errors import InputError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.world.tale import sample_tale


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


def rendered_run(folder: Path, swapped: Sequence[int] = ()) -> Run:
    """Return a run of one tale in its true pictures; swapped panels (1 to 8) show the hero's opposite."""
    tale = sample_tale(3)
    (folder / "tale.txt").write_text("\n".join(tale.texts()), "utf-8")
    experiment = 'stories = ["tale.txt"]\nseeds = [0]\nsize = 256\n[[candidate]]\nname = "base"\n'
    (folder / "experiment.toml").write_text(experiment, "utf-8")
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    others = identity_far(tale, [], random.Random(0), rendered)
    for slot, own, other in zip(run.wanted(), rendered(tale.scenes), others, strict=True):
        put_panel(run, slot, png(other if slot.panel in swapped else own))
    return run


def test_what_a_text_tells_and_its_picture_does_not_show_is_named_with_its_panel(tmp_path: Path) -> None:
    run = rendered_run(tmp_path, swapped=(3, 6))
    found = {(one.panel, one.attribute) for one in score(run).missing}
    assert {(3, "figure"), (6, "figure")} <= found
    assert {panel for panel, _ in found} == {3, 6}
    written = run.read_json("scores.json")["missing"]
    assert {(one["panel"], one["attribute"]) for one in written} == found
    assert all(one["told"] and one["margin"] < 0 for one in written)


def test_a_sound_story_lacks_nothing(tmp_path: Path) -> None:
    assert score(rendered_run(tmp_path)).missing == ()


def test_weights_without_a_calibration_name_nothing_and_say_so(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    found = score(run, stripe_scorers())
    assert (found.missing, found.calibration, found.gate.floor) == ((), None, None)
    assert run.read_json("scores.json")["calibration"] is None
    assert "not calibrated" in "\n".join(missing_said(found))
    assert all(story.values["below_floor"] is None for story in found.stories)


def calibrated(floor: float) -> Scorers:
    found = made_calibration(believed=("aesthetic",), aesthetic_floor=floor)
    return replace(stripe_scorers(), calibration=found)


def test_a_panel_below_the_floor_is_told_and_its_set_keeps_its_numbers(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    slot = next(slot for slot in run.wanted() if slot.candidate == "ink" and slot.panel == 4)
    put_panel(run, slot, striped(4, 0))
    found = score(run, calibrated(2.3))
    ink = story_of(found, "ink")
    assert (ink.values["below_floor"], story_of(found, "base").values["below_floor"]) == (1 / 8, 0)
    assert ink.values["identity"] is not None or ink.values["loo_mean"] is not None
    assert read_summary(run).calibration == found.calibration
    assert "floor   ink authored story seed 0: panels score below 2.3" in "\n".join(faults_said(found))


def test_an_experiment_names_the_calibration_of_its_weights(tmp_path: Path) -> None:
    run = rendered_run(tmp_path)
    own = calibration_of(AestheticScorer.load("mini").metric.stamp)
    assert own is not None
    (tmp_path / "own.toml").write_bytes(calibration_bytes(own.model_copy(update={"stories": 7})))
    text = (tmp_path / "experiment.toml").read_text("utf-8")
    (tmp_path / "experiment.toml").write_text(text.replace("[[", '[score]\ncalibration = "own.toml"\n[[', 1))
    loaded = load_experiment(tmp_path / "experiment.toml")
    assert scorers_of(loaded).calibration == own.model_copy(update={"stories": 7})
    assert scorers_of(run.loaded).calibration == own


def test_a_calibration_that_is_not_there_is_told(tmp_path: Path) -> None:
    rendered_run(tmp_path)
    text = (tmp_path / "experiment.toml").read_text("utf-8")
    (tmp_path / "experiment.toml").write_text(text.replace("[[", '[score]\ncalibration = "own.toml"\n[[', 1))
    with pytest.raises(InputError, match=r"score\.calibration: .*own\.toml"):
        load_experiment(tmp_path / "experiment.toml")
