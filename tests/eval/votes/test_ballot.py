"""Ballots: who can stand against whom, and which pictures still count."""

import pytest
from made_run import Plan, make_run, write_made_up_scores
from voting import booth_of, vote

from eval.votes.ballot import Matter, VotingPictures, ballots_of, key_of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    plan = Plan(orders=("authored", "scene-first"), seeds=(0, 1))
    run = make_run(tmp_path_factory.mktemp("run"), plan)
    write_made_up_scores(run, {("ink", 1, 3): "blank"})
    return run


def test_every_question_of_a_run_is_a_ballot(run):
    found = {(one.kind, one.factor, one.held) for one in ballots_of(run, VotingPictures.of(run))}
    assert found == {
        (kind, factor, held)
        for kind in ("panel", "story")
        for factor, names in (("candidates", ("authored", "scene-first")), ("orders", ("ink", "base")))
        for held in names
    }


def test_a_panel_that_was_found_faulty_is_not_shown(run):
    pictures = VotingPictures.of(run)
    place = ("ink", "authored")
    assert pictures.shown(place, Matter("cat", 1, 3)) is None
    assert pictures.shown(place, Matter("cat", 1, None)) is None
    assert pictures.shown(place, Matter("cat", 0, None)) is not None


def test_picked_stories_are_a_ballot_once_two_are_cast(run):
    picked = {("ink", "authored", "cat"): (0,) * 8}
    alone = ballots_of(run, VotingPictures.of(run, picked))
    assert not any(one.picked for one in alone)
    both = VotingPictures.of(run, picked | {("base", "authored", "cat"): (1,) * 8})
    assert sum(one.picked for one in ballots_of(run, both)) == 1


@pytest.mark.parametrize("seeds", [(), (0,), (0,) * 9, (99,) * 8])
def test_a_cast_that_is_not_whole_shows_nothing(run, seeds):
    pictures = VotingPictures.of(run, {("ink", "authored", "cat"): seeds})
    assert pictures.shown(("ink", "authored"), Matter("cat", None, None)) is None


def test_a_vote_knows_its_ballot_and_whether_its_pictures_are_still_there(run):
    booth = booth_of(run)
    one = vote(run, booth, lambda pair: "left", 1)[0]
    assert key_of(one) == booth.ballot.key
    assert booth.pictures.holds(one)
    assert not VotingPictures({}, {}).holds(one)
