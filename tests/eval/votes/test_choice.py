"""What voters are asked: evenly, never twice too soon, the same again after a stop."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from made_run import Plan, make_run
from voting import booth_of, taste, vote

from eval.votes.ballot import VotingPictures, ballots_of
from eval.votes.choice import APART, Booth, next_pair, pair_after, urgency
from eval.votes.vote_file import FILE, VoteLog, append_undo, read_votes
from kit.experiment.run import Slot

THREE = ("ink", "wash", "base")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("drawn"), Plan(candidates=THREE, seeds=(0, 1)))


@pytest.fixture
def run(drawn):
    (drawn.folder / FILE).unlink(missing_ok=True)
    return drawn


def test_both_sides_show_the_same_panel_of_the_same_seed(run):
    for one in vote(run, booth_of(run), lambda pair: "left", 12):
        assert one.left.seeds == one.right.seeds
        assert one.left.candidate != one.right.candidate
        assert one.left.order == one.right.order


def test_panels_seeds_and_contenders_come_evenly(run):
    booth = booth_of(run)
    votes = [
        one for one in vote(run, booth, taste(dict.fromkeys(THREE, 0.0), booth.ballot), 36) if not one.repeats
    ]
    for part in (lambda one: one.panel, lambda one: one.left.seeds, lambda one: one.story):
        counts = Counter(map(part, votes)).values()
        assert max(counts) - min(counts) <= 2
    pairs = Counter(frozenset((one.left.candidate, one.right.candidate)) for one in votes)
    assert len(pairs) == 3
    assert max(pairs.values()) - min(pairs.values()) <= 2


def test_nothing_is_asked_twice_before_the_end_but_what_is_a_repetition(run):
    votes = vote(run, booth_of(run), lambda pair: "left", 200)
    new = [one.pictures for one in votes if not one.repeats]
    assert len(new) == len(set(new)) == 3 * 2 * 8
    assert next_pair(booth_of(run), read_votes(run), "Li Na") is None


def test_a_tenth_comes_again_with_the_sides_changed_and_not_right_after(run):
    votes = vote(run, booth_of(run), lambda pair: "right", 50)
    place = {one.id: k for k, one in enumerate(votes)}
    again = [one for one in votes if one.repeats]
    assert len(again) in (4, 5)
    for one in again:
        first = votes[place[one.repeats]]
        assert (one.left, one.right) == (first.right, first.left)
        assert place[one.id] - place[first.id] > APART
    assert len({one.repeats for one in again}) == len(again)


def test_sides_are_by_lot(run):
    votes = vote(run, booth_of(run), lambda pair: "left", 40)
    assert 8 <= sum(one.left.candidate < one.right.candidate for one in votes) <= 32


def test_a_stopped_session_goes_on_where_it_was_and_the_next_pair_is_known_beforehand(run):
    booth = booth_of(run)
    for k in range(15):
        pair = next_pair(booth_of(run), read_votes(run), "Li Na")
        coming = pair_after(booth, read_votes(run), "Li Na", pair)
        vote(run, booth, lambda pair, k=k: ("left", "right", "tie", "both-bad")[k % 4], 1)
        assert next_pair(booth_of(run), read_votes(run), "Li Na") == coming


def test_after_an_undo_the_same_pair_is_asked_again(run):
    booth = booth_of(run)
    vote(run, booth, lambda pair: "left", 4)
    pair = next_pair(booth, read_votes(run), "Li Na")
    given = vote(run, booth, lambda pair: "left", 1)
    append_undo(run, given[0])
    assert next_pair(booth, read_votes(run), "Li Na") == pair


def test_each_voter_has_a_row_of_their_own_and_new_pictures_first(run):
    booth = booth_of(run)
    mine = vote(run, booth, lambda pair: "left", 20, voter="Li Na")
    yours = vote(run, booth, lambda pair: "left", 20, voter="Wu")
    seen = {one.pictures for one in mine}
    assert sum(one.pictures in seen for one in yours if not one.repeats) <= 2


def test_equal_pictures_missing_ones_and_faulty_ones_are_never_asked(run):
    booth = booth_of(run)
    drawn = dict(booth.pictures.drawn)
    same, gone = (Slot("ink", "authored", "cat", 0, panel) for panel in (1, 2))
    drawn[same] = drawn[same._replace(candidate="base")]
    del drawn[gone]
    less = replace(booth, pictures=VotingPictures(drawn, {}))
    asked = {
        (pair.story, pair.left.seeds, pair.panel)
        for shown in less.shown.values()
        for pair in shown
        if {pair.left.candidate, pair.right.candidate} == {"ink", "base"}
    }
    assert ("cat", (0,), 3) in asked
    assert not asked & {("cat", (0,), 1), ("cat", (0,), 2)}


def test_whole_stories_and_picked_ones_are_asked_too(run):
    whole = vote(run, booth_of(run, "story"), lambda pair: "left", 9)
    assert {(one.panel, len(one.left.sha256)) for one in whole} == {(None, 8)}
    picked = {(name, "authored", "cat"): (0, 1, 0, 1, 0, 1, 0, k % 2) for k, name in enumerate(THREE)}
    cast = vote(run, booth_of(run, "story", picked=picked), lambda pair: "left", 9, voter="Wu")
    assert len(cast) == 3
    assert {one.left.seeds[:7] for one in cast} == {(0, 1, 0, 1, 0, 1, 0)}


def test_orders_of_one_candidate_stand_against_each_other(tmp_path):
    run = make_run(tmp_path, Plan(orders=("authored", "scene-first"), seeds=(0,)))
    kinds = {(one.kind, one.factor, one.held) for one in ballots_of(run, VotingPictures.of(run))}
    assert ("panel", "orders", "ink") in kinds
    assert ("story", "candidates", "scene-first") in kinds


def test_one_candidate_in_one_order_leaves_nothing_to_vote_on(tmp_path):
    run = make_run(tmp_path, Plan(candidates=("ink",), seeds=(0,)))
    assert ballots_of(run, VotingPictures.of(run)) == []


def test_a_pair_that_is_told_apart_waits_for_one_that_is_not():
    won = np.array([[0.0, 12, 12], [0, 0, 8], [0, 8, 0]])
    by = urgency(won, won + won.T)
    assert min([(0, 1), (0, 2), (1, 2)], key=by) == (1, 2)


def test_nothing_is_asked_where_there_is_nothing(run):
    booth = replace(booth_of(run), pictures=VotingPictures({}, {}))
    assert isinstance(booth, Booth)
    assert next_pair(booth, VoteLog(), "Li Na") is None
