from dataclasses import replace

import pytest
from entries import MINI, make_entry, make_scored_run, write_scores

from eval.scoring.records import StoryScore, read_panels, read_stories, read_summary
from kit.experiment.run import Run
from submissions.contest.rules import load_rules
from submissions.faults import Fault, Remedy
from submissions.packing.gate_advice import gate_told

EIGHT = "seeds = [0, 1, 2, 3, 4, 5, 6, 7]"


def told(run: Run, tmp_path, set_seeds=(3,) * 8, mean=2.5768, stories=None, **changed) -> str:
    """Return the advice on an entry of a run that has further keys in its experiment."""
    return "; ".join(map(str, faults(run, tmp_path, set_seeds, mean, stories, **changed)))


def faults(run: Run, tmp_path, set_seeds=(3,) * 8, mean=2.5768, stories=None, **changed) -> list[Fault]:
    loaded = run.loaded
    run = Run.planned(run.folder, replace(loaded, experiment=loaded.experiment.model_copy(update=changed)))
    scores = replace(read_summary(run), panels=read_panels(run), stories=stories or read_stories(run))
    entry = make_entry(tmp_path, rules=load_rules("practice"), seeds=set_seeds)
    return list(gate_told(run, entry, scores, mean))


@pytest.fixture
def low(tmp_path) -> Run:
    run = make_scored_run(tmp_path / "work", MINI)
    write_scores(run, (2.5768,) * 8, embedded=True)
    return run


BELOW = "gate: the pictures' mean aesthetic score is 2.58, the contest wants at least 6: "
USUAL = {"steps": 25, "size": 256}


@pytest.mark.parametrize(
    ("steps", "size", "advice"),
    [
        (2, 64, "this run has 2 steps and 64 pixels, draw it with the usual 25 and 256"),
        (1, 256, "this run has 1 step, draw it with the usual 25"),
        (None, 64, "this run has 64 pixels, draw it with the usual 256"),
    ],
)
def test_a_run_drawn_quickly_or_small_is_to_be_drawn_as_usual(low, tmp_path, steps, size, advice):
    assert told(low, tmp_path, steps=steps, size=size) == BELOW + advice


@pytest.mark.parametrize("usual", [USUAL, {"steps": None, "size": None}, {"steps": 50, "size": 512}])
def test_a_run_of_one_seed_needs_more_and_a_cast(low, tmp_path, usual):
    cast = f"draw, score and let `storykit cast {low.folder} --candidate ink` choose"
    assert told(low, tmp_path, **usual) == f"{BELOW}this run has one seed: write more, {EIGHT}, {cast}"


def test_of_several_seeds_the_best_are_cast_and_after_a_cast_more_are_drawn(low, tmp_path):
    cast = f"`storykit cast {low.folder} --candidate ink` choose"
    several = {**USUAL, "seeds": (0, 1, 3)}
    assert told(low, tmp_path, **several).endswith(f": let {cast} the best of its 3 seeds for each panel")
    assert told(low, tmp_path, (0, 1, 2, 0, 1, 2, 0, 1), **several).endswith(
        f": draw more than its 3 seeds, score and let {cast} again"
    )


def test_candidates_and_orders_are_offered_where_the_run_has_them(low, tmp_path):
    ink = low.loaded.experiment.candidates[1]
    others = (*low.loaded.experiment.candidates, ink.model_copy(update={"name": "wash"}))
    said = told(low, tmp_path, **USUAL, candidates=others, orders=("authored", "reversed"))
    assert "try another candidate (wash) or try another order (reversed) or this run has one seed" in said
    assert "another candidate" not in told(low, tmp_path, **USUAL), "the base has no LoRA"


def test_a_set_that_reaches_the_gate_is_named_with_what_to_type(low, tmp_path):
    good = StoryScore(
        candidate="ink", order="authored", story="moon", seed=1, values={"aesthetic_mean": 6.25}
    )
    base = replace(good, candidate="base", values={"aesthetic_mean": 7.0})
    said = told(low, tmp_path, stories=(good, base))
    assert said == f"{BELOW}another of this run has 6.25, pack it with --candidate ink"


def test_what_a_button_can_do_about_a_low_score_is_to_choose_another_set_or_to_cast(low, tmp_path):
    good = StoryScore(
        candidate="ink", order="authored", story="moon", seed=1, values={"aesthetic_mean": 6.25}
    )
    place = {"candidate": "ink", "order": "authored", "story": "moon"}
    several = {**USUAL, "seeds": (0, 1, 3)}
    for said, remedy in (
        (faults(low, tmp_path, stories=(good,)), Remedy("choose", **place, seed=1)),
        (faults(low, tmp_path, **several), Remedy("cast", **place)),
        (faults(low, tmp_path, (0, 1, 2, 0, 1, 2, 0, 1), **several), None),
        (faults(low, tmp_path, **USUAL), None),
        (faults(low, tmp_path, steps=2, seeds=(0, 1)), None),
    ):
        assert [fault.remedy for fault in said] == [remedy]


def test_a_score_just_below_the_gate_is_not_rounded_up_to_it(low, tmp_path):
    assert "score is 5.9999, the contest wants at least 6" in told(low, tmp_path, mean=5.9999)
    assert told(low, tmp_path, mean=6.0) == ""
