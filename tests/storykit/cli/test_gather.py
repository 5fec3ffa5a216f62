import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from command import refused, said, tell
from fakes import toy_base, write_story


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_story(folder / "cat.toml")
    path = folder / "cats.toml"
    path.write_text(
        f'stories = ["cat.toml"]\nbase = "{toy_base()}"\nseeds = [0, 1]\nsize = 64\nsteps = 1\n'
        '[[candidate]]\nname = "base"\n'
    )
    return path


def test_two_machines_draw_what_one_draws(experiment, tmp_path):
    said("generate", experiment, "--out", tmp_path / "whole")
    for number in (1, 2):
        lines = said("generate", experiment, "--out", tmp_path / f"part{number}", "--shard", f"{number}/2")
        assert "drawn   8 panels" in lines
        assert f"shard   {number}/2 is in" in lines
    lines = said("gather", tmp_path / "run", tmp_path / "part1")
    assert "missing shards 2/2" in lines
    assert "gather  8 panels into" in lines
    told = json.loads(said("gather", tmp_path / "run", tmp_path / "part1", tmp_path / "part2", "--json"))
    assert told == {"taken": 8, "there": 8, "missing": 0, "shards": [], "notes": []}
    for file in (tmp_path / "whole").rglob("*.png"):
        if "panels" in file.parts:
            assert (tmp_path / "run" / file.relative_to(tmp_path / "whole")).read_bytes() == file.read_bytes()


def test_a_part_that_was_stopped_is_named_with_the_command_that_goes_on(experiment, tmp_path):
    parts = [tmp_path / "part 1", tmp_path / "part 2"]
    for number, part in enumerate(parts, 1):
        said("generate", experiment, "--out", part, "--shard", f"{number}/2")
    rows = (parts[1] / "panels.jsonl").read_text().splitlines(keepends=True)
    (parts[1] / "panels.jsonl").write_text("".join(rows[:-3]))
    for row in rows[-3:]:
        (parts[1] / json.loads(row)["file"]).unlink()
    lines = said("gather", tmp_path / "run", *parts)
    assert f"note    {parts[1]} is not finished, 3 of its 8 panels are missing: where it was drawn" in lines
    assert "missing shards" not in lines
    command = shlex.split(re.search("`storykit (generate .*--shard .*)`", lines)[1])
    assert "drawn   3 panels, 5 were there" in said(*command)
    lines = said("gather", tmp_path / "run", *parts)
    assert "gather  3 panels" in lines
    assert "not finished" not in lines


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--shard", ""), 1, "must be a number and how many there are, such as 1/3"),
        (("--shard", "4/3"), 1, "must be a number and how many there are, such as 1/3"),
        (("--shard", "1/3", "--again"), 2, "--again draws a whole run again"),
    ],
)
def test_what_is_no_part_is_refused_before_anything_is_drawn(experiment, tmp_path, options, code, told):
    answer = tell("generate", experiment, "--out", tmp_path / "part", *options)
    assert (answer.code, told in answer.err) == (code, True)
    assert not (tmp_path / "part").exists()


def test_other_settings_ask_for_a_new_folder_as_a_part_knows_no_again(experiment, tmp_path):
    said("generate", experiment, "--out", tmp_path / "part", "--shard", "1/2")
    other = experiment.with_name("other.toml")
    other.write_text(experiment.read_text().replace("steps = 1", "steps = 2"))
    told = refused("generate", other, "--out", tmp_path / "part", "--shard", "2/2", "--devices", "cpu")
    assert told.endswith("(steps 2 instead of 1); draw the part in a new folder, with another --out")


def test_drafts_and_finals_are_not_merged_and_the_line_says_what_to_do(experiment, tmp_path):
    said("generate", experiment, "--out", tmp_path / "finals", "--shard", "1/2")
    said("generate", experiment, "--out", tmp_path / "drafts", "--shard", "2/2", "--draft")
    assert refused("gather", tmp_path / "run", tmp_path / "finals", tmp_path / "drafts").endswith(
        'quality "draft" instead of "final"; leave one of the two out, or draw it in a new folder with the '
        "other's experiment"
    )


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert "nowhere does not exist" in refused("gather", tmp_path / "run", tmp_path / "nowhere")


def test_a_run_that_was_scored_before_the_other_part_came_says_so_until_it_is_scored_again(
    experiment, tmp_path
):
    for number in (1, 2):
        said("generate", experiment, "--out", tmp_path / f"part{number}", "--shard", f"{number}/2")
    run = tmp_path / "run"
    said("gather", run, tmp_path / "part1")
    told = (
        f"note    8 pictures came after the run was scored and are not in the numbers: `storykit score {run}`"
    )
    said("score", run)
    assert "came after" not in said("compare", run) + said("report", run)
    said("gather", run, tmp_path / "part2")
    assert told in said("compare", run)
    assert told in said("report", run)
    said("score", run)
    assert "came after" not in said("compare", run) + said("report", run)
    more = experiment.with_name("more.toml")
    more.write_text(experiment.read_text().replace("seeds = [0, 1]", "seeds = [0, 1, 2]"))
    said("generate", more, "--out", run)
    assert told in said("compare", run), "of a seed that was added"


def test_many_notes_are_told_in_few_lines_and_what_is_missing_with_what_to_do(experiment, tmp_path):
    said("generate", experiment, "--out", tmp_path / "part")
    rows = (tmp_path / "part" / "panels.jsonl").read_text()
    (tmp_path / "part" / "panels.jsonl").write_text(rows.replace('"sha256":"', '"sha256":"0'))
    shutil.copytree(tmp_path / "part", tmp_path / "copy")
    *notes, missing, last = said(
        "gather", tmp_path / "run", tmp_path / "part", tmp_path / "copy"
    ).splitlines()
    assert len(notes) == 21
    assert notes[-1] == "note    and 12 more; --json has all"
    assert f"experiment.toml --out {tmp_path / 'run'}`" in missing
    assert "0 were there, 16 missing" in last
