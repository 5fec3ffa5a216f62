import pytest
from fakes import (
    INK_CANDIDATES,
    FakePainter,
    HeardProgress,
    fake_picture,
    ink_run,
    make_run,
    pictures_of,
    toy_base,
    toy_lora,
    write_story,
)
from PIL import Image

from kit.errors import RunError
from kit.files.encodings import sha256_of
from kit.generation.generate import generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.images.thumbnails import SHEET_SIDE, thumbnail_path
from kit.models.base import load_base


def test_every_wanted_panel_is_drawn_and_has_its_row(tmp_path):
    run = make_run(tmp_path, 'seeds = [0, 3]\norders = ["authored", "reversed"]')
    report = generate(run, [FakePainter()])
    assert (report.drawn, report.kept) == (32, 0)
    assert [row.slot for row in run.rows()] == list(run.wanted())
    for row in run.rows():
        assert run.folder / row.file == run.panel_path(*row.slot)
        assert sha256_of(run.folder / row.file) == row.sha256


def test_what_is_drawn_has_its_small_copy_for_those_who_look(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    for row in run.rows():
        assert thumbnail_path(run.folder, row.sha256, SHEET_SIDE).is_file()


def test_a_second_call_draws_nothing_and_changes_nothing(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    before, rows = pictures_of(run), run.rows_path.read_bytes()
    painter = FakePainter()
    report = generate(run, [painter])
    assert (report.drawn, report.kept) == (0, 8)
    assert painter.batches == []
    assert painter.read_prompts == []
    assert (pictures_of(run), run.rows_path.read_bytes()) == (before, rows)


def test_what_a_killed_write_left_is_swept_away(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    panel = next(run.folder.rglob("*.png"))
    (panel.parent / ".0123456789abcdef.part").write_bytes(b"half a picture")
    generate(run, [FakePainter()])
    assert [path.name for path in panel.parent.iterdir() if path.suffix != ".png"] == []


def test_a_stopped_run_goes_on_where_it_stopped_and_ends_the_same(tmp_path):
    whole = make_run(tmp_path / "whole", "seeds = [0, 1]\nbatch = 3")
    generate(whole, [FakePainter()])
    run = make_run(tmp_path / "stopped", "seeds = [0, 1]\nbatch = 3")
    painter = FakePainter()
    painter.stop_before_batch = 2
    with pytest.raises(RunError, match="stopped: 6 of 16 panels are there; run the same command to go on"):
        generate(run, [painter])
    assert len(pictures_of(run)) == 6
    report = generate(run, [FakePainter()])
    assert (report.drawn, report.kept) == (10, 6)
    assert pictures_of(run) == pictures_of(whole)


@pytest.mark.parametrize("harm", ["delete", "overwrite", "tear"])
def test_a_picture_that_was_lost_or_changed_is_drawn_again(tmp_path, harm):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    before = pictures_of(run)
    path = run.panel_path("base", "authored", "cat", 0, 5)
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(b"other" if harm == "overwrite" else path.read_bytes()[:-20])
    assert generate(run, [FakePainter()]).drawn == 1
    assert {file: data for file, data in pictures_of(run).items() if file.startswith("panels/")} == before


def test_a_picture_without_its_row_is_drawn_again(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    lines = run.rows_path.read_bytes().splitlines(keepends=True)
    run.rows_path.write_bytes(b"".join(lines[:-1]) + lines[-1][:30])
    assert generate(run, [FakePainter()]).drawn == 1
    assert len(run.rows()) == 8


@pytest.mark.parametrize(
    "head",
    ["steps = 3", "cfg = 5.0", "size = 64", 'noise = "contest"', "seeds = [9]", 'orders = ["reversed"]'],
)
def test_changing_what_shapes_a_picture_draws_it_again(tmp_path, head):
    write_story(tmp_path / "cat.toml", [f"小猫{n}，睡觉{n}" for n in range(8)])
    generate(make_run(tmp_path), [FakePainter()])
    assert generate(make_run(tmp_path, head), [FakePainter()]).drawn == 8


def test_other_weights_draw_again_and_other_batches_do_not(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter("a")])
    assert generate(make_run(tmp_path, "batch = 2"), [FakePainter("a")]).drawn == 0
    assert generate(run, [FakePainter("b")]).drawn == 8


def test_more_seeds_keep_the_panels_that_are_there(tmp_path):
    generate(make_run(tmp_path, "seeds = [1]"), [FakePainter()])
    report = generate(make_run(tmp_path, "seeds = [0, 1, 2]"), [FakePainter()])
    assert (report.drawn, report.kept) == (16, 8)


def test_panels_with_the_same_recipe_are_drawn_once_and_are_the_same_file(tmp_path):
    write_story(tmp_path / "cat.toml", ["小猫"] * 3)
    run = make_run(tmp_path, 'orders = ["authored", "style-last"]')
    painter = FakePainter()
    report = generate(run, [painter])
    assert (report.drawn, report.kept) == (6, 10)
    assert len(set(painter.drawn)) == 6
    assert len(run.rows()) == 16
    assert len(set(pictures_of(run).values())) == 6


def test_a_panel_that_another_run_of_orders_already_drew_is_copied(tmp_path):
    generate(make_run(tmp_path), [FakePainter()])
    painter = FakePainter()
    report = generate(make_run(tmp_path, 'orders = ["authored", "style-last"]'), [painter])
    assert (report.drawn, report.kept, painter.batches) == (0, 16, [])


def test_two_candidates_that_change_names_keep_their_own_pictures(tmp_path):
    def swapped(first: float, second: float) -> str:
        lora = 'lora = "ink.safetensors"\nstrength ='
        return f'[[candidate]]\nname = "a"\n{lora} {first}\n[[candidate]]\nname = "b"\n{lora} {second}\n'

    generate(ink_run(tmp_path, candidates=swapped(1.0, 0.5)), [FakePainter()])
    run = ink_run(tmp_path, candidates=swapped(0.5, 1.0))
    generate(run, [FakePainter()])
    for row in run.rows():
        with Image.open(run.folder / row.file) as picture:
            assert picture.tobytes() == fake_picture(row.key, 32).tobytes()
    first, second = ({row.key for row in run.rows() if row.candidate == name} for name in "ab")
    assert not first & second


def test_prompts_are_read_once_before_the_first_picture(tmp_path):
    write_story(tmp_path / "cat.toml", negative="模糊")
    painter = FakePainter()
    painter.stop_before_batch = 0
    with pytest.raises(RunError, match="0 of 8"):
        generate(make_run(tmp_path), [painter])
    assert {"模糊", "小猫，第1天，在公园里", "小猫，第8天，在公园里"} <= set(painter.read_prompts)


def test_candidates_are_drawn_one_after_the_other_each_in_its_lora(tmp_path):
    painter = FakePainter()
    run = ink_run(tmp_path, "batch = 5")
    generate(run, [painter])
    ink = str(run.folder / "loras" / "ink.safetensors")
    assert painter.worn == [(None, 1.0), (ink, 0.8)]
    generate(make_run(tmp_path, "seeds = [0, 1]", INK_CANDIDATES), [painter])
    assert painter.worn[2:] == [(None, 1.0), (ink, 0.8)], "whatever it wore before"


def test_a_picture_that_fails_is_a_fault_with_its_reason_and_the_others_are_there(tmp_path):
    painter = FakePainter()
    painter.fail_on = "第5天"
    run = make_run(tmp_path, "batch = 2")
    report = generate(run, [painter])
    file = "panels/base/authored/cat/seed-0/5.png"
    assert report.faults == run.faults() == {file: "its numbers are not finite"}
    assert (report.drawn, report.kept) == (7, 0)
    assert len(pictures_of(run)) == len(run.rows()) == 7
    assert not (run.folder / file).exists()


def test_a_fault_is_noted_even_when_the_run_is_stopped_after_it(tmp_path):
    painter = FakePainter()
    painter.fail_on, painter.stop_before_batch = "第2天", 1
    run = make_run(tmp_path)
    with pytest.raises(RunError, match="stopped: 3 of 8 panels are there"):
        generate(run, [painter])
    file = "panels/base/authored/cat/seed-0/2.png"
    assert run.faults() == {file: "its numbers are not finite"}
    painter.batches, painter.stop_before_batch = [], 0
    with pytest.raises(RunError, match="stopped: 3 of 8"):
        generate(run, [painter])
    assert file in run.faults()


def test_a_fault_is_tried_again_and_forgotten_once_it_is_drawn(tmp_path):
    painter = FakePainter()
    painter.fail_on = "第5天"
    run = make_run(tmp_path)
    generate(run, [painter])
    assert generate(run, [painter]).faults
    painter.fail_on = ""
    report = generate(run, [painter])
    assert (report.drawn, report.kept, report.faults, run.faults()) == (1, 7, {}, {})


def test_progress_hears_what_is_there_and_each_batch(tmp_path):
    generate(make_run(tmp_path, "batch = 3"), [FakePainter()])
    heard = HeardProgress()
    generate(make_run(tmp_path, "batch = 3\nseeds = [0, 1]"), [FakePainter()], heard)
    assert heard.began == (16, 8)
    assert heard.steps == [3, 3, 2]


def test_only_the_panels_that_are_asked_for_are_drawn_and_the_rest_stays_to_be_drawn(tmp_path):
    run, heard, painter = make_run(tmp_path, "seeds = [0, 1]"), HeardProgress(), FakePainter()
    wanted = [slot for slot in run.wanted() if slot.panel in (3, 6)]
    report = generate(run, [painter], heard, only=wanted)
    assert (report.drawn, report.kept, heard.began) == (4, 0, (4, 0))
    assert {row.slot for row in run.rows()} == set(wanted)
    assert [len(batch) for batch in painter.batches] == [2, 2]
    assert generate(run, [FakePainter()], only=wanted).drawn == 0
    assert generate(run, [FakePainter()]).drawn == 12


def test_what_is_said_of_other_panels_stays_when_some_are_drawn(tmp_path):
    painter = FakePainter()
    painter.fail_on = "第5天"
    run = make_run(tmp_path)
    generate(run, [painter], only=[slot for slot in run.wanted() if slot.panel > 4])
    assert set(run.faults()) == {"panels/base/authored/cat/seed-0/5.png"}
    generate(run, [painter], only=[slot for slot in run.wanted() if slot.panel < 5])
    assert set(run.faults()) == {"panels/base/authored/cat/seed-0/5.png"}
    generate(run, [FakePainter()], only=[slot for slot in run.wanted() if slot.panel == 5])
    assert run.faults() == {}


def test_a_stopped_drawing_of_some_panels_counts_those_alone(tmp_path):
    run, painter = make_run(tmp_path, "seeds = [0, 1]\nbatch = 1"), FakePainter()
    painter.stop_before_batch = 1
    with pytest.raises(RunError, match="stopped: 1 of 2 panels are there"):
        generate(run, [painter], only=[slot for slot in run.wanted() if slot.panel == 3])


def test_the_same_experiment_gives_the_same_bytes_in_two_folders(tmp_path):
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "other")
    generate(one, [FakePainter()])
    generate(other, [FakePainter()])
    assert pictures_of(one) == pictures_of(other)


def test_an_unwritable_folder_is_one_line(tmp_path):
    run = make_run(tmp_path)
    (run.folder / "panels").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written") as refused:
        generate(run, [FakePainter()])
    assert "\n" not in str(refused.value)


def test_the_real_painter_fills_a_run_and_a_lora_shows(tmp_path):
    toy_lora(tmp_path / "ink.safetensors", scale=0.5)
    run = make_run(tmp_path, "size = 64", INK_CANDIDATES)
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    report = generate(run, [painter])
    assert report.drawn == 16
    by_panel = {row.slot[0::4]: row.sha256 for row in run.rows()}
    for panel in range(1, 9):
        assert by_panel["base", panel] != by_panel["ink", panel]
    assert generate(run, [painter]).drawn == 0


def test_a_lora_is_read_once_and_drawing_goes_on_with_what_was_read(tmp_path):
    run = ink_run(tmp_path)

    class Spoiler(FakePainter):
        def encode_prompts(self, prompts):
            (run.folder / "loras" / "ink.safetensors").unlink()
            super().encode_prompts(prompts)

        def set_lora(self, lora, strength):
            self.ranks.append(lora and lora.rank)

    painter = Spoiler()
    painter.ranks = []
    assert generate(run, [painter]).drawn == 16
    assert painter.ranks == [None, 2]
