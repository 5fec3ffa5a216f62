"""What is drawn of a choice among drafts, where, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from command import tree
from fakes import FakePainter, make_run, write_story

from eval.casting.decisions import change_picks, state_of
from eval.casting.selection import seeds_cast
from kit.errors import RunError
from kit.experiment.config import load_experiment
from kit.experiment.extras.extra_pictures import Repair, fresh_seeds, keep_repair
from kit.experiment.identity import is_draft
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Redraw
from kit.generation.generate import generate
from kit.generation.repair.repair import RepairWish, repair
from submissions.finish import Finals, chosen_drafts, chosen_set, draw_finals, usual_folder
from submissions.packing.entry import seeds_of
from submissions.packing.entry_file import Decisions, keep_decisions, read_decisions
from submissions.packing.entry_plan import EntryPlan

PLACE = ("base", "authored", "cat")
FIRST, SECOND = (0, 1, 1, 0, 0, 1, 0, 1), (0, 1, 1, 0, 0, 1, 0, 0)
HEAD = "seeds = [0, 1]\nsteps = 4\n"
DRAFT = "[draft]\nsteps = 2\n"


def drafts(folder: Path, head: str = HEAD, candidates: str = '[[candidate]]\nname = "base"\n') -> Run:
    """Return a run of drafts, drawn."""
    make_run(folder, head, DRAFT + candidates)
    loaded = load_experiment(folder / "experiment.toml").drawn_as("draft")
    run = Run.create(folder / "run", loaded)
    generate(run, [FakePainter()])
    return Run.open(run.folder)


def choose(run: Run, seeds: Sequence[int], place: tuple[str, str, str] = PLACE) -> None:
    """Pick eight panels by hand, and no others."""
    rows = {row.slot: row.sha256 for row in run.rows()}
    for panel, seed in enumerate(seeds, 1):
        sha256 = rows[Slot(*place, seed, panel)]
        change_picks(run, place, lambda picks, at=(panel, seed, sha256): picks.keeping(*at))


def finish(run: Run, painter: FakePainter | None = None, out: Path | None = None, **asked: str) -> Finals:
    chosen = chosen_drafts(run, EntryPlan(**asked))
    return draw_finals(run, chosen, out or usual_folder(run), [painter or FakePainter()])


def asked_of(painter: FakePainter) -> list[list[int]]:
    return [[one.seed for one in batch] for batch in painter.batches]


def test_finals_are_drawn_from_the_drafts_noise_as_the_contest_draws(tmp_path: Path) -> None:
    run, painter = drafts(tmp_path), FakePainter()
    choose(run, FIRST)
    done = finish(run, painter)
    assert done.run.folder == tmp_path / "run-final"
    assert sorted(asked_of(painter)) == [[0] * 4, [1] * 4]
    [how] = set(painter.settings)
    assert (how.steps, how.sampler, how.guidance_until) == (4, "ddim", 1.0)
    rows = sorted(done.run.rows(), key=lambda row: row.panel)
    assert [row.recipe_seed for row in rows] == [*FIRST]
    assert not is_draft(Run.open(done.run.folder))
    assert "draft" not in done.run.experiment_path.read_text("utf-8")
    ordinary = make_run(tmp_path / "ordinary", HEAD)
    generate(ordinary, [FakePainter()])
    keys = {row.slot[3:]: (row.key, row.sha256) for row in ordinary.rows()}
    assert [(row.key, row.sha256) for row in rows] == [keys[seed, n] for n, seed in enumerate(FIRST, 1)]


def test_what_packs_the_finals_takes_the_eight(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    finals = finish(run)
    assert seeds_cast(finals.run, *PLACE) == (finals.number,) * 8 == seeds_of(finals.run, PLACE, None)
    assert finals.number not in (0, 1), "a set of several seeds is none of them"


def test_a_set_of_one_seed_keeps_its_number(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, (1,) * 8)
    assert finish(run).number == 1
    assert finish(run, out=tmp_path / "other", seed=0).number == 0


def test_of_one_seed_alone_nothing_must_be_chosen(tmp_path: Path) -> None:
    assert finish(drafts(tmp_path, "seeds = [5]\nsteps = 4\n")).number == 5


def test_a_second_call_draws_nothing_and_changes_nothing(tmp_path: Path) -> None:
    run, painter = drafts(tmp_path), FakePainter()
    choose(run, FIRST)
    before = tree(finish(run).run.folder)
    assert finish(run, painter).drawn.drawn == 0
    assert painter.batches == []
    assert tree(tmp_path / "run-final") == before


@pytest.mark.parametrize("lost", ["selection.json", "run.json", "batching.json"])
def test_killed_between_two_files_it_ends_in_the_same_bytes(tmp_path: Path, lost: str) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    finals = finish(run).run.folder
    before = tree(finals)
    (finals / lost).unlink()
    assert finish(run).drawn.drawn == 0
    assert {**tree(finals), "batching.json": before["batching.json"]} == before


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_killed_anywhere_it_ends_in_the_same_bytes(tmp_path: Path, stop: int) -> None:
    run, painter = drafts(tmp_path), FakePainter()
    choose(run, FIRST)
    painter.takes, painter.stop_before_batch = 2, stop
    whole = FakePainter()
    whole.takes = 2
    finish(run, whole, out=tmp_path / "whole")
    with pytest.raises(RunError, match=f"{2 * stop} of 8 panels are there; run the same command to go on"):
        finish(run, painter, out=tmp_path / "stopped")
    painter.stop_before_batch = None
    finish(run, painter, out=tmp_path / "stopped")
    for name in ("panels", "stories"):
        assert tree(tmp_path / "stopped" / name) == tree(tmp_path / "whole" / name)
    for name in ("selection.json", "experiment.toml", "run.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_after_another_choice_only_what_is_new_is_drawn_and_a_return_draws_nothing(tmp_path: Path) -> None:
    run, painter = drafts(tmp_path), FakePainter()
    choose(run, FIRST)
    first = finish(run)
    choose(run, SECOND)
    second = finish(run, painter)
    assert asked_of(painter) == [[0]]
    assert second.number != first.number
    assert state_of(second.run, PLACE).picks.seeds == (second.number,) * 8
    choose(run, FIRST)
    back = finish(run, painter)
    assert (len(painter.batches), back.number) == (1, first.number)
    assert state_of(back.run, PLACE).picks.seeds == (first.number,) * 8
    assert back.run.loaded.experiment.panel_seeds == (FIRST, SECOND)


def test_a_choice_that_was_given_up_half_way_is_not_drawn_to_its_end(tmp_path: Path) -> None:
    run, painter = drafts(tmp_path), FakePainter()
    choose(run, FIRST)
    painter.stop_before_batch = 1
    with pytest.raises(RunError, match="4 of 8 panels"):
        finish(run, painter)
    painter.stop_before_batch = None
    before = {row.key: row.sha256 for row in Run(usual_folder(run)).rows()}
    choose(run, (0,) * 8)
    done = finish(run, painter)
    assert [1] not in asked_of(painter)
    assert before.items() <= {row.key: row.sha256 for row in done.run.rows() if row.seed == 0}.items()
    assert done.run.loaded.experiment.panel_seeds == ((0,) * 8,)


def test_a_set_never_gets_the_number_of_a_repair_that_is_not_drawn_yet(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    before = finish(run)
    number = next(fresh_seeds(before.run))
    place = dict(zip(("candidate", "order", "story"), PLACE, strict=True))
    step = Redraw(seed=0, strength=0.5)
    keep_repair(before.run, Repair(**place, panel=3, number=number, source=before.number, step=step))
    choose(run, SECOND)
    after = finish(run)
    assert after.number not in (before.number, number)
    assert {row.slot[:4] for row in after.run.rows() if row.chain} == {(*PLACE, number)}


def test_words_of_one_panel_that_changed_are_drawn_again_and_the_others_kept(tmp_path: Path) -> None:
    run, painter = drafts(tmp_path), FakePainter()
    painter.takes = 1
    choose(run, FIRST)
    first = finish(run, painter)
    del painter.batches[:]
    story = tmp_path / "cat.toml"
    story.write_text(story.read_text("utf-8").replace("第3天", "第三天"), encoding="utf-8")
    run = Run.create(
        run.folder, load_experiment(tmp_path / "experiment.toml").drawn_as("draft"), reworded=True
    )
    generate(run, [FakePainter()])
    choose(run, FIRST)
    second = finish(Run.open(run.folder), painter)
    assert len(painter.drawn) == 1
    assert "第三天" in painter.drawn[0]
    assert second.run.loaded.experiment.seeds == (second.number,) != (first.number,)


def test_a_team_need_not_tell_its_decisions_twice(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    keep_decisions(run, Decisions(team="云上画师", candidate="base"), "一只小猫的故事。")
    finals = finish(run).run
    assert (read_decisions(finals).team, read_decisions(finals).seed) == ("云上画师", None)
    assert (finals.folder / "introduction.md").read_text("utf-8") == "一只小猫的故事。\n"
    keep_decisions(finals, Decisions(team="others"), "")
    finish(run)
    assert read_decisions(finals).team == "others"


def test_what_was_made_of_the_finals_stays_picked_until_another_set_is_chosen(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    done = finish(run)
    wish = RepairWish(source=Slot(*PLACE, done.number, 3), step=Redraw(seed=9, strength=0.5))
    [made] = repair(done.run, FakePainter(), wish)
    seeds = (done.number,) * 2 + (made.repair.number,) + (done.number,) * 5
    choose(done.run, seeds)
    again = finish(run)
    assert seeds_cast(again.run, *PLACE) == chosen_set(again.run, again.plan).seeds == seeds
    choose(run, SECOND)
    other = finish(run)
    assert chosen_set(other.run, other.plan).seeds == (other.number,) * 8


def test_a_seed_that_the_team_decided_on_is_finished_as_it_is_packed(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    keep_decisions(run, Decisions(candidate="base", seed=1), "")
    assert chosen_drafts(run, EntryPlan()).seeds == (1,) * 8


TWO = '[[candidate]]\nname = "base"\n[[candidate]]\nname = "other"\n'


def test_what_alone_was_chosen_needs_no_name_and_of_two_one_must_be_named(tmp_path: Path) -> None:
    run = drafts(tmp_path, HEAD, TWO)
    choose(run, FIRST, ("other", *PLACE[1:]))
    assert chosen_drafts(run, EntryPlan()).candidate == "other"
    choose(run, SECOND)
    with pytest.raises(RunError, match=r"^the run has several candidates, name one: base, other$"):
        chosen_drafts(run, EntryPlan())
    assert chosen_drafts(run, EntryPlan(candidate="base")).seeds == SECOND


def refusal(run: Run, out: Path | None = None, **asked: str) -> str:
    painter = FakePainter()
    folder = out or usual_folder(run)
    before = tree(folder)
    with pytest.raises(RunError) as refused:
        finish(run, painter, out, **asked)
    assert painter.batches == []
    assert {name: data for name, data in tree(folder).items() if name != ".storykit.lock"} == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_before_anything_is_chosen_cast_is_named(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    told = (
        "nothing is chosen of base authored cat yet: first `storykit cast {} --candidate base`, or pick all"
    )
    assert refusal(run).startswith(told.format(run.folder))
    choose(run, FIRST[:7])
    assert refusal(run).startswith(told.format(run.folder))


def test_what_is_final_already_is_packed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    told = f"{run.folder} holds no drafts, it is final already: `storykit pack {run.folder}`"
    assert refusal(Run.open(run.folder)) == told


def test_a_name_that_the_run_does_not_have_is_refused(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    assert (
        refusal(run, candidate="bass") == "the run has no candidate 'bass', it has base, did you mean base?"
    )


def test_a_draft_that_was_drawn_anew_since_must_be_chosen_again(tmp_path: Path) -> None:
    run = drafts(tmp_path)
    choose(run, FIRST)
    row = next(row for row in run.rows() if row.slot == Slot(*PLACE, 0, 1))
    run.append(type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"sha256": "0" * 64}))
    assert "panel 1, seed 0 was picked by hand and drawn anew since" in refusal(run)


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    run = drafts(tmp_path / "one", HEAD, TWO)
    choose(run, FIRST)
    other = "holds a run that `storykit finish` did not draw: choose another --out"
    assert refusal(run, run.folder) == f"{run.folder} {other}"
    plain = make_run(tmp_path / "plain", HEAD)
    generate(plain, [FakePainter()])
    assert refusal(run, plain.folder) == f"{plain.folder} {other}"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    assert "holds notes.txt and no run" in refusal(run, tmp_path / "mine")
    finish(run)
    choose(run, SECOND, ("other", *PLACE[1:]))
    told = f"{usual_folder(run)} holds the finals of base authored cat: choose another --out"
    assert refusal(run, candidate="other") == told


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("seeds = [0, 1]\nsteps = 6\n", "steps 6 instead of 4"),
        (HEAD + "cfg = 5.0\n", "cfg 5.0 instead of 4.0"),
    ],
)
def test_finals_of_other_settings_are_refused(tmp_path: Path, head: str, reason: str) -> None:
    run, other = drafts(tmp_path / "one"), drafts(tmp_path / "other", head)
    for one in (run, other):
        choose(one, FIRST)
    finish(run)
    told = f"{usual_folder(run)} holds finals of another run or of other settings ({reason}): choose another"
    assert refusal(other, usual_folder(run)).startswith(told)


def test_finals_of_another_story_of_the_same_name_are_refused(tmp_path: Path) -> None:
    run = drafts(tmp_path / "one")
    (tmp_path / "other").mkdir()
    write_story(tmp_path / "other" / "cat.toml", [f"小狗，第{number}天" for number in range(1, 9)])
    other = drafts(tmp_path / "other")
    for one in (run, other):
        choose(one, FIRST)
    finish(run)
    assert "another run or of other settings (other words in cat)" in refusal(other, usual_folder(run))


def test_the_folder_beside_the_run_is_found_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = drafts(tmp_path)
    assert usual_folder(Run(Path("runs/cat"))) == Path("runs/cat-final")
    monkeypatch.chdir(run.folder)
    assert usual_folder(Run(Path("."))) == tmp_path / "run-final"
