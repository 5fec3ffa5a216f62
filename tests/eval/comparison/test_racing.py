import numpy as np
import pytest
from stripes import Brightness, Columns, new_run, put_panel, striped

from eval.comparison.racing import RISK, chance_to_win, dropped, race, read_race
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
    for _ in range(200):
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


CONTROL = '[[candidate]]\nname = "base"\n'
TWO = CONTROL + "".join(
    f'[[candidate]]\nname = "{name}"\nlora = "mini:ink"\nstrength = {strength}\n'
    for name, strength in (("ink", 1.0), ("pale", 0.5))
)


def raced_in(folder, seeds, candidates=TWO, level=None):
    """Race on the brightness of pictures; return who left, what was drawn at each look, and the run."""
    new_run(folder, seeds=seeds)
    path, asked = folder / "experiment.toml", []
    head = path.read_text("utf-8").partition("[[candidate]]")[0]
    path.write_text(head + candidates, "utf-8")
    bright = level or {"ink": 210, "pale": 150, "base": 255}

    def draw(loaded):
        run = Run.create(folder / "race", loaded)
        names = [candidate.name for candidate in loaded.experiment.candidates]
        asked.append((names, len(loaded.experiment.seeds)))
        there = {row.slot for row in run.rows()}
        for slot in run.wanted():
            if slot not in there:
                put_panel(run, slot, striped(slot.panel, bright[slot.candidate] - slot.seed % 3))
        return run

    gone = race(load_experiment(path), "aesthetic_mean", draw, TOOLS)
    return gone, asked, Run.open(folder / "race")


def test_a_race_ends_when_one_is_left_and_writes_who_left_and_why(tmp_path):
    (out,), asked, run = raced_in(tmp_path, 12)
    assert asked == [(["base", "ink", "pale"], 4), (["base", "ink"], 12)], "the winner is held against base"
    assert (out.candidate, out.leader, out.seeds, out.panels) == ("pale", "ink", 4, 32)
    assert out.chance < RISK
    assert out.mean < 10 * 150 / 255
    told = read_race(run)
    assert (told.left, told.controls, told.seeds, told.out) == (("base", "ink"), ("base",), 12, (out,))
    assert [candidate.name for candidate in run.loaded.experiment.candidates] == ["base", "ink"]
    assert sum(row.candidate == "pale" for row in run.rows()) == 32


def test_a_winner_with_nothing_to_be_held_against_is_drawn_no_further(tmp_path):
    _, asked, _ = raced_in(tmp_path, 12, TWO.removeprefix(CONTROL))
    assert asked == [(["ink", "pale"], 4), (["ink"], 4)]


@pytest.mark.parametrize("base", [10, 255])
def test_the_base_neither_wins_a_race_nor_leaves_it_nor_ends_it(tmp_path, base):
    gone, asked, run = raced_in(tmp_path, 8, level={"ink": 200, "pale": 200, "base": base})
    assert gone == []
    assert asked[-1] == (["base", "ink", "pale"], 8)
    assert read_race(run).left == ("base", "ink", "pale")


def test_a_baseline_with_a_lora_is_drawn_along_too(tmp_path):
    third = '[[candidate]]\nname = "old"\nlora = "mini:watercolour"\n[compare]\nbaseline = "old"\n'
    level = {"ink": 210, "pale": 150, "base": 20, "old": 255}
    (out,), asked, run = raced_in(tmp_path, 12, TWO + third, level)
    assert (out.candidate, out.leader) == ("pale", "ink")
    assert asked[-1] == (["base", "ink", "old"], 12)
    assert read_race(run).controls == ("base", "old")


def test_candidates_that_are_alike_are_all_drawn(tmp_path):
    gone, asked, _ = raced_in(tmp_path, 8, level={"ink": 200, "pale": 200, "base": 200})
    assert gone == []
    assert [count for _, count in asked] == [4, 6, 8]


def test_a_race_of_an_older_storykit_can_be_read(tmp_path):
    run = new_run(tmp_path)
    out = {"candidate": "ink", "leader": "base", "seeds": 4, "behind": 0.5, "chance": 0.01}
    run.write_json("race.json", {"metric": "mrr", "seeds": 8, "risk": 0.05, "left": ["base"], "out": [out]})
    told = read_race(run)
    assert (told.controls, told.out[0].mean, told.out[0].panels) == ((), None, None)


@pytest.mark.parametrize(
    ("metric", "seeds", "candidates", "reason"),
    [
        ("naive", 12, TWO, "a race must be about one of aesthetic_mean, .*, got 'naive'"),
        ("mrr", 4, TWO, r"more than 4 seeds, got 2 and 4 \(drawn for comparison only: base\)"),
        (
            "mrr",
            8,
            CONTROL + TWO.split("[[candidate]]")[2].join(("[[candidate]]", "")),
            "race and more.* got 1 and 8",
        ),
        ("mrr", 8, TWO + '[compare]\nbaseline = "ink"\n', r"got 1 and 8 \(drawn .* only: base, ink\)"),
        ("mrr", 8, CONTROL, "got 0 and 8 .*; leave out --race, or add candidates or seeds"),
    ],
)
def test_a_race_that_cannot_be_held_says_why_before_it_draws(tmp_path, metric, seeds, candidates, reason):
    new_run(tmp_path, seeds=seeds)
    path = tmp_path / "experiment.toml"
    path.write_text(path.read_text("utf-8").partition("[[candidate]]")[0] + candidates, "utf-8")
    with pytest.raises(ComparisonError, match=reason):
        race(load_experiment(path), metric, pytest.fail, TOOLS)
