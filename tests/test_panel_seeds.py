"""Sets that are put together of several seeds, from the experiment to the batches of a bundle."""

from pathlib import Path

import pytest
from fakes import FakePainter, make_run, pictures_of

from kit.errors import InputError
from kit.experiment.extras.extra_pictures import fresh_seeds
from kit.experiment.run import Run
from kit.generation.batching import recorded_batches
from kit.generation.generate import generate

SEEDS = (3, 1, 3, 0, 1, 1, 3, 0)
CHOSEN = f"seeds = [9]\npanel_seeds = [{list(SEEDS)}]\n"


def drawn(folder: Path, head: str, painter: FakePainter | None = None) -> Run:
    run = make_run(folder, head)
    generate(run, [painter or FakePainter()])
    return run


@pytest.mark.parametrize("own", ["", "noise_per_panel = true\n", "consistency = 0.5\n"])
def test_a_panel_is_the_picture_that_its_own_seed_draws(tmp_path: Path, own: str) -> None:
    chosen = drawn(tmp_path / "chosen", own + CHOSEN)
    each = drawn(tmp_path / "each", own + "seeds = [0, 1, 3]")
    there = pictures_of(each)
    pictures = pictures_of(chosen)
    assert len(pictures) == 8
    for panel, seed in enumerate(SEEDS, 1):
        place = "panels/base/authored/cat/seed-{}/{}.png"
        assert pictures[place.format(9, panel)] == there[place.format(seed, panel)]
    keys = {row.slot[3:]: row.key for row in each.rows()}
    assert [row.key for row in sorted(chosen.rows(), key=lambda row: row.panel)] == [
        keys[seed, panel] for panel, seed in enumerate(SEEDS, 1)
    ]


def test_panels_of_one_seed_are_drawn_together_as_a_bundle_says_of_a_batch(tmp_path: Path) -> None:
    painter = FakePainter()
    run = drawn(tmp_path, CHOSEN, painter)
    together = [[one.seed for one in batch] for batch in painter.batches]
    assert together == [[3, 3, 3], [1, 1, 1], [0, 0]]
    assert [[row.recipe_seed for row in batch.rows] for batch in recorded_batches(run)] == together


def test_panels_with_noise_of_their_own_are_drawn_together(tmp_path: Path) -> None:
    painter = FakePainter()
    drawn(tmp_path, "noise_per_panel = true\n" + CHOSEN, painter)
    assert [[one.seed for one in batch] for batch in painter.batches] == [[31, 12, 33, 4], [15, 16, 37, 8]]


def test_two_sets_draw_once_what_both_have(tmp_path: Path) -> None:
    painter = FakePainter()
    other = [5, *SEEDS[1:]]
    drawn(tmp_path, f"seeds = [9, 10]\npanel_seeds = [{list(SEEDS)}, {other}]\n", painter)
    assert [[one.seed for one in batch] for batch in painter.batches] == [[3, 3, 3], [1, 1, 1], [0, 0], [5]]


def test_what_no_chosen_panel_has_is_a_fresh_seed(tmp_path: Path) -> None:
    fresh = fresh_seeds(make_run(tmp_path, f"seeds = [0]\npanel_seeds = [{list(SEEDS)}]\n"))
    assert [next(fresh) for _ in range(2)] == [2, 4]


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (
            "seeds = [0, 1]\npanel_seeds = [[1, 1, 1, 1, 1, 1, 1, 1]]",
            "panel_seeds: must be one row for each of the seeds, which then number the sets, got 1 rows and "
            "2 seeds; delete panel_seeds to draw every seed's own eight panels",
        ),
        ("panel_seeds = [[1, 2]]", "panel_seeds[1]: must have at least 8 items, not 2"),
        ("panel_seeds = [[1, 2, 3, 4, 5, 6, 7, 8, 9]]", "panel_seeds[1]: must have at most 8 items, not 9"),
        ("panel_seeds = [[-1, 2, 3, 4, 5, 6, 7, 8]]", "panel_seeds[1][1]: must be at least 0, got -1"),
        (
            "noise_per_panel = true\npanel_seeds = [[1_000_000_000_000_000_000, 2, 3, 4, 5, 6, 7, 8]]",
            "panel_seeds: must be at most 922337203685477579 where noise_per_panel writes the panel's",
        ),
    ],
)
def test_seeds_that_make_no_set_are_refused_in_one_line(tmp_path: Path, head: str, fault: str) -> None:
    with pytest.raises(InputError) as refusal:
        make_run(tmp_path, head)
    [told] = refusal.value.faults
    assert told.startswith(fault)


def test_a_set_matches_pictures_that_are_in_none(tmp_path: Path) -> None:
    run = make_run(tmp_path, "anchor_seed = 7\nconsistency = 0.5\n" + CHOSEN)
    assert run.loaded.experiment.anchor_seed == 7
    assert "panel_seeds" not in make_run(tmp_path / "plain").experiment_path.read_text("utf-8")
