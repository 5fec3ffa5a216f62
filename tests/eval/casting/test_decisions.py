import json
from dataclasses import replace

import pytest
from another_process import another_at_work
from made_run import Plan, make_run

from eval.casting.decisions import PlaceState, change_picks, keep_cast, state_of
from eval.casting.picks import Picks
from eval.casting.selection import (
    PanelChoice,
    Selection,
    SetQuality,
    places_chosen,
    read_picks,
    read_selections,
    seeds_cast,
)
from kit.errors import RunError, ScoreError, StaleError
from kit.experiment.run import PAGE, Run
from kit.files.folder_lock import lock_file, lock_folder

PLACE = ("ink", "authored", "cat")
QUALITY = SetQuality(values={"text": 0.3}, deviations={"text": 1.0}, mean=1.0, weakest="text")


@pytest.fixture
def run(tmp_path) -> Run:
    return make_run(tmp_path, Plan(size=32))


def sha256(run: Run, panel: int, seed: int) -> str:
    return next(row.sha256 for row in run.rows() if row.slot == (*PLACE, seed, panel))


def keep(run: Run, panel: int, seed: int):
    return lambda picks: picks.keeping(panel, seed, sha256(run, panel, seed))


def chosen(run: Run) -> Selection:
    """Return a set of one seed, as it would be cast."""
    parts = [
        PanelChoice(panel=panel, seed=0, sha256=sha256(run, panel, 0), kept=False, swap=None)
        for panel in range(1, 9)
    ]
    candidate, order, story = PLACE
    return Selection(
        candidate=candidate,
        order=order,
        story=story,
        sets=256,
        standing=QUALITY,
        parts=tuple(parts),
        single=None,
    )


def write(run: Run, selection: Selection) -> None:
    keep_cast(run, [PlaceState(picks=Picks.none(PLACE), selection=selection)], {})


def test_what_is_picked_is_in_the_file_with_the_picture_that_was_seen(run):
    change_picks(run, PLACE, keep(run, 3, 1))
    state = change_picks(run, PLACE, lambda picks: picks.banning(7, 0))
    told = json.loads((run.folder / "selection.json").read_bytes())
    assert told["selections"] == []
    (picks,) = told["picks"]
    assert picks["keep"] == [{"panel": 3, "seed": 1, "sha256": sha256(run, 3, 1)}]
    assert picks["ban"] == [{"panel": 7, "seed": 0}]
    assert read_picks(run)[PLACE] == state.picks
    assert state_of(run, PLACE) == state


def test_a_file_without_picks_is_as_it_always_was(run):
    write(run, chosen(run))
    told = json.loads((run.folder / "selection.json").read_bytes())
    assert list(told) == ["storykit", "rule", "selections"]
    assert list(told["selections"][0]) == [
        *("candidate", "order", "story", "sets", "standing", "parts", "single")
    ]
    assert list(told["selections"][0]["standing"]) == ["values", "deviations", "mean", "weakest"]
    change_picks(run, PLACE, lambda picks: picks.banning(7, 1))
    change_picks(run, PLACE, lambda picks: picks.allowing(7, 1))
    assert json.loads((run.folder / "selection.json").read_bytes()) == told


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        (lambda picks: picks.keeping(3, 0, "a"), True),
        (lambda picks: picks.banning(3, 1), True),
        (lambda picks: picks.keeping(3, 1, "a"), False),
        (lambda picks: picks.banning(3, 0), False),
    ],
    ids=["what was chosen is kept", "another is banned", "another is kept", "what was chosen is banned"],
)
def test_a_set_goes_with_its_page_where_picks_contradict_it(run, change, stays):
    write(run, chosen(run))
    (run.folder / PAGE).write_text("page")
    state = change_picks(run, PLACE, change)
    assert bool(state.selection) == bool(read_selections(run)) == stays
    if stays:
        kept = [part.panel for part in read_selections(run)[0].parts if part.kept]
        assert kept == list(state.picks.kept)
    assert (run.folder / PAGE).exists() == (stays and not state.picks.kept)


def test_a_kept_panel_that_is_let_go_is_no_longer_marked(run):
    write(run, chosen(run))
    change_picks(run, PLACE, keep(run, 3, 0))
    state = change_picks(run, PLACE, lambda picks: picks.freeing(3))
    assert state.selection == chosen(run)


