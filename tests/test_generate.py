import json
import shutil
from pathlib import Path

import pytest
import torch
from fakes import FakePainter, fake_picture, make_run, toy_base, toy_lora, write_story
from PIL import Image

from kit.errors import InputError, LoraError, RunError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.generation.generate import generate
from kit.generation.kolors_painter import KolorsPainter
from kit.generation.recipe import check_drawable
from kit.lora.lora import load_lora
from kit.models.base import load_base

INK = '[[candidate]]\nname = "base"\n[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\nstrength = 0.8\n'


class Heard:
    """A progress that remembers what it heard."""

    def __init__(self) -> None:
        self.began: tuple[int, int] | None = None
        self.steps: list[int] = []

    def begin(self, total: int, done: int) -> None:
        self.began = (total, done)

    def advance(self, count: int) -> None:
        self.steps.append(count)


def ink_run(folder: Path, head: str = "", candidates: str = INK) -> Run:
    folder.mkdir(exist_ok=True)
    toy_lora(folder / "ink.safetensors")
    return make_run(folder, head, candidates)


def files(run: Run) -> dict[str, bytes]:
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in run.folder.rglob("*.png")}


def test_every_wanted_panel_is_drawn_and_has_its_row(tmp_path):
    run = make_run(tmp_path, 'seeds = [0, 3]\norders = ["authored", "reversed"]')
    report = generate(run, [FakePainter()])
    assert (report.drawn, report.kept) == (32, 0)
    assert [run.slot_of(row) for row in run.rows()] == list(run.wanted())
    for row in run.rows():
        assert run.folder / row.file == run.panel_path(*run.slot_of(row))
        assert sha256_of(run.folder / row.file) == row.sha256


