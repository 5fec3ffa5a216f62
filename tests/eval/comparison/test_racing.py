import numpy as np
import pytest
from stripes import Brightness, Columns, new_run, put_panel, striped

from eval.comparison.racing import RISK, chance_to_win, dropped, race
from eval.scorers.load import Scorers
from kit.errors import ComparisonError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from tests.benchmarks.race import raced, simulated

TOOLS = Scorers(aesthetic=Brightness(), encoder=Columns())


@pytest.mark.parametrize("heavy", [False, True], ids=["normal", "t3"])
@pytest.mark.parametrize(
    ("effects", "seeds", "most"),
    [
        ([5, 4, 3, 2, 1, 0], 12, 0.5),
        ([2.5, 2, 1.5, 1, 0.5, 0], 16, 0.5),
        ([1, 0], 12, 0.5),
        ([0] * 6, 16, 1.0),
    ],
    ids=["apart", "closer", "two", "equal"],
)
def test_the_race_has_the_full_grids_winner_with_half_of_the_pictures(effects, seeds, most, heavy):
    rng = np.random.default_rng(1)
    same, shares = [], []
    for _ in range(400):
        right, share = raced(simulated(np.array(effects), seeds, rng, heavy=heavy))
        same.append(right)
        shares.append(share)
    assert np.mean(same) >= 1 - RISK
    assert np.mean(shares) <= most


def test_the_chance_to_win_is_the_share_of_futures_in_which_it_does():
    rng = np.random.default_rng(0)
    lead = np.array([0.3, 1.1, -0.2, 0.8, 0.6])
    spread = np.sqrt(4 / rng.chisquare(4, 200_000)) * lead.std(ddof=1)
    mean = lead.mean() + spread / 5**0.5 * rng.normal(size=200_000)
    future = mean + spread / 7**0.5 * rng.normal(size=200_000)
    assert chance_to_win(lead.tolist(), 12) == pytest.approx(
        np.mean(5 * lead.mean() + 7 * future < 0), abs=0.003
    )


def test_a_lead_that_never_changes_is_final_and_none_is_open():
    assert chance_to_win([0.1] * 4, 12) == 0.0
    assert chance_to_win([0.0] * 4, 12) == 1.0
    assert chance_to_win([-0.1] * 4, 12) == 1.0


def test_nobody_is_dropped_with_too_few_seeds_in_common():
    values = {"a": {0: 9.0, 1: 9.1, 2: 9.0, 3: 9.2}, "b": {0: 0.0, 1: 0.1, 2: 0.0}}
    assert dropped(values, 12, 2) == []
    assert [one.candidate for one in dropped({**values, "b": {**values["b"], 3: 0.1}}, 12, 2)] == ["b"]
    assert dropped({"a": values["a"], "b": {}}, 12, 2) == []


def draw_into(folder, asked):
    """Return what draws brighter pictures for ink, and notes how many seeds and whom it was asked for."""

    def draw(loaded):
        run = Run.create(folder / "run", loaded)
        names = [candidate.name for candidate in loaded.experiment.candidates]
        asked.append((names, len(loaded.experiment.seeds)))
        there = {row.slot for row in run.rows()}
        for slot in run.wanted():
            if slot not in there:
                put_panel(
                    run, slot, striped(slot.panel, 150 + 60 * (slot.candidate == "ink") + slot.seed % 3)
                )
        return run

    return draw


def test_a_race_ends_when_one_is_left_and_writes_who_left_and_why(tmp_path):
    new_run(tmp_path, seeds=12)
    loaded, asked = load_experiment(tmp_path / "experiment.toml"), []
    (out,) = race(loaded, "aesthetic_mean", draw_into(tmp_path, asked), TOOLS)
    assert asked == [(["base", "ink"], 4), (["ink"], 4)]
    assert (out.candidate, out.leader, out.seeds) == ("base", "ink", 4)
    assert out.chance < RISK
    run = Run.open(tmp_path / "run")
    told = run.read_json("race.json")
    assert (told["left"], told["seeds"], told["out"][0]["candidate"]) == (["ink"], 12, "base")
    assert [candidate.name for candidate in run.loaded.experiment.candidates] == ["ink"]


def test_candidates_that_are_alike_are_all_drawn(tmp_path):
    new_run(tmp_path, seeds=8)
    asked = []

    def draw(loaded):
        run = Run.create(tmp_path / "run", loaded)
        asked.append(len(loaded.experiment.seeds))
        for slot in run.wanted():
            put_panel(
                run, slot, striped(slot.panel, 150 + (slot.seed * 7 + (slot.candidate == "ink") * 3) % 5)
            )
        return run

    assert race(load_experiment(tmp_path / "experiment.toml"), "aesthetic_mean", draw, TOOLS) == []
    assert asked == [4, 6, 8]


@pytest.mark.parametrize(
    ("metric", "seeds", "reason"),
    [
        ("naive", 12, "a race must be about one of aesthetic_mean, .*, got 'naive'"),
        ("mrr", 4, "a race needs 2 candidates and more than 4 seeds, got 2 and 4"),
    ],
)
def test_a_race_that_cannot_be_held_says_why_before_it_draws(tmp_path, metric, seeds, reason):
    new_run(tmp_path, seeds=seeds)
    with pytest.raises(ComparisonError, match=reason):
        race(load_experiment(tmp_path / "experiment.toml"), metric, pytest.fail, TOOLS)
