"""Shares with their intervals, voters' habits, and which metric agrees with the votes."""

from dataclasses import replace

import pytest
from made_run import Plan, make_run, write_made_up_scores
from voting import booth_of, vote

from eval.scoring.records import read_scores
from eval.votes.agreement import Share, agreements_of, columns_of, habits_of
from eval.votes.choice import independent
from eval.votes.vote_file import FILE


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("scored"), Plan(seeds=(0, 1, 2)))
    write_made_up_scores(run)
    return run


@pytest.fixture
def run(scored):
    (scored.folder / FILE).unlink(missing_ok=True)
    return scored


def ink(pair):
    return "left" if pair.left.candidate == "ink" else "right"


def agreement(run, votes):
    return {(one.kind, one.metric): one.right for one in agreements_of(votes, read_scores(run))}


def test_a_metric_that_always_prefers_what_was_preferred_is_right_in_all(run):
    votes = independent(vote(run, booth_of(run), ink, 20))
    assert agreement(run, votes)["panel", "aesthetic"] == Share(len(votes), len(votes))


def test_a_metric_of_whole_stories_is_held_against_votes_on_stories(run):
    found = agreement(run, vote(run, booth_of(run, "story"), ink, 3))
    assert found["story", "aesthetic_mean"] == Share(3, 3)
    assert ("panel", "aesthetic") not in found


def test_equal_values_and_missing_ones_abstain(run):
    found = agreement(run, independent(vote(run, booth_of(run), ink, 20)))
    assert ("panel", "text_rank") not in found
    assert ("panel", "place") not in found


def test_where_less_is_better_the_lower_value_is_right(run):
    scores = read_scores(run)
    panels = [
        replace(one, values={**one.values, "text_rank": 1.0 if one.candidate == "ink" else 3.0})
        for one in scores.panels
    ]
    votes = vote(run, booth_of(run), ink, 5)
    found = {one.metric: one.right for one in agreements_of(votes, replace(scores, panels=tuple(panels)))}
    assert found["text_rank"] == Share(5, 5)


def test_ties_and_other_pictures_than_were_scored_say_nothing(run):
    votes = vote(run, booth_of(run), lambda pair: "tie", 5)
    assert agreements_of(votes, read_scores(run)) == []
    voted = vote(run, booth_of(run), ink, 3, voter="Wu")
    changed = [replace(one, left=replace(one.left, sha256=("0" * 64,))) for one in voted]
    assert agreements_of(changed, read_scores(run)) == []


def test_stories_as_they_were_cast_are_judged_by_the_means_of_their_panels(run):
    picked = {(name, "authored", "cat"): (0, 1, 2, 0, 1, 2, 0, 1) for name in ("ink", "base")}
    found = agreement(run, vote(run, booth_of(run, "story", picked=picked), ink, 1))
    assert found["story", "aesthetic_mean"] == Share(1, 1)
    assert ("story", "loo_mean") not in found


def test_a_steady_voter_is_steady_and_one_who_likes_the_left_is_found_out(run):
    steady = vote(run, booth_of(run), ink, 24)
    leaning = vote(run, booth_of(run), lambda pair: "left", 24, voter="Wu")
    first, second = habits_of([*steady, *leaning])
    assert first.same.part == first.same.total >= 2
    assert second.same.part == 0 < second.same.total
    assert second.left == Share(24, 24)
    assert second.left.interval.low > 0.8


def test_ties_and_both_bad_are_answered_the_same_whichever_the_side(run):
    habits = habits_of(vote(run, booth_of(run), lambda pair: "both-bad", 24))
    assert habits[0].same.part == habits[0].same.total >= 2
    assert (habits[0].both_bad, habits[0].left) == (Share(24, 24), Share(0, 0))


@pytest.mark.parametrize(
    ("share", "interval"),
    [(Share(0, 0), None), (Share(4, 5), (0.3755, 0.9638)), (Share(0, 10), (0.0, 0.2775))],
)
def test_shares_have_wilsons_interval(share, interval):
    assert share.interval == interval


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        ("aesthetic", {"story": "aesthetic_mean", "panel": "aesthetic"}),
        ("text", {"story": "text_mean", "panel": "text"}),
        ("identity", {"story": "identity", "panel": "identity"}),
    ],
)
def test_a_castable_metric_has_its_columns(metric, columns):
    assert columns_of(metric) == columns
