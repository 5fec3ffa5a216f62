"""The chosen eight made larger, beside what was there."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakePainter, make_run
from PIL import Image

from eval.casting.decisions import change_picks, state_of
from eval.casting.selection import seeds_cast
from kit.errors import InputError, RunError
from kit.experiment.extras.extra_pictures import Repair, keep_repair
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Redraw, Refine, Restore
from kit.finishing.kept_networks import embedded_network
from kit.generation.generate import generate
from kit.generation.repair.repair import RepairWish, finish_pictures, repair
from kit.generation.repair.step_files import keep_mask
from reports.run.story_page import ChosenStory
from storykit.finishing import FinishingWish, plan_finishing
from storykit.repairing import asked_repair, finished_said
from submissions.finish import chosen_set
from submissions.finished_set import finish_set, in_tiles_where_needed, unfinished
from submissions.packing.entry_file import Decisions, keep_decisions, read_decisions
from submissions.packing.entry_plan import EntryPlan

PLACE = ("base", "authored", "cat")
SEEDS = (0, 1, 1, 0, 0, 1, 0, 1)
LARGER = Refine(seed=0, strength=0.3, size=64)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_run(tmp_path, "seeds = [0, 1]\nsteps = 4\nsize = 32\n")
    generate(run, [FakePainter()])
    return run


def chosen(seeds: tuple[int, ...] = SEEDS) -> ChosenStory:
    candidate, order, story = PLACE
    return ChosenStory(candidate=candidate, order=order, story=story, seeds=seeds)


def test_eight_larger_pictures_come_beside_those_that_are_there_and_are_picked(run: Run) -> None:
    before = {row.slot: row.sha256 for row in run.rows()}
    done = finish_set(run, chosen(), [LARGER], FakePainter())
    rows = {row.slot: row for row in run.rows()}
    assert before.items() <= {slot: row.sha256 for slot, row in rows.items()}.items()
    assert seeds_cast(run, *PLACE) == done.seeds == (1001,) * 8
    made = [rows[Slot(*PLACE, number, panel)] for panel, number in enumerate(done.seeds, 1)]
    assert [row.recipe_seed for row in made] == [*SEEDS]
    noise = [step.seed for row in made for step in row.chain]
    assert noise == [1 if seed == 0 else 0 for seed in SEEDS], "never from a picture's own noise"


def test_a_second_call_makes_nothing_new_and_another_one_begins_where_the_first_did(run: Run) -> None:
    first = finish_set(run, chosen(), [LARGER], FakePainter())
    painter, count = FakePainter(), len(run.rows())
    again = finish_set(run, chosen(first.seeds), [LARGER], painter)
    assert (again.seeds, again.before.seeds, len(run.rows())) == (first.seeds, SEEDS, count)
    assert not painter.redrawn
    other = finish_set(run, chosen(first.seeds), [Refine(seed=0, strength=0.5, size=64)], painter)
    assert other.before.seeds == SEEDS
    assert {len(row.chain) for row in run.rows() if row.seed in other.seeds} == {1}
    assert seeds_cast(run, *PLACE) == other.seeds


def test_a_repair_is_finished_as_it_is(run: Run) -> None:
    wish = RepairWish(source=Slot(*PLACE, 1, 3), step=Redraw(seed=0, strength=0.5))
    [repaired] = repair(run, FakePainter(), wish)
    done = finish_set(run, chosen((*SEEDS[:2], repaired.repair.number, *SEEDS[3:])), [LARGER], FakePainter())
    row = next(row for row in run.rows() if row.slot == Slot(*PLACE, done.seeds[2], 3))
    assert [step.step for step in row.chain] == ["redraw", "refine"]


def test_what_cannot_be_made_leaves_the_picks_as_they_were_and_is_gone_on_with(run: Run) -> None:
    rows = {row.slot: row for row in run.rows()}
    change_picks(run, PLACE, lambda picks: picks.keeping(3, 1, rows[Slot(*PLACE, 1, 3)].sha256))
    before, painter = state_of(run, PLACE), FakePainter()
    painter.fail_on = "第3天"
    with pytest.raises(RunError, match=r"^the set cannot be finished, and stays as it was: "):
        finish_set(run, chosen(), [LARGER], painter)
    assert state_of(run, PLACE) == before
    painter.fail_on, painter.redrawn = "", []
    finish_set(run, chosen(), [LARGER], painter)
    assert len(painter.redrawn) == 1


@pytest.mark.parametrize(("free", "tile"), [(40, 0), (12, 1024), (7, 512)])
def test_parts_are_as_large_as_a_gpu_has_room_for(run: Run, free: int, tile: int) -> None:
    painter = FakePainter()
    painter.free = free
    larger = Refine(seed=0, strength=0.3, size=2048)
    assert in_tiles_where_needed(run, PLACE, larger, painter).tile == tile
    assert in_tiles_where_needed(run, PLACE, larger, FakePainter()).tile == 0


@pytest.mark.parametrize("free", [40.0, None])
def test_what_was_begun_in_parts_goes_on_in_them_whatever_is_free_now(run: Run, free: float | None) -> None:
    painter = FakePainter()
    painter.free = free
    done = finish_set(run, chosen(), [replace(LARGER, tile=32)], FakePainter())
    again = in_tiles_where_needed(run, PLACE, LARGER, painter)
    assert finish_set(run, chosen(), [again], FakePainter()).seeds == done.seeds
    other = replace(LARGER, strength=0.5)
    assert in_tiles_where_needed(run, PLACE, other, painter) == other


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (FinishingWish(refine=0.3, size=100), "size: .*multiple of 32"),
        (FinishingWish(refine=0.3, size=4096), "size: .*2048"),
        (FinishingWish(refine=0.0), "strength: "),
        (FinishingWish(refine=float("nan")), "strength: "),
        (FinishingWish(refine=float("inf")), "strength: "),
        (FinishingWish(refine=-0.1), "strength: "),
        (FinishingWish(refine=0.3, size=-32), "size: "),
        (FinishingWish(upscale="mini", size=0), "size: "),
        (
            FinishingWish(upscale="mini", size=32),
            "the picture has 32 pixels a side and would have 32: give a",
        ),
        (FinishingWish(size=64), "is for --upscale and --refine"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_drawn(run: Run, wish, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        plan_finishing(run, wish)


def test_a_run_of_finals_with_nothing_to_do_says_what_comes_next(run: Run) -> None:
    with pytest.raises(RunError, match=r"it is final already: `storykit pack .*--upscale or --refine"):
        plan_finishing(run, FinishingWish())


def test_a_face_that_was_restored_in_a_mask_is_kept_like_any_repair(run: Run) -> None:
    mask = Image.new("L", (32, 32))
    mask.paste(255, (8, 8, 24, 24))
    kept = keep_mask(run, mask)
    place = dict(zip(("candidate", "order", "story"), PLACE, strict=True))
    cleaned = Restore(finisher=embedded_network(), mask=kept)
    keep_repair(run, Repair(**place, panel=3, number=7, source=1, step=cleaned))
    keep_repair(run, Repair(**place, panel=4, number=7, source=0, step=Restore(finisher=embedded_network())))
    seeds = (*SEEDS[:2], 7, 7, *SEEDS[4:])
    assert unfinished(run, chosen(seeds)).seeds == (*SEEDS[:2], 7, *SEEDS[3:])


def test_a_finished_set_is_repaired_as_it_was_before_and_that_is_said(run: Run) -> None:
    finish_set(run, chosen(), [LARGER], FakePainter())
    asked = asked_repair(run, EntryPlan(), 3, Redraw(seed=5, strength=0.5))
    assert (asked.wish.source, asked.seeds) == (Slot(*PLACE, SEEDS[2], 3), SEEDS)
    assert len(list(finished_said(run, PLACE))) == 1
    [made] = repair(run, FakePainter(), asked.wish)
    rows = {row.slot: row.sha256 for row in run.rows()}
    change_picks(run, PLACE, lambda picks: replace(picks, keep=()))
    for panel, seed in enumerate((*SEEDS[:2], made.repair.number, *SEEDS[3:]), 1):
        sha256 = rows[Slot(*PLACE, seed, panel)]
        change_picks(run, PLACE, lambda picks, at=(panel, seed, sha256): picks.keeping(*at))
    assert list(finished_said(run, PLACE)) == []


def test_no_picture_is_made_smaller(run: Run) -> None:
    larger, made = finish_set(run, chosen(), [LARGER], FakePainter()), len(run.rows())
    slot, smaller = Slot(*PLACE, larger.seeds[2], 3), Refine(seed=0, strength=0.3, size=32)
    with pytest.raises(InputError, match="the picture has 64 pixels a side and would have 32: give a larger"):
        finish_pictures(run, FakePainter(), [slot], smaller)
    assert len(run.rows()) == made


def test_what_is_packed_is_the_finished_set_of_the_seed_that_the_team_decided_on(run: Run) -> None:
    keep_decisions(run, Decisions(candidate="base", seed=1, team="云上画师"), "一只小猫的故事。")
    done = finish_set(run, chosen_set(run, EntryPlan()), [LARGER], FakePainter())
    assert done.before.seeds == (1,) * 8
    assert read_decisions(run) == Decisions(candidate="base", team="云上画师")
    assert (run.folder / "introduction.md").read_text("utf-8") == "一只小猫的故事。\n"
    assert chosen_set(run, EntryPlan()).seeds == done.seeds
    keep_decisions(run, Decisions(candidate="base", seed=0), "")
    finish_set(run, chosen_set(run, EntryPlan(seed=1)), [LARGER], FakePainter())
    assert read_decisions(run).seed == 0, "another set was finished than the one that was decided on"


def test_of_a_run_in_which_nothing_or_too_little_is_chosen_no_set_is_finished(run: Run) -> None:
    with pytest.raises(RunError, match="nothing is chosen of base authored cat yet: first `storykit cast "):
        chosen_set(run, EntryPlan())
    assert chosen_set(run, EntryPlan(seed=1)).seeds == (1,) * 8


def test_a_set_of_one_seed_needs_no_choice_but_one_that_was_begun_is_ended_first(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    [made] = repair(
        run, FakePainter(), RepairWish(source=Slot(*PLACE, 0, 3), step=Redraw(seed=1, strength=0.5))
    )
    assert chosen_set(run, EntryPlan()).seeds == (0,) * 8
    rows = {row.slot: row.sha256 for row in run.rows()}
    change_picks(run, PLACE, lambda picks: picks.keeping(3, made.repair.number, rows[made.repair.slot]))
    with pytest.raises(RunError, match="nothing is chosen of base authored cat yet"):
        chosen_set(run, EntryPlan())