def test_eight_kept_panels_are_a_set_though_nothing_was_scored(run):
    for panel in range(1, 9):
        assert seeds_cast(run, *PLACE) == ()
        change_picks(run, PLACE, keep(run, panel, panel % 2))
    assert seeds_cast(run, *PLACE) == (1, 0, 1, 0, 1, 0, 1, 0)
    assert places_chosen(run) == [PLACE]
    row = next(row for row in run.rows() if row.slot == (*PLACE, 1, 3))
    run.append(replace(row, sha256="0" * 64))
    with pytest.raises(
        RunError, match=r"panel 3, seed 1 was picked by hand and drawn anew since.*3=1.*--forget"
    ):
        seeds_cast(run, *PLACE)


@pytest.mark.parametrize(
    ("place", "change", "reason"),
    [
        (("nobody", "authored", "cat"), lambda picks: picks, "the run has no candidate 'nobody'"),
        (("ink", "backwards", "cat"), lambda picks: picks, "the run has no order 'backwards'"),
        (("ink", "authored", "dog"), lambda picks: picks, "the run has no story 'dog'"),
        (PLACE, lambda picks: picks.banning(9, 0), "panels 1 to 8 and seeds 0, 1, got 9=seed0"),
        (PLACE, lambda picks: picks.keeping(0, 0, "a"), "panels 1 to 8 and seeds 0, 1, got 0=seed0"),
        (PLACE, lambda picks: picks.banning(1, 2), "panels 1 to 8 and seeds 0, 1, got 1=seed2"),
    ],
)
def test_what_the_run_does_not_have_cannot_be_picked(run, place, change, reason):
    with pytest.raises(ScoreError, match=reason):
        change_picks(run, place, change)
    assert not (run.folder / "selection.json").exists()


def test_picks_of_seeds_that_the_experiment_dropped_do_not_hinder_others(run):
    change_picks(run, PLACE, lambda picks: picks.banning(7, 1))
    text = run.experiment_path.read_text("utf-8")
    run.experiment_path.write_text(text.replace("    1,\n", ""), "utf-8")
    fewer = Run(run.folder)
    assert fewer.loaded.experiment.seeds == (0,)
    assert change_picks(fewer, PLACE, keep(run, 3, 0)).picks.kept == {3: 0}
    assert change_picks(fewer, PLACE, lambda picks: Picks.none(PLACE)).picks == Picks.none(PLACE)


def test_whoever_saw_an_older_version_is_told_what_is_there_now(run):
    seen = state_of(run, PLACE).version
    now = change_picks(run, PLACE, keep(run, 3, 1), seen)
    assert now.version != seen
    with pytest.raises(StaleError, match="was changed elsewhere since this was shown") as error:
        change_picks(run, PLACE, keep(run, 4, 1), seen)
    assert error.value.present == now
    assert state_of(run, PLACE) == now
    other = ("base", "authored", "cat")
    change_picks(run, other, lambda picks: picks.banning(1, 1), state_of(run, other).version)
    assert state_of(run, PLACE).version == now.version, "another place is another matter"
    assert change_picks(run, PLACE, keep(run, 4, 1), now.version).picks.kept == {3: 1, 4: 1}


def test_nothing_is_cast_over_what_was_picked_meanwhile(run):
    seen = {PLACE: state_of(run, PLACE).picks}
    change_picks(run, PLACE, keep(run, 3, 1))
    with pytest.raises(StaleError, match="picks were changed while it was cast, so nothing is written"):
        keep_cast(run, [PlaceState(picks=seen[PLACE], selection=chosen(run))], seen)
    assert read_selections(run) == []


def test_one_can_pick_while_the_run_is_drawn(run):
    with another_at_work(run.folder):
        with pytest.raises(RunError, match="is being drawn"), lock_folder(run.folder, "cast"):
            pass
        assert change_picks(run, PLACE, keep(run, 3, 1)).picks.kept == {3: 1}


def test_two_who_pick_at_once_wait_for_each_other_and_not_for_ever(run, monkeypatch):
    monkeypatch.setattr("eval.casting.decisions.PATIENCE_S", 0.05)
    with (
        lock_file(run.folder / "selection.json", "written", 0),
        pytest.raises(RunError, match="being written"),
    ):
        change_picks(run, PLACE, keep(run, 3, 1))
    assert change_picks(run, PLACE, keep(run, 3, 1)).picks.kept == {3: 1}
    assert not list(run.folder.glob(".*.lock"))
