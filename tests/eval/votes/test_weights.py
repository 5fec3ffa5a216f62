"""Weights of metrics by votes: equal at first, never negative, 1 on average."""

import pytest
from made_run import Plan, make_run, write_made_up_scores
from voting import booth_of, vote

from eval.metrics.registry import castable
from eval.votes.vote_file import FILE
from eval.votes.weights import metric_counts, metric_weights


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("scored"), Plan(seeds=tuple(range(4))))
    write_made_up_scores(run)
    return run


@pytest.fixture
def run(scored):
    (scored.folder / FILE).unlink(missing_ok=True)
    return scored


def ink(pair):
    return "left" if pair.left.candidate == "ink" else "right"


def base(pair):
    return "right" if pair.left.candidate == "ink" else "left"


def test_without_votes_all_weights_are_one(run):
    assert metric_weights(run) == dict.fromkeys(castable(), pytest.approx(1.0))


def test_a_run_without_scores_has_equal_weights(tmp_path):
    run = make_run(tmp_path, Plan(seeds=(0,)))
    vote(run, booth_of(run), ink, 5)
    assert metric_weights(run) == dict.fromkeys(castable(), pytest.approx(1.0))


@pytest.mark.parametrize(("answer", "votes"), [(ink, 10), (ink, 32), (base, 32)])
def test_weights_are_one_on_average_and_never_negative(run, answer, votes):
    vote(run, booth_of(run), answer, votes)
    weights = metric_weights(run)
    assert sum(weights.values()) / len(weights) == pytest.approx(1.0)
    assert min(weights.values()) >= 0


def test_a_metric_that_agrees_gets_more_weight_and_with_few_votes_only_a_little(run):
    vote(run, booth_of(run), ink, 10)
    few = metric_weights(run)["aesthetic"]
    vote(run, booth_of(run), ink, 26)
    many = metric_weights(run)["aesthetic"]
    assert 1.0 < few < 1.3 < many


def test_a_metric_that_disagrees_always_ends_without_weight(run):
    vote(run, booth_of(run), base, 35)
    assert metric_counts(run)["aesthetic"].part == 0
    assert metric_weights(run)["aesthetic"] == 0
