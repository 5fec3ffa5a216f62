"""A run folder: self-contained, resumable, never another experiment's."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from fakes import toy_lora
from full_disk import disk_with_room_for
from paths import ROOT

from kit.errors import LoraError, RunError
from kit.experiment.config import LoadedExperiment, load_experiment
from kit.experiment.out_folder import check_out_folder
from kit.experiment.run import MOST_ROWS_BYTES, PanelRow, Run, Slot
from kit.lora.convert import convert_lora
from kit.lora.lora import find_lora

BASE = '[[candidate]]\nname = "base"\n'
INK = '[[candidate]]\nname = "ink"\nlora = "my ink.safetensors"\ntrigger = "水墨画"\n'
PAPER = '[[candidate]]\nname = "paper"\nlora = "mini:papercut"\nstrength = 0.5\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with two stories and a LoRA file."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "snow.txt").write_text("小猫，在睡觉\n" * 8, encoding="utf-8")
    (folder / "rain.txt").write_text("a dog, running\n" * 8)
    (folder / "my ink.safetensors").write_bytes(b"ink")
    return folder


def experiment(source: Path, candidates: str = BASE, head: str = "") -> LoadedExperiment:
    path = source / "experiment.toml"
    head = head or 'stories = ["snow.txt"]\nseeds = [0, 1]\n'
    path.write_text(head + candidates, encoding="utf-8")
    return load_experiment(path)


def row_of(slot: Slot, run: Run) -> PanelRow:
    file = run.panel_path(*slot).relative_to(run.folder).as_posix()
    return PanelRow(
        key="k", sha256="0" * 64, file=file, prompt="小猫", negative="", seconds=0.5, **slot._asdict()
    )


def refusal(folder: Path, loaded: LoadedExperiment) -> str:
    with pytest.raises(RunError) as caught:
        Run.create(folder, loaded)
    return str(caught.value)


def test_a_run_holds_the_experiment_with_every_default_written_out(tmp_path: Path, source: Path) -> None:
    Run.create(tmp_path / "run", experiment(source, BASE + INK + PAPER))
    text = (tmp_path / "run" / "experiment.toml").read_text(encoding="utf-8")
    assert text.startswith("# The experiment of this run, resolved by storykit: every default written out.\n")
    assert tomllib.loads(text) == {
        "stories": ["stories/snow.toml"],
        "base": "mini",
        "orders": ["authored"],
        "seeds": [0, 1],
        "steps": 25,
        "cfg": 4.0,
        "size": 256,
        "noise": "portable",
        "noise_per_panel": False,
        "consistency": 0.0,
        "cut_long_prompts": False,
        "memory": "auto",
        "score": {"aesthetic": "mini", "clip": "mini", "gate": 6.0, "letters": False},
        "candidate": [
            {"name": "base", "strength": 1.0, "consistency": 0.0, "trigger": ""},
            {
                "name": "ink",
                "lora": "loras/ink.safetensors",
                "strength": 1.0,
                "consistency": 0.0,
                "trigger": "水墨画",
            },
            {"name": "paper", "lora": "mini:papercut", "strength": 0.5, "consistency": 0.0, "trigger": ""},
        ],
        "compare": {"baseline": "base", "metrics": []},
    }


def test_the_alpha_that_peft_keeps_beside_its_file_is_written_down(tmp_path: Path, source: Path) -> None:
    convert_lora(toy_lora(tmp_path / "a.safetensors"), "peft", source / "adapter")
    worn = '[[candidate]]\nname = "ink"\nlora = "adapter/adapter_model.safetensors"\n'
    kept = Run.create(tmp_path / "run", experiment(source, BASE + worn)).loaded.experiment.candidates[1]
    assert (kept.alpha, kept.lora) == (4.0, str(tmp_path / "run" / "loras" / "ink.safetensors"))
    assert find_lora(kept.lora, kept.alpha).scale == 2.0
    with pytest.raises(LoraError, match="was trained with alpha 4, got alpha 2"):
        Run.create(tmp_path / "other", experiment(source, BASE + worn + "alpha = 2.0\n"))


def test_a_run_needs_nothing_outside_its_folder(tmp_path: Path, source: Path) -> None:
    loaded = experiment(source, BASE + INK)
    Run.create(tmp_path / "run", loaded)
    shutil.rmtree(source)
    (tmp_path / "run").rename(tmp_path / "moved")
    again = Run.open(tmp_path / "moved").loaded
    assert [(story.name, story.story) for story in again.stories] == [
        (story.name, story.story) for story in loaded.stories
    ]
    assert again.experiment.candidates[1].lora == str(tmp_path / "moved" / "loras" / "ink.safetensors")
    assert (tmp_path / "moved" / "loras" / "ink.safetensors").read_bytes() == b"ink"


def test_taking_up_a_run_with_its_own_experiment_changes_no_byte(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "run"
    Run.create(folder, experiment(source, BASE + INK))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    Run.create(folder, experiment(source, BASE + INK))
    Run.create(folder, load_experiment(folder / "experiment.toml"))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_run_grows_by_seeds_candidates_orders_and_stories(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "run"
    run = Run.create(folder, experiment(source))
    slots = set(run.wanted())
    run.append(row_of(next(run.wanted()), run))
    head = 'stories = ["snow.txt", "rain.txt"]\nseeds = [0, 1, 2]\norders = ["authored", "reversed"]\n'
    grown = Run.create(folder, experiment(source, BASE + INK, head))
    assert slots < set(grown.wanted())
    assert len(list(grown.wanted())) == 2 * 2 * 2 * 3 * 8
    assert len(grown.rows()) == 1


def test_a_changed_lora_file_replaces_the_copy(tmp_path: Path, source: Path) -> None:
    Run.create(tmp_path / "run", experiment(source, INK))
    (source / "my ink.safetensors").write_bytes(b"better ink")
    Run.create(tmp_path / "run", experiment(source, INK))
    assert (tmp_path / "run" / "loras" / "ink.safetensors").read_bytes() == b"better ink"


@pytest.mark.parametrize(
    "head", ['stories = ["snow.txt"]\nseeds = [0]\n', 'stories = ["rain.txt"]\nseeds = [0]\n']
)
def test_a_folder_with_panels_of_another_story_is_refused(tmp_path: Path, source: Path, head: str) -> None:
    folder = tmp_path / "run"
    run = Run.create(folder, experiment(source))
    run.append(row_of(next(run.wanted()), run))
    before = run.experiment_path.read_bytes()
    (source / "snow.txt").write_text("小狗，奔跑\n" * 8, encoding="utf-8")
    assert refusal(folder, experiment(source, head=head)) == (
        f"{folder} holds panels of another experiment: story snow is changed or dropped; "
        "choose another folder"
    )
    assert run.experiment_path.read_bytes() == before


def test_a_story_may_change_until_its_first_panel_is_drawn(tmp_path: Path, source: Path) -> None:
    Run.create(tmp_path / "run", experiment(source))
    (source / "snow.txt").write_text("小狗，奔跑\n" * 8, encoding="utf-8")
    run = Run.create(tmp_path / "run", experiment(source))
    assert run.loaded.stories[0].story.panels[0].prompt == "小狗，奔跑"


def test_the_users_own_experiment_file_is_never_overwritten(source: Path) -> None:
    loaded = experiment(source)
    before = loaded.path.read_bytes()
    assert refusal(source, loaded) == f"{source / 'experiment.toml'} is not a run's; choose another folder"
    assert loaded.path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, source: Path) -> None:
    (tmp_path / "run").write_text("a file")
    assert refusal(tmp_path / "run", experiment(source)) == (
        f"{tmp_path / 'run' / 'stories' / 'snow.toml'} cannot be written: Not a directory; "
        "what was there before is unchanged"
    )


def test_a_folder_without_an_experiment_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        Run.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not a run's folder: "
        f"draw one with `storykit generate EXPERIMENT.toml --out {tmp_path}`"
    )


def test_panels_are_wanted_candidate_by_candidate_story_by_story(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source, BASE + PAPER))
    wanted = list(run.wanted())
    assert wanted[:2] == [Slot("base", "authored", "snow", 0, 1), Slot("base", "authored", "snow", 0, 2)]
    assert wanted[8] == Slot("base", "authored", "snow", 1, 1)
    assert [slot.candidate for slot in wanted] == ["base"] * 16 + ["paper"] * 16
    assert len({run.panel_path(*slot) for slot in wanted}) == len(wanted)
    assert run.panel_path(*wanted[8]) == tmp_path / "run/panels/base/authored/snow/seed-1/1.png"


def test_a_row_read_back_is_the_row_written_and_knows_its_slot(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    assert run.rows() == []
    rows = [row_of(slot, run) for slot in run.wanted()]
    for row in rows:
        run.append(row)
    assert run.rows() == rows
    assert [row.slot for row in run.rows()] == list(run.wanted())


def test_the_last_row_of_a_file_counts(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    first, second = (row_of(slot, run) for slot in list(run.wanted())[:2])
    for row in (first, second, replace(first, key="new")):
        run.append(row)
    assert run.rows() == [replace(first, key="new"), second]


def test_a_line_torn_anywhere_loses_that_row_only(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    first, torn, last = (row_of(slot, run) for slot in list(run.wanted())[:3])
    run.append(first)
    whole = run.rows_path.read_bytes()
    line = json.dumps(asdict(torn), ensure_ascii=False).encode()
    for length in range(len(line)):
        run.rows_path.write_bytes(whole + line[:length])
        assert run.rows() == [first]
        run.append(last)
        assert run.rows() == [first, last]


def test_rows_that_would_fill_the_memory_are_refused_in_a_line(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    run.append(row_of(next(run.wanted()), run))
    os.truncate(run.rows_path, MOST_ROWS_BYTES + 1)
    with pytest.raises(RunError, match=r"panels\.jsonl must have 256 MiB at most: take it from a copy"):
        run.rows()


def test_a_whole_line_that_is_no_row_is_named(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    row = asdict(row_of(next(run.wanted()), run)) | {"seed": None}
    del row["file"]
    run.rows_path.write_text(json.dumps(row) + "\n")
    with pytest.raises(RunError) as caught:
        run.rows()
    assert str(caught.value) == (
        f"{run.rows_path} line 1: seed: must be a whole number, got None; file: is missing; "
        "delete the line to draw the panel again"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../outside.png"},
        {"file": "/etc/passwd"},
        {"file": "panels/base/authored/snow/seed-0/2.png"},
        {"file": "run.json"},
        {"candidate": "..", "file": "panels/../authored/snow/seed-0/1.png"},
        {"candidate": "../..", "file": "panels/../../authored/snow/seed-0/1.png"},
        {"candidate": "/tmp", "file": "/tmp/authored/snow/seed-0/1.png"},
    ],
)
def test_a_row_about_a_file_that_is_not_the_panels_own_is_named(tmp_path, source, change) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    run.append(row_of(next(run.wanted()), run))
    row = asdict(row_of(next(run.wanted()), run)) | change
    with run.rows_path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(RunError, match=r"line 2: file must be the panel's own, .*; delete the line to draw"):
        run.rows()


@pytest.mark.parametrize("seconds", ["1e999", "-1", '"soon"', "NaN", "[]"])
def test_a_row_whose_seconds_are_none_is_no_row(tmp_path: Path, source: Path, seconds: str) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    row = asdict(row_of(next(run.wanted()), run)) | {"seconds": 77}
    run.rows_path.write_text(json.dumps(row).replace("77", seconds) + "\n")
    with pytest.raises(RunError, match="line 1: seconds: must"):
        run.rows()


def test_a_full_disk_loses_no_row_that_was_there(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    first, second = (row_of(slot, run) for slot in list(run.wanted())[:2])
    run.append(first)
    room = run.rows_path.stat().st_size + 20
    with (
        disk_with_room_for(room),
        pytest.raises(RunError, match=r"panels\.jsonl cannot be written: File too"),
    ):
        run.append(second)
    assert run.rows() == [first]
    run.append(second)
    assert run.rows() == [first, second]


def test_a_folder_in_which_a_run_never_began_takes_one_later(tmp_path: Path, source: Path) -> None:
    """As where the disk is full: whoever makes room types the same again."""
    loaded, folder = experiment(source, BASE + INK), tmp_path / "run"
    folder.mkdir()
    (source / "my ink.safetensors").write_bytes(b"ink" * 10_000)
    with disk_with_room_for(20_000), pytest.raises(RunError, match=r"ink\.safetensors cannot be written"):
        Run.create(folder, loaded)
    assert os.listdir(folder) == []
    check_out_folder(folder)
    run = Run.create(folder, loaded)
    with disk_with_room_for(20_000), pytest.raises(RunError):
        Run.create(folder, loaded)
    assert [story.name for story in Run.open(folder).loaded.stories] == ["snow"]
    assert (run.folder / "loras" / "ink.safetensors").stat().st_size == 30_000


def test_rows_that_cannot_be_written_are_one_line(tmp_path: Path, source: Path) -> None:
    run = Run.create(tmp_path / "run", experiment(source))
    run.rows_path.mkdir()
    with pytest.raises(RunError, match=r"panels\.jsonl cannot be written: Is a directory;"):
        run.append(row_of(next(run.wanted()), run))
    with pytest.raises(RunError, match=r"panels\.jsonl cannot be read: Is a directory$"):
        run.rows()


def test_json_written_is_json_read(tmp_path: Path) -> None:
    value = {"名": ["雪", 1.5, None, True]}
    Run(tmp_path).write_json("run.json", value)
    assert Run(tmp_path).read_json("run.json") == value
    assert "雪" in (tmp_path / "run.json").read_text(encoding="utf-8")
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_number_that_is_none_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Run(tmp_path).write_json("scores.json", {"score": float("nan")})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "do"),
    [
        ("run.json", "generate EXPERIMENT.toml --out"),
        ("scores.json", "score"),
        ("comparison.json", "compare"),
        ("other.json", ""),
    ],
)
def test_a_missing_file_names_the_command_that_writes_it(tmp_path: Path, name: str, do: str) -> None:
    with pytest.raises(RunError) as caught:
        Run(tmp_path).read_json(name)
    told = f"; run `storykit {do} {tmp_path}` first" if do else ""
    assert str(caught.value) == f"{tmp_path / name} does not exist{told}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"metrics": [', "Expecting value: line 1 column 14"),
        ("", "Expecting value"),
        ("[" * 200_000, "is nested too deeply"),
        ("[" * 60 + "]" * 60, "is nested more than 50 deep"),
        ('{"a": NaN}', "holds a number that is not finite: NaN"),
        ('{"a": -1e999}', "holds a number that is not finite: -1e999"),
        ("9" * 5000, "Exceeds the limit"),
        ("\0" * 300, "Expecting value"),
    ],
)
def test_a_damaged_json_file_is_one_line_with_what_to_do(tmp_path: Path, text: str, why: str) -> None:
    for name, do in (("scores.json", "run `storykit score {}` again"), ("batching.json", "delete it")):
        (tmp_path / name).write_text(text)
        with pytest.raises(RunError) as caught:
            Run(tmp_path).read_json(name)
        assert str(caught.value).startswith(f"{tmp_path / name} is not whole JSON: {why}")
        assert str(caught.value).endswith(f"; {do.format(tmp_path)}")
    (tmp_path / "faults.json").write_text(text)
    assert Run(tmp_path).faults() == {}


def test_reading_a_run_loads_no_torch() -> None:
    program = "import sys, kit.experiment.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