def test_a_second_call_draws_nothing_and_changes_nothing(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    before, rows = files(run), run.rows_path.read_bytes()
    painter = FakePainter()
    report = generate(run, [painter])
    assert (report.drawn, report.kept) == (0, 8)
    assert painter.batches == []
    assert painter.read_prompts == []
    assert (files(run), run.rows_path.read_bytes()) == (before, rows)


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
    assert len(files(run)) == 6
    report = generate(run, [FakePainter()])
    assert (report.drawn, report.kept) == (10, 6)
    assert files(run) == files(whole)


@pytest.mark.parametrize("harm", ["delete", "overwrite", "tear"])
def test_a_picture_that_was_lost_or_changed_is_drawn_again(tmp_path, harm):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    before = files(run)
    path = run.panel_path("base", "authored", "cat", 0, 5)
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(b"other" if harm == "overwrite" else path.read_bytes()[:-20])
    assert generate(run, [FakePainter()]).drawn == 1
    assert files(run) == before


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
    assert len(set(files(run).values())) == 6


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


def test_batches_hold_as_many_pictures_as_the_experiment_says(tmp_path):
    painter = FakePainter()
    generate(make_run(tmp_path, "batch = 3"), [painter])
    assert [len(batch) for batch in painter.batches] == [3, 3, 2]


def test_candidates_are_drawn_one_after_the_other_each_in_its_lora(tmp_path):
    painter = FakePainter()
    run = ink_run(tmp_path, "batch = 5")
    generate(run, [painter])
    ink = str(run.folder / "loras" / "ink.safetensors")
    assert painter.worn == [(None, 1.0), (ink, 0.8)]
    generate(make_run(tmp_path, "seeds = [0, 1]", INK), [painter])
    assert painter.worn[2:] == [(None, 1.0), (ink, 0.8)], "whatever it wore before"


def test_a_run_that_goes_on_draws_in_the_batches_it_began_with(tmp_path):
    painter = FakePainter()
    painter.stop_before_batch = 1
    run = make_run(tmp_path)
    with pytest.raises(RunError, match="4 of 8"):
        generate(run, [painter])
    fuller = FakePainter()
    fuller.takes = 1
    generate(run, [fuller])
    assert ([len(batch) for batch in fuller.batches], fuller.settled) == ([4], [])


def test_a_note_of_batches_that_is_not_ours_is_written_anew(tmp_path):
    run = make_run(tmp_path)
    for spoilt in ("[]", '{"asked": {}}'):
        (run.folder / "batching.json").write_text(spoilt)
        shutil.rmtree(run.folder / "panels", ignore_errors=True)
        painter = FakePainter()
        generate(run, [painter])
        assert painter.settled == [8]
        assert run.read_json("batching.json")["settled"] == {"panels": 4, "compiled": False}


@pytest.mark.parametrize("head", ["seeds = [0, 1]", "steps = 3", 'memory = "low"', "batch = 2"])
def test_a_run_that_is_to_be_drawn_otherwise_settles_its_batches_anew(tmp_path, head):
    generate(make_run(tmp_path), [FakePainter()])
    painter = FakePainter()
    run = make_run(tmp_path, head)
    run.panel_path("base", "authored", "cat", 0, 3).unlink()
    generate(run, [painter])
    assert len(painter.settled) == 1


def test_another_device_settles_its_own_batches(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    shutil.rmtree(run.folder / "panels")
    other = FakePainter()
    other.hardware = "NVIDIA H200"
    generate(run, [other])
    assert other.settled == [8]


def test_several_painters_share_the_batches_and_give_the_same_files(tmp_path):
    head = "seeds = [0, 1, 2]\nbatch = 3"
    one, other = (ink_run(tmp_path / name, head) for name in ("one", "two"))
    generate(one, [FakePainter()])
    crew = [FakePainter(), FakePainter()]
    heard = Heard()
    report = generate(other, crew, heard)
    assert (report.drawn, heard.began, sum(heard.steps)) == (48, (48, 0), 48)
    assert files(one) == files(other)
    assert {row.file: row.sha256 for row in one.rows()} == {row.file: row.sha256 for row in other.rows()}
    assert sum(len(painter.drawn) for painter in crew) == 48, "each picture is drawn once"
    assert crew[0].settled == crew[1].settled == [24], "each loads what it needs for its share"
    assert crew[0].read_prompts == crew[1].read_prompts


def test_an_error_of_one_of_several_painters_ends_the_run_and_keeps_what_is_there(tmp_path):
    run = make_run(tmp_path, "seeds = [0, 1, 2, 3]")
    broken = FakePainter()
    broken.lost_after = 0
    with pytest.raises(RunError, match="the process has ended"):
        generate(run, [FakePainter(), broken])
    there = len(files(run))
    assert there == len(run.rows())
    report = generate(run, [FakePainter()])
    assert (report.drawn, report.kept) == (32 - there, there)


def test_several_loras_are_drawn_with_as_their_sum(tmp_path):
    toy_lora(tmp_path / "a.safetensors", scale=0.3)
    toy_lora(tmp_path / "b.safetensors", scale=0.2, rank=3)
    stack = '[{ file = "a.safetensors", strength = 0.5 }, { file = "b.safetensors" }]'
    run = make_run(tmp_path, candidates=f'[[candidate]]\nname = "both"\nlora = {stack}\n')
    [candidate] = run.loaded.experiment.candidates
    worn = load_lora(Path(candidate.lora))
    one, other = (load_lora(tmp_path / f"{name}.safetensors") for name in "ab")
    for layer, (down, up) in worn.pairs.items():
        parts = [(0.5, one), (1.0, other)]
        expected = sum(
            s * lora.scale * (lora.pairs[layer].up.float() @ lora.pairs[layer].down.float())
            for s, lora in parts
        )
        torch.testing.assert_close(worn.scale * (up @ down), expected)
    assert worn.notes["merged_from"] == f"{one.sha256} x 0.5 + {other.sha256} x 1"
    report = generate(run, [KolorsPainter(load_base(toy_base()), "cpu")])
    assert report.drawn == 8
    assert run.read_json("run.json")["candidates"]["both"]["rank"] == 5


def test_one_of_several_loras_that_does_not_fit_is_refused(tmp_path):
    write_story(tmp_path / "cat.toml")
    toy_lora(tmp_path / "a.safetensors")
    toy_lora(tmp_path / "wide.safetensors")
    painter = FakePainter()
    painter.refuse_lora = "wide"
    stack = '[{ file = "a.safetensors" }, { file = "wide.safetensors" }]'
    experiment = tmp_path / "stacked.toml"
    experiment.write_text(
        f'stories = ["cat.toml"]\nseeds = [0]\n[[candidate]]\nname = "both"\nlora = {stack}\n'
    )
    with pytest.raises(LoraError, match=r"wide\.safetensors: 0 of 88"):
        check_drawable(load_experiment(experiment), painter)


def test_a_lora_that_does_not_fit_is_refused_before_the_first_picture(tmp_path):
    painter = FakePainter()
    painter.refuse_lora = "ink"
    with pytest.raises(LoraError, match="0 of 88 keys match"):
        generate(ink_run(tmp_path), [painter])
    assert painter.batches == []


def test_strength_and_trigger_make_another_picture_and_the_name_of_a_candidate_does_not(tmp_path):
    candidates = "".join(
        f'[[candidate]]\nname = "{name}"\nlora = "ink.safetensors"\n{more}\n'
        for name, more in {"a": "", "b": "strength = 0.5", "c": 'trigger = "水墨"', "d": ""}.items()
    )
    run = ink_run(tmp_path, candidates=candidates)
    generate(run, [FakePainter()])
    keys = {name: {row.key for row in run.rows() if row.candidate == name} for name in "abcd"}
    assert keys["a"] == keys["d"]
    assert not keys["a"] & keys["b"]
    assert not keys["a"] & keys["c"]
    assert next(row.prompt for row in run.rows() if row.candidate == "c") == "水墨，小猫，第1天，在公园里"


def test_a_picture_says_how_it_was_made(tmp_path):
    write_story(tmp_path / "cat.toml", negative="模糊")
    run = ink_run(tmp_path)
    generate(run, [FakePainter()])
    row = next(row for row in run.rows() if row.candidate == "ink")
    with Image.open(run.folder / row.file) as picture:
        made = json.loads(picture.text["storykit"])
    facts = run.read_json("run.json")["candidates"]["ink"]
    assert made["key"] == row.key
    assert (made["prompt"], made["negative"]) == (row.prompt, "模糊")
    assert (made["seed"], made["steps"], made["cfg"], made["size"]) == (0, 2, 4.0, 32)
    assert made["lora"] == {"lora_sha256": facts["lora_sha256"], "alpha": 4.0, "strength": 0.8}


def test_a_key_is_the_hash_of_the_recipe_in_the_picture(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    for row in run.rows():
        with Image.open(run.folder / row.file) as picture:
            made = json.loads(picture.text["storykit"])
        recipe = {name: value for name, value in made.items() if name not in ("storykit", "key")}
        assert sha256_bytes(canonical_json(recipe)) == row.key


def test_run_json_says_who_drew_what_and_how(tmp_path):
    run = ink_run(tmp_path)
    generate(run, [FakePainter()])
    identity = run.read_json("run.json")
    assert set(identity) == {"storykit", "base", "candidates", "settings", "versions", "device", "commit"}
    assert identity["candidates"]["ink"] == {
        "lora_sha256": sha256_of(tmp_path / "ink.safetensors"),
        "rank": 2,
        "alpha": 4.0,
        "strength": 0.8,
        "keys": 88,
        "trigger": "",
    }
    assert identity["candidates"]["base"]["lora_sha256"] is None
    assert identity["settings"] == {
        "steps": 2,
        "cfg": 4.0,
        "size": 32,
        "noise": "portable",
        "memory": "auto",
        "scheduler": {"name": "none"},
    }


def test_a_picture_that_fails_is_a_fault_with_its_reason_and_the_others_are_there(tmp_path):
    painter = FakePainter()
    painter.fail_on = "第5天"
    run = make_run(tmp_path, "batch = 2")
    report = generate(run, [painter])
    file = "panels/base/authored/cat/seed-0/5.png"
    assert report.faults == run.faults() == {file: "its numbers are not finite"}
    assert (report.drawn, report.kept) == (7, 0)
    assert len(files(run)) == len(run.rows()) == 7
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


def test_a_prompt_that_is_too_long_is_refused_with_its_place_and_what_would_be_cut(tmp_path):
    painter = FakePainter()
    painter.reads = len("小猫，第1天")
    with pytest.raises(InputError) as refused:
        generate(make_run(tmp_path), [painter])
    first = "story cat, panel 1, order authored, candidate base: must be at most 254 tokens, '，在公园里'"
    assert first in refused.value.faults[0]
    assert len(refused.value.faults) == 8
    assert painter.batches == []


def test_a_long_prompt_is_drawn_where_the_experiment_allows_the_cut(tmp_path):
    painter = FakePainter()
    painter.reads = 3
    generate(make_run(tmp_path, "cut_long_prompts = true"), [painter])
    assert len(painter.drawn) == 8


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
    heard = Heard()
    generate(make_run(tmp_path, "batch = 3\nseeds = [0, 1]"), [FakePainter()], heard)
    assert heard.began == (16, 8)
    assert heard.steps == [3, 3, 2]


def test_the_same_experiment_gives_the_same_bytes_in_two_folders(tmp_path):
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "other")
    generate(one, [FakePainter()])
    generate(other, [FakePainter()])
    assert files(one) == files(other)


def test_an_unwritable_folder_is_one_line(tmp_path):
    run = make_run(tmp_path)
    (run.folder / "panels").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written") as refused:
        generate(run, [FakePainter()])
    assert "\n" not in str(refused.value)


def test_the_real_painter_fills_a_run_and_a_lora_shows(tmp_path):
    toy_lora(tmp_path / "ink.safetensors", scale=0.5)
    run = make_run(tmp_path, "size = 64", INK)
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    report = generate(run, [painter])
    assert report.drawn == 16
    by_panel = {run.slot_of(row)[0::4]: row.sha256 for row in run.rows()}
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
