"""What all votes of a run say, on a terminal and as JSON."""

import json
import shutil

import pytest
from command import tell
from made_run import Plan, make_run, write_made_up_scores
from voting import booth_of, taste, vote

from eval.votes.summary import summary_lines
from eval.votes.tally import tally_of
from eval.votes.vote_file import FILE, append_undo

THREE = ("ink", "wash", "base")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("scored"), Plan(candidates=THREE, seeds=(0, 1)))
    write_made_up_scores(run)
    return run


@pytest.fixture
def run(scored):
    (scored.folder / FILE).unlink(missing_ok=True)
    return scored


@pytest.fixture
def voted(run):
    booth = booth_of(run)
    vote(run, booth, taste({"ink": 2.5, "wash": 0, "base": 0}, booth.ballot, ties=0.1), 44)
    return run


def test_the_stronger_contender_is_first_and_told_apart(voted):
    ballot = tally_of(voted).ballots[0]
    assert ballot.strengths[0].contender == "ink"
    assert ballot.tied_sets == (("ink",), ("wash", "base")) or ballot.tied_sets == (
        ("ink",),
        ("base", "wash"),
    )
    assert ballot.votes == ballot.decided + ballot.ties + ballot.both_bad.part
    assert ballot.votes < 44


def test_the_lines_say_who_is_preferred_and_which_metric_agrees(voted):
    said = "\n".join(summary_lines(tally_of(voted)))
    assert "better  ink is preferred to wash" in said
    assert "agrees  Aesthetic: " in said
    assert "voter   Li Na: 44 votes" in said
    assert "votes   panels of the candidates in order authored" in said


def test_two_kinds_of_questions_are_not_added_up(voted):
    vote(voted, booth_of(voted, "story"), lambda pair: "tie", 3)
    first, second = tally_of(voted).ballots
    assert (first.kind, second.kind, second.votes, second.strengths) == ("panel", "story", 3, ())


def test_undone_votes_and_votes_on_pictures_that_are_gone_do_not_count(voted, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(voted.folder, copy)
    other = type(voted)(copy)
    before = tally_of(other)
    append_undo(other, vote(other, booth_of(other), lambda pair: "left", 1)[0])
    assert tally_of(other).votes == before.votes
    shutil.rmtree(copy / "panels" / "wash")
    after = tally_of(other)
    assert (after.undone, after.outdated > 0) == (1, True)
    assert {one.contender for one in after.ballots[0].strengths} == {"ink", "base"}
    assert "have been drawn anew or are gone" in "\n".join(summary_lines(after))


def test_a_few_votes_are_too_few_and_say_how_many_are_needed(run):
    vote(run, booth_of(run), lambda pair: "left" if pair.left.candidate == "ink" else "right", 3)
    said = "\n".join(summary_lines(tally_of(run)))
    assert "at least 7 are needed" in said


def test_storykit_votes_prints_the_same_and_json(voted):
    answer = tell("votes", voted.folder)
    assert answer.code == 0
    assert answer.out.splitlines() == [str(line) for line in summary_lines(tally_of(voted))]
    told = json.loads(tell("votes", voted.folder, "--json").out)
    assert told["ballots"][0]["strengths"][0]["contender"] == "ink"
    assert told["voters"][0]["same"]["total"] in (4, 5)
    assert {"metric", "kind", "right"} <= told["agreements"][0].keys()


def test_without_votes_it_is_said_how_to_get_some(run):
    answer = tell("votes", run.folder)
    assert (answer.code, "storykit board" in answer.out) == (0, True)
    assert json.loads(tell("votes", run.folder, "--json").out)["ballots"] == []


def test_what_is_no_run_is_told_in_a_line(tmp_path):
    answer = tell("votes", tmp_path)
    assert (answer.code, len(answer.err.splitlines())) == (1, 1)
