from pathlib import Path

from stripes import fill, new_run, stripe_scorers

from eval.scoring.score import score
from eval.scoring.summary import MOST, faults_said, undefined_said


def test_each_fault_is_named_with_its_panel_and_its_reason(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    run.panel_path("ink", "authored", "story", 0, 3).unlink()
    assert list(faults_said(score(run, stripe_scorers()))) == [
        "fault   ink authored story seed 0, panel 3: missing, its file is gone"
    ]


def test_a_sound_run_says_nothing_more(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path)), stripe_scorers())
    assert [*faults_said(scores)] == []


def test_many_faults_are_cut_with_their_number(tmp_path: Path) -> None:
    said = list(faults_said(score(new_run(tmp_path, seeds=2), stripe_scorers())))
    assert len(said) == MOST + 1
    assert said[-1] == f"        and {2 * 2 * 8 - MOST} more; scores.json and scores.stories.csv have all"


def test_a_story_that_says_no_places_is_told_to_have_no_number_for_them(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path)), stripe_scorers())
    undefined = all(one.values.get("place") is None for one in scores.stories)
    assert undefined
    assert (
        "note    story has no number for place: it needs panels in one place and panels elsewhere, "
        "told by `place` in a TOML story" in list(undefined_said(scores))
    )
