"""Two axes of a run on one sheet: whose pictures stand where, what they are called, which axes there are."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from command import said, tell
from fakes import FakePainter, make_run, toy_lora, write_story
from PIL import Image

from kit.errors import RunError
from kit.experiment.run import Run, Slot
from kit.generation.generate import generate
from storykit.grid import AxisName, GridWish, PictureGrid, grid_axes, picture_grid
from storykit.sharing import grid_picture

STEPS = '[[candidate]]\nname = "水墨"\nlora = "steps/*.safetensors"\nstrengths = [0.5, 1.0]\n'
WASH = '[[candidate]]\nname = "wash"\nlora = "mini:watercolour"\nstrengths = [0.5, 1.0]\n'
BASE = '[[candidate]]\nname = "base"\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two saved steps of one LoRA and another, each at two strengths, and the base behind them."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "steps").mkdir()
    for step in (1000, 300):
        toy_lora(folder / "steps" / f"ink-{step}.safetensors", scale=step / 1000)
    made = make_run(folder, head="seeds = [4, 5]", candidates=STEPS + WASH + BASE)
    generate(made, [FakePainter()])
    return made


def grid(run: Run, rows: AxisName, columns: AxisName, **named: object) -> PictureGrid:
    return picture_grid(run, GridWish(rows=rows, columns=columns, **named), "en")


def names(shown: PictureGrid) -> list[list[str | None]]:
    return [[slot and slot.candidate for slot in row] for row in shown.slots]


def test_candidates_stand_in_rows_the_one_without_a_lora_first(run: Run) -> None:
    shown = grid(run, "candidate", "seed", panel=3)
    assert shown.rows[:3] == ("base (no LoRA)", "水墨-300-50", "水墨-300-100")
    assert shown.columns == ("seed 4", "seed 5")
    assert shown.slots[1] == tuple(Slot("水墨-300-50", "authored", "cat", seed, 3) for seed in (4, 5))
    assert (shown.title, shown.subtitle) == ("toy", "panel 3")


def test_steps_and_strengths_are_those_of_one_lora_and_the_bare_base_is_a_row(run: Run) -> None:
    shown = grid(run, "step", "strength", seed=5)
    assert shown.rows == ("no LoRA", "step 300", "step 1000")
    assert shown.columns == ("strength 0.5", "strength 1")
    assert names(shown) == [
        ["base", "base"],
        ["水墨-300-50", "水墨-300-100"],
        ["水墨-1000-50", "水墨-1000-100"],
    ]
    assert shown.subtitle == "水墨 · seed 5 · panel 1"
    across = grid(run, "seed", "step", candidate="水墨-300-100")
    assert across.columns == ("no LoRA", "step 300", "step 1000")
    assert names(across)[0] == ["base", "水墨-300-100", "水墨-1000-100"]
    assert across.subtitle == "水墨 · strength 1 · panel 1"


def test_candidate_and_strength_are_every_lora_at_every_strength(tmp_path: Path) -> None:
    ink = WASH.replace("wash", "ink").replace("1.0]", "0.8]")
    made = make_run(tmp_path, candidates=ink + WASH)
    shown = grid(made, "candidate", "strength")
    assert (shown.rows, shown.columns) == (("ink", "wash"), ("strength 0.5", "strength 0.8", "strength 1"))
    assert names(shown) == [["ink-50", "ink-80", None], ["wash-50", None, "wash-100"]]


def test_stories_orders_and_panels_are_axes_of_one_candidate(tmp_path: Path) -> None:
    write_story(tmp_path / "dog.toml")
    head = 'stories = ["cat.toml", "dog.toml"]\norders = ["authored", "reversed"]'
    made = make_run(tmp_path, head=head)
    shown = grid(made, "story", "panel", order="reversed")
    assert [slot.story for slot in shown.slots[1] if slot] == ["dog"] * 8
    assert shown.columns[7] == "panel 8"
    assert (shown.title, shown.subtitle) == ("", "base (no LoRA) · reversed · seed 0")
    assert grid(made, "order", "panel", story="dog").rows == ("authored", "reversed")


def test_labels_are_in_the_language_that_is_asked_for(run: Run) -> None:
    shown = picture_grid(run, GridWish(rows="step", columns="seed", candidate="水墨-300-100"), "zh")
    assert shown.rows == ("无 LoRA", "第 300 步", "第 1000 步")
    assert shown.columns == ("种子 4", "种子 5")
    assert shown.subtitle == "水墨 · 强度 1 · 第 1 格"


@pytest.mark.parametrize(
    ("rows", "columns", "named", "told"),
    [
        ("consistency", "seed", {}, "no candidates of the run differ in consistency alone"),
        ("story", "seed", {}, "the run has story cat alone, so there is no such axis"),
        ("order", "seed", {}, "the run has order authored alone"),
        (
            "strength",
            "seed",
            {},
            "several sets of candidates differ so, name one of yours with --candidate: 水",
        ),
        ("step", "seed", {"candidate": "wash-50"}, "no candidates of the run differ in step alone"),
        ("step", "seed", {"candidate": "wsh-50"}, "has no candidate 'wsh-50', it has 水墨-300-50"),
        ("seed", "panel", {}, "the run has several candidates, name one: 水墨-300-50"),
        (
            "seed",
            "panel",
            {"candidate": "base", "seed": 4},
            "seed is an axis of the grid, so leave out --seed",
        ),
        ("candidate", "seed", {"candidate": "base"}, "candidate is an axis of the grid, so leave out"),
        ("candidate", "panel", {"seed": 9}, "the run has no seed 9, it has 4, 5"),
        ("candidate", "seed", {"panel": 9}, "panel must be from 1 to 8, got 9"),
    ],
)
def test_an_axis_that_the_run_does_not_have_is_refused_in_one_line(
    run: Run, rows: AxisName, columns: AxisName, named: dict[str, object], told: str
) -> None:
    with pytest.raises(RunError) as refused:
        grid(run, rows, columns, **named)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_run_without_saved_steps_says_how_to_have_some(tmp_path: Path) -> None:
    made = make_run(tmp_path, head="seeds = [0, 1]", candidates=BASE + WASH)
    with pytest.raises(
        RunError, match=r'is a saved step; a pattern such as lora = "my/steps/\*\.safetensors"'
    ):
        grid(made, "step", "seed")
    with pytest.raises(RunError, match="none of these pictures is drawn"):
        grid_picture(made, GridWish(rows="candidate", columns="seed"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("candidate,sed", "a grid has no axis 'sed', it has candidate, step, .*, did you mean seed"),
        ("candidate", "a grid has two axes, as candidate,seed, got 'candidate'"),
        ("seed,seed", "a grid has two axes"),
        ("seed,panel,story", "a grid has two axes"),
    ],
)
def test_axes_are_two_that_a_grid_has(text: str, told: str) -> None:
    assert grid_axes("candidate，seed") == ("candidate", "seed")
    with pytest.raises(RunError, match=told):
        grid_axes(text)


def test_each_picture_is_the_panel_of_its_row_and_column(run: Run) -> None:
    wish = GridWish(rows="seed", columns="panel", candidate="wash-100")
    drawn = grid_picture(run, wish)
    sheet = np.asarray(Image.open(BytesIO(drawn.jpeg)).convert("RGB")).astype(int)
    side = (drawn.width - 32) // 8  # eight columns fill all but the labels
    right, lower = drawn.width - 32, drawn.height - 32
    for row, seed in enumerate((4, 5)):
        for panel in (1, 8):
            with Image.open(run.panel_path("wash-100", "authored", "cat", seed, panel)) as picture:
                corner = np.asarray(picture.convert("RGB")).astype(int)[-2, -2]
            at = right - 6 - (8 - panel) * 408, lower - 6 - (1 - row) * 408
            assert side > 400
            assert np.abs(sheet[at[1], at[0]] - corner).max() < 12, (seed, panel)


def test_the_command_writes_the_sheet_alone_and_says_where_it_is(run: Run, tmp_path: Path) -> None:
    told = said("share", run.folder, "--grid", "candidate,seed", "--panel", 2, "--out", tmp_path)
    assert str(tmp_path / "grid-candidate-seed.jpg") in told
    assert [path.name for path in tmp_path.iterdir()] == ["grid-candidate-seed.jpg"]
    for options, why in (
        (("--grid", "candidate,seed", "--slides"), "--grid writes one picture alone"),
        (("--panel", "2"), "--panel says which panel a grid shows: add --grid"),
    ):
        answer = tell("share", run.folder, *options, "--out", tmp_path)
        assert answer.code == 2
        assert why in " ".join(answer.err.split())


def test_labels_that_no_font_here_can_write_are_numbers(tmp_path: Path) -> None:
    letters = "\N{EGYPTIAN HIEROGLYPH A001}"
    made = make_run(tmp_path, head="seeds = [0, 1]", candidates=BASE.replace("base", letters))
    generate(made, [FakePainter()])
    told = tell("share", made.folder, "--grid", "seed,panel").out
    assert "rows and columns have numbers only: no font here has their letters" in told
