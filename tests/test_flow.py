import csv
import json
import re
import shlex
import shutil
import signal
import zipfile
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
import torch
from command import drawing_elsewhere, refused, said, stopped_at_the_first_panel, tell, tree
from fakes import fake_picture, toy_base, toy_lora, write_story
from PIL import Image

from kit.experiment.run import Run
from kit.lora.lora import load_lora
from submissions.contest.rules import SHIPPED
from submissions.faults import Fault

INTRODUCTION = "一个水墨风格的 LoRA，用四十张自己画的水墨画训练，适合画夜晚的小猫。"
BASE = '[[candidate]]\nname = "base"\n'
INK = '[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\ntrigger = "水墨风格"\n'
PROMPTS = (
    "一个紫色短发小女孩，穿着粉色裙子，坐在沙发上",
    "一只黄色小猫，在公园里睡觉",
    "一位老人，夜晚，下雪",
    "一只黄色小猫，坐在沙发上",
    "一个小女孩，在公园里，夜晚",
    "一位老人，穿着粉色裙子",
    "一只小猫，下雪，夜晚",
    "一个小女孩，睡觉",
)


def prepared(folder: Path, candidates: str, *lines: str, story: str = "cat.toml") -> Path:
    """Return an experiment on the toy base beside its story and its LoRA."""
    folder.mkdir(parents=True, exist_ok=True)
    toy_lora(folder / "ink.safetensors")
    if story == "cat.toml":
        write_story(folder / story, PROMPTS, negative="模糊")
    head = (f'stories = ["{story}"]', f'base = "{toy_base()}"', "seeds = [0]", "size = 32", *lines)
    path = folder / "experiment.toml"
    path.write_text("\n".join((*head, candidates)), encoding="utf-8")
    return path


def said_beside_the_base(*words: object) -> list[str]:
    """Give a command that draws the bare base beside a LoRA; return all lines but the one that says so."""
    told = [line for line in said(*words).splitlines() if not line.startswith(("plan ", "time "))]
    bare, *lines = told
    assert bare == "note    candidate base has no lora: it is drawn by the bare base"
    return lines


def test_notes_are_said_when_nothing_is_refused_and_not_before_a_refusal(tmp_path):
    path = prepared(tmp_path, BASE + INK, "steps = 1", "cut_long_prompts = false")
    said_beside_the_base("generate", path, "--out", tmp_path / "run")
    for wrong in ("--devices=cuda:99", "--devices=cpu,cpu"):
        refused("generate", path, "--out", tmp_path / "run", wrong)
    path.write_text(path.read_text().replace("steps = 1", "steps = 2"))
    assert "--again" in refused("generate", path, "--out", tmp_path / "run")


def pictures(run: Path) -> dict[str, bytes]:
    return {file: data for file, data in tree(run / "panels").items() if file.endswith(".png")}


def pixels(png: bytes) -> bytes:
    """Return a picture without the text beside it, which names its recipe."""
    with Image.open(BytesIO(png)) as picture:
        return picture.tobytes()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def packed(run: Path, out: Path, *words: str) -> str:
    """Pack the run's ink story for a contest any score is enough for; return what the command printed."""
    (out.parent / "introduction.md").write_text(INTRODUCTION, encoding="utf-8")
    rules = (SHIPPED / "practice.toml").read_text(encoding="utf-8")
    for strict, easy in (('name = "practice"', 'name = "easy"'), ("threshold = 6.0", "threshold = -10.0")):
        assert strict in rules
        rules = rules.replace(strict, easy)
    (out.parent / "easy.toml").write_text(rules, encoding="utf-8")
    texts = ("--team", "云上画师", "--title", "墨猫夜行记", "--introduction", out.parent / "introduction.md")
    return said(
        "pack", run, "--candidate", "ink", "--rules", out.parent / "easy.toml", *texts, "--out", out, *words
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder whose `run` went through all of `storykit run`, with what was printed in `said.txt`."""
    folder = tmp_path_factory.mktemp("finished")
    path = prepared(folder, BASE + INK, "steps = 2", 'orders = ["authored", "reversed"]')
    (folder / "said.txt").write_text(said("run", path, "--out", folder / "run"), encoding="utf-8")
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A run of one's own to harm."""
    return shutil.copytree(finished / "run", tmp_path / "run")


def test_a_run_prints_one_line_a_stage_and_leaves_all_it_promises(finished):
    lines = (finished / "said.txt").read_text(encoding="utf-8").splitlines()
    stages = dict.fromkeys(line.split()[0] for line in lines)
    assert set(stages) - {"floor", "missing", "and"} == {
        "plan",
        "time",
        "note",
        "drawn",
        "scored",
        "copies",
        "compared",
        "open",
        "report",
    }
    assert [stage for stage in stages if stage in ("drawn", "scored", "compared", "report")] == [
        "drawn",
        "scored",
        "compared",
        "report",
    ]
    assert lines[3].startswith("drawn   32 panels, 0 were there, ")
    assert lines[4].startswith("scored  32 panels of 4 stories, 0 faults")
    names = {path.name for path in (finished / "run").iterdir()}
    assert names >= {
        *("experiment.toml", "run.json", "panels.jsonl", "panels"),
        *("scores.json", "scores.panels.csv", "scores.stories.csv", "comparison.json", "report.html"),
    }
    assert len(pictures(finished / "run")) == 32


def test_a_second_run_draws_nothing_and_leaves_every_byte_of_every_result(finished, copied):
    before = tree(copied)
    lines = said_beside_the_base("run", finished / "experiment.toml", "--out", copied)
    assert lines[0] == "drawn   0 panels, 32 were there"
    after = tree(copied)
    assert after.keys() == before.keys()
    for name in ("scores.json", "scores.panels.csv", "comparison.json", "report.html", "panels.jsonl"):
        assert name in before
    assert {name for name in before if after[name] != before[name]} <= {"cache/scores.sqlite"}


def test_the_same_command_in_two_folders_gives_the_same_pictures_and_scores(finished, tmp_path):
    said("run", finished / "experiment.toml", "--out", tmp_path / "other")
    drawn = pictures(finished / "run")
    assert pictures(tmp_path / "other") == drawn
    for name in ("scores.json", "scores.panels.csv", "scores.stories.csv", "comparison.json"):
        assert (tmp_path / "other" / name).read_bytes() == (finished / "run" / name).read_bytes()
    base, ink = (drawn[f"{name}/authored/cat/seed-0/1.png"] for name in ("base", "ink"))
    assert pixels(base) != pixels(ink)


@pytest.fixture(scope="module")
def unhurried(tmp_path_factory):
    """An experiment drawn picture after picture, so that it can be stopped in between, and its whole run."""
    folder = tmp_path_factory.mktemp("unhurried")
    path = prepared(folder, INK, "steps = 12", "batch = 1")
    said("generate", path, "--out", folder / "run")
    return folder


def test_the_second_of_two_commands_in_one_folder_ends_at_once_and_the_first_loses_nothing(
    unhurried, tmp_path
):
    run = tmp_path / "run"
    words = ("generate", unhurried / "experiment.toml", "--out", run)
    with drawing_elsewhere(run, *words) as first:
        first.send_signal(signal.SIGSTOP)  # it may be faster than five commands
        line = rf"{run} is being drawn by process {first.pid} since \d\d:\d\d: wait for it or stop it"
        for second in (words, ("run", *words[1:]), ("score", run), ("report", run), ("cast", run)):
            assert re.fullmatch(line, refused(*second))
        first.send_signal(signal.SIGCONT)
        out, err = first.communicate()
    assert (first.returncode, out[:17]) == (0, "drawn   8 panels,"), err
    assert pictures(run) == pictures(unhurried / "run")
    assert not [name for name in tree(run) if name.rpartition("/")[2].startswith(".")]
    assert said("score", run).startswith("scored  8 panels")


@pytest.mark.parametrize(
    "spot", ["figures", "cache", "cache/scores.sqlite", "panels.jsonl", "panels", "stories"]
)
def test_a_link_out_of_a_run_is_refused_before_anything_is_written_through_it(copied, tmp_path, spot):
    (copied / spot).rename(tmp_path / "elsewhere")
    (copied / spot).symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path)
    for command in ("score", "compare", "report", "cast"):
        assert f"{copied / spot} is a link that leads out of {copied}: put what it" in refused(
            command, copied
        )
    assert tree(tmp_path) == before


def test_new_numbers_never_stand_beside_the_page_of_old_ones(copied):
    text = (copied / "experiment.toml").read_text("utf-8")
    (copied / "experiment.toml").write_text(text.replace("gate = 6.0", "gate = 1.0"), "utf-8")
    lines = said("score", copied).splitlines()
    assert [line for line in lines if "told of older numbers" in line] == [
        f"note    {name} told of older numbers and was removed: `storykit {command} {copied}`"
        for name, command in (("comparison.json", "compare"), ("report.html", "report"))
    ]
    left = {path.name for path in copied.iterdir()}
    assert not left & {"comparison.json", "report.html"}
    assert list((copied / "figures").iterdir()) == []
    said("compare", copied)
    said("report", copied)
    assert "told of older numbers" not in said("score", copied)
    assert (copied / "report.html").is_file()


def test_a_retouched_picture_is_kept_and_said_and_other_settings_wait_for_again(unhurried, tmp_path):
    run = Path(shutil.copytree(unhurried / "run", tmp_path / "run"))
    (run / "panels/ink/authored/cat/seed-0/3.png").write_bytes(b"retouched")
    experiment = unhurried / "experiment.toml"
    aside = run / "changed-by-hand/ink/authored/cat/seed-0/3.png"
    first, second = said("generate", experiment, "--out", run).splitlines()
    assert first.startswith(
        f"kept    {aside}: it was changed after it was drawn, and the panel was drawn anew."
    )
    assert second.startswith("drawn   1 panels, 7 were there")
    assert aside.read_bytes() == b"retouched"
    other = experiment.with_name("other.toml")
    other.write_text(experiment.read_text("utf-8").replace("steps = 12", "steps = 2"), "utf-8")
    assert (
        "8 panels that are there would be drawn again and 0 stay (steps 2 instead of 12); add --again"
        in refused("generate", other, "--out", run)
    )
    assert pictures(run) == pictures(unhurried / "run")
    again, _ = said("generate", other, "--out", run, "--again").splitlines()
    assert again == "again   8 panels in place of pictures drawn with other words or settings"


def test_nothing_is_drawn_among_a_users_own_files(unhurried, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    for command in ("generate", "run"):
        line = refused(command, unhurried / "experiment.toml", "--out", tmp_path)
        assert line == f"{tmp_path} holds report.html and no run: choose another folder, new or empty"
    assert tree(tmp_path) == {"report.html": b"mine"}


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_stopped_while_drawing_goes_on_to_the_same_pictures(unhurried, tmp_path, by):
    words = ("generate", unhurried / "experiment.toml", "--out", tmp_path / "run")
    answer = stopped_at_the_first_panel(tmp_path / "run", by, *words)
    there = len(Run.open(tmp_path / "run").rows())
    assert 1 <= there < 8
    whole, left = pictures(unhurried / "run"), pictures(tmp_path / "run")
    assert left == {file: whole[file] for file in left}
    if by != signal.SIGKILL:
        line = r"^Error: stopped: (\d) of 8 panels are there; run the same command to go on\n\Z"
        told = re.search(line, answer.err, re.MULTILINE)
        assert told, answer.err
        assert (answer.code, answer.out) == (1, "")
        assert int(told[1]) in (there - 1, there)  # ctrl-c may come before the last row is counted
    assert said(*words).startswith(f"drawn   {8 - there} panels, {there} were there")
    assert pictures(tmp_path / "run") == whole


def test_a_torn_picture_is_named_as_a_fault_and_scored_as_nothing(copied):
    torn = copied / "panels/ink/authored/cat/seed-0/3.png"
    torn.write_bytes(torn.read_bytes()[:-60])
    assert said("score", copied).startswith("scored  32 panels of 4 stories, 1 fault")
    (fault,) = json.loads((copied / "scores.json").read_text(encoding="utf-8"))["faults"]
    assert (fault["candidate"], fault["panel"], fault["status"]) == ("ink", 3, "damaged")
    assert fault["reason"] == "its file has changed since it was drawn"
    (row,) = (
        r for r in rows(copied / "scores.panels.csv") if r["file"] == "panels/ink/authored/cat/seed-0/3.png"
    )
    assert row["status"] == "damaged"
    assert {row[name] for name in ("aesthetic", "text", "text_rank", "loo")} == {""}
    (story,) = (r for r in rows(copied / "scores.stories.csv") if r["faults"])
    assert (story["candidate"], story["panels_ok"], story["faults"]) == ("ink", "7", "3 damaged")
    assert {story[name] for name in ("aesthetic_mean", "gate", "naive", "loo_mean", "text_mean", "mrr")} == {
        ""
    }


def test_a_torn_picture_is_drawn_again_and_the_report_does_not_hide_it_until_then(finished, copied):
    torn = copied / "panels/ink/authored/cat/seed-0/3.png"
    whole, page = torn.read_bytes(), (copied / "report.html").read_bytes()
    torn.write_bytes(whole[:-60])
    for stage in ("score", "compare", "report"):
        said(stage, copied)
    assert (copied / "report.html").read_bytes() != page
    lines = said_beside_the_base("run", finished / "experiment.toml", "--out", copied)
    assert lines[0].startswith(f"kept    {copied}/changed-by-hand/ink/authored/cat/seed-0/3.png: ")
    assert lines[1].startswith("drawn   1 panels, 31 were there, ")
    assert lines[2].startswith("scored  32 panels of 4 stories, 0 faults")


def test_the_page_names_one_command_that_makes_it_anew_where_the_reader_stands(copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    said("report", "run")
    page = unescape((copied / "report.html").read_text(encoding="utf-8"))
    (told,) = re.search(r"<pre><code>(.*?)</code></pre>", page, re.S)[1].splitlines()
    again = shlex.split(told)
    assert again == ["storykit", "run", "run/experiment.toml", "--out", "run-again"]
    assert Path(again[2]).is_file()


def test_eight_plain_chinese_prompts_go_through_every_stage(tmp_path):
    (tmp_path / "黄猫.txt").write_text("\n".join(PROMPTS), encoding="utf-8")
    path = prepared(tmp_path, BASE + INK, "steps = 2", story="黄猫.txt")
    run = tmp_path / "run"
    assert said_beside_the_base("generate", path, "--out", run)[0].startswith("drawn   16 panels")
    assert said("score", run).startswith("scored  16 panels of 2 stories, 0 faults")
    assert said("compare", run).startswith("compared ")
    assert said("report", run) == f"report  {run / 'report.html'}\n"
    assert [row.prompt for row in Run.open(run).rows()][:8] == list(PROMPTS)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert 'lang="zh' in page
    assert all(prompt in page for prompt in PROMPTS)


def test_a_stage_that_comes_too_early_says_what_to_run_first(tmp_path):
    path = prepared(tmp_path, BASE, "steps = 1")
    run = tmp_path / "run"
    said("generate", path, "--out", run)
    assert refused("compare", run).endswith(f"run `storykit score {run}` first")
    told, note = said("report", run).splitlines()
    assert told == f"report  {run / 'report.html'}"
    assert note.startswith(f"note    the page has no scores yet: type `storykit score {run}`")
    said("score", run)
    assert said("compare", run).startswith("compared ")


def test_more_seeds_draw_only_the_new_panels(copied, tmp_path):
    before = pictures(copied)
    path = prepared(tmp_path / "more", BASE + INK, "steps = 2", 'orders = ["authored", "reversed"]')
    path.write_text(path.read_text(encoding="utf-8").replace("[0]", "[0, 5]"), encoding="utf-8")
    drawn, *_ = said_beside_the_base("generate", path, "--out", copied)
    assert drawn.startswith("drawn   32 panels, 32 were there")
    after = pictures(copied)
    assert {file: after[file] for file in before} == before
    assert all(pixels(after[file]) != pixels(after[file.replace("seed-0", "seed-5")]) for file in before)


def test_what_is_refused_later_leaves_the_run_that_is_there_as_it_was(copied, tmp_path):
    before = tree(copied)
    candidates = BASE + '[[candidate]]\nname = "ink"\nlora = "mini:none"\n'
    path = prepared(tmp_path / "other", candidates, "steps = 2")
    answer = tell("generate", path, "--out", copied)
    assert (answer.code, "mini:none" in answer.err) == (1, True)
    assert tree(copied) == before


def test_compare_tells_machines_what_it_wrote(finished, copied):
    told = json.loads(said("compare", copied, "--json"))
    assert told == json.loads((finished / "run" / "comparison.json").read_text(encoding="utf-8"))


def test_a_packed_story_is_verified_without_faults_and_packed_again_to_the_same_bytes(finished, tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    lines = packed(finished / "run", first).splitlines()
    assert lines[-1].startswith(f"bundle  {first}  ")
    assert all(line.startswith("note    ") for line in lines[:-1])
    packed(finished / "run", second)
    assert first.read_bytes() == second.read_bytes()
    easy = ("--rules", tmp_path / "easy.toml")
    assert said("verify", first, *easy) == f"{first}: no faults\n"
    assert json.loads(said("verify", first, *easy, "--json")) == []
    unknown = tell("verify", first)
    assert unknown.code == 1
    assert (
        "is for the contest 'easy', which storykit does not know (give the contest's rules file)"
        in unknown.out
    )
    assert "gate: mean aesthetic score must be at least 6" in tell("verify", first, "--rules", "practice").out


def test_a_bundle_draws_its_panels_again_to_the_last_byte(finished, tmp_path):
    bundle, order = tmp_path / "a.zip", "authored"
    packed(finished / "run", bundle, "--order", order)
    words = ("--rules", tmp_path / "easy.toml", "--base", toy_base())
    lines = said("reproduce", bundle, *words).splitlines()
    assert lines[0] == f"{bundle}: no faults"
    assert lines[1:9] == [f"panel {panel}: identical" for panel in range(1, 9)]
    assert (
        lines[9]
        == f"{tmp_path / 'a-reproduced' / 'side-by-side.png'}: 8 of 8 panels drawn again to the last byte"
    )
    with Image.open(tmp_path / "a-reproduced" / "side-by-side.png") as sheet:
        assert sheet.width > sheet.height
    drawn = (finished / "run" / "panels" / "ink" / order / "cat" / "seed-0" / "3.png").read_bytes()
    assert (tmp_path / "a-reproduced" / "3.png").read_bytes() == drawn


def test_a_bundle_whose_lora_does_not_fit_the_base_is_told_and_stops_no_other(finished, tmp_path):
    for name in ("a.zip", "b.zip"):
        packed(finished / "run", tmp_path / name)
    words = ("--rules", tmp_path / "easy.toml", "--base", "mini")
    again = tell("reproduce", tmp_path / "a.zip", tmp_path / "b.zip", *words)
    assert (again.code, again.err) == (1, "")
    assert again.out.count("bundle: cannot be drawn again: ") == 2
    assert again.out.count("keys match the base, all must") == 2


def test_kolors_pipeline_loads_the_packed_lora_and_predicts_what_we_predict(finished, tmp_path):
    from diffusers_twin import SAME, load_with_kolors_pipeline, ours, theirs, toy_unet, twin

    packed(finished / "run", tmp_path / "a.zip")
    unzipped = tmp_path / "unzipped"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(unzipped)
    other, worn = twin(toy_unet()), toy_unet()
    bare = theirs(other)
    load_with_kolors_pipeline(other, unzipped / "lora" / "ink.safetensors")
    lora = load_lora(unzipped / "lora" / "ink.safetensors")
    with torch.no_grad():
        for layer, (down, up) in lora.pairs.items():
            worn.get_submodule(layer).weight += lora.scale * (up.double() @ down.double())
    torch.testing.assert_close(theirs(other), ours(worn), rtol=0, atol=SAME)
    assert (theirs(other) - bare).abs().max() > 1e-2


def test_a_faulty_bundle_is_not_drawn_again(finished, tmp_path):
    bundle = tmp_path / "a.zip"
    packed(finished / "run", bundle)
    again = tell("reproduce", bundle, "--rules", "kolors-2024", "--base", toy_base())
    assert again.code == 1
    assert "panel 1" not in again.out
    assert not (tmp_path / "a-reproduced").exists()


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_broken_bundle_exits_with_1_and_every_fault_on_a_line(finished, tmp_path, harm):
    bundle = tmp_path / "a.zip"
    packed(finished / "run", bundle)
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data if harm == "flip" else data[: len(data) // 2])
    answer = tell("verify", bundle)
    *faults, last = answer.out.splitlines()
    assert (answer.code, answer.err) == (1, "")
    assert faults
    assert last == f"{bundle}: {len(faults)} fault{'s' if len(faults) > 1 else ''}"
    asked = tell("verify", bundle, "--json")
    assert asked.code == 1
    assert [Fault(**fault).place for fault in json.loads(asked.out)] == [f.split(": ")[0] for f in faults]


def test_what_cannot_be_packed_has_a_line_for_each_fault_and_is_not_written(copied, tmp_path):
    (copied / "panels/ink/authored/cat/seed-0/3.png").unlink()
    (tmp_path / "short.md").write_text("short")
    words = ("--team", "t", "--title", "x", "--introduction", tmp_path / "short.md", "--rules", "practice")
    answer = tell("pack", copied, "--candidate", "ink", *words, "--out", tmp_path / "a.zip")
    first, *faults = answer.err.splitlines()
    assert (answer.code, answer.out) == (1, "")
    assert first == f"Error: the entry cannot be packed, {len(faults)} faults:"
    assert any(one.startswith("  introduction: must have at least 20 characters, got 5") for one in faults)
    assert any(one.startswith("  panels/3.png: cannot be read from the run") for one in faults)
    assert not (tmp_path / "a.zip").exists()


def test_a_story_must_be_named_where_the_run_has_several(tmp_path):
    write_story(tmp_path / "dog.toml", PROMPTS)
    path = prepared(tmp_path, BASE, "steps = 1")
    path.write_text(path.read_text().replace('["cat.toml"]', '["cat.toml", "dog.toml"]'))
    said("generate", path, "--out", tmp_path / "run")
    (tmp_path / "introduction.md").write_text(INTRODUCTION, encoding="utf-8")
    words = ("--team", "t", "--title", "x", "--introduction", tmp_path / "introduction.md")
    reason = refused("pack", tmp_path / "run", "--candidate", "base", *words, "--out", tmp_path / "a.zip")
    assert reason == "the run has several stories, name one: cat, dog"


def test_gate_scores_the_pictures_of_a_folder(finished):
    folder = finished / "run/panels/ink/authored/cat/seed-0"
    line = "".join(one for one in said("gate", folder).splitlines(True) if not one.startswith("fault"))
    assert re.fullmatch(
        rf"{re.escape(str(folder))}: \d\.\d{{4}}, (pass|fail) at 6 "
        r"\(embedded predictor, not the contest's\); weakest \d\.png\n"
        r"the same pictures: \d\.\d{4} as JPEG, quality 90; \d\.\d{4} 2% smaller(; too close to be sure)?\n"
        r"note    calibrated on .*\n",
        line,
    )
    told = json.loads(said("gate", folder, "--json"))
    recorded = [
        float(row["aesthetic"])
        for row in rows(finished / "run" / "scores.panels.csv")
        if (row["candidate"], row["order"]) == ("ink", "authored")
    ]
    assert [file["score"] for file in told["files"]] == pytest.approx(recorded, abs=1e-4)
    assert f"{told['mean']:.4f}" in line


def test_gate_names_what_is_no_picture_and_gives_no_score_then(tmp_path):
    fake_picture("a", 64).save(tmp_path / "1.png")
    (tmp_path / "notes.txt").write_text("no picture")
    answer = tell("gate", tmp_path)
    first, fault, last = answer.out.splitlines()
    assert answer.code == 1
    assert first.startswith("fault   1.png: scores ")
    assert fault.startswith("fault   notes.txt: is not a picture of a known format")
    assert last == f"{tmp_path}: no score, as every file must be a picture: take the others out"
    answer = tell("gate", tmp_path, "--json")
    assert (answer.code, json.loads(answer.out)["mean"]) == (1, None)


def test_lora_inspect_shows_what_a_lora_is(tmp_path):
    file = toy_lora(tmp_path / "ink.safetensors", rank=2, alpha=4.0)
    facts, _, loaders = said("lora", "inspect", file).partition("\n\n")
    shown = dict(line.split(maxsplit=1) for line in facts.splitlines())
    assert (shown["rank"], shown["alpha"], shown["scale"], shown["trigger"]) == (
        "2",
        "4.0",
        "2.0",
        "水墨风格",
    )
    told = json.loads(said("lora", "inspect", file, "--json"))
    strengths = {row["loader"]: row["strength"] for row in told.pop("loaders")}
    assert all(loader in loaders for loader in strengths)
    assert strengths["DiffSynth 1.x load_lora, lora_alpha 1"] == 0.5
    assert (told.pop("fits"), shown.pop("fits")) == ([], "no base")
    assert told.pop("problems") == [shown.pop("problem")]
    assert told.pop("left_behind") == []
    assert all(norm > 0 for norm in told.pop("blocks").values())
    assert shown.pop("blocks").startswith("content ")
    assert {name: str(value) for name, value in told.items()} == shown


def test_a_lora_trained_here_is_drawn_with(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for number in (1, 2):
        fake_picture(str(number), 64).save(data / f"{number}.png")
    (data / "metadata.csv").write_text(
        "file_name,text\n1.png,一只黄色小猫\n2.png,一位老人\n", encoding="utf-8"
    )
    (tmp_path / "style.toml").write_text(
        f'data = "data"\nbase = "{toy_base()}"\n[learn]\nrank = 2\nsteps = 2\nsize = 32\nbatch = 2\n'
        'learning_rate = 0.1\ntrigger = "水墨风格"\n',
        encoding="utf-8",
    )
    out = tmp_path / "ink" / "ink.safetensors"
    assert said("train", tmp_path / "style.toml", "--out", out.parent) == f"LoRA    {out}\n"
    told = json.loads(said("lora", "inspect", out, "--json"))
    assert (told["rank"], told["trigger"]) == (2, "水墨风格")
    trained = out.read_bytes()
    untriggered = INK.replace(
        'trigger = "水墨风格"\n', ""
    )  # so that nothing but the LoRA makes the difference
    path = prepared(tmp_path, BASE + untriggered, "steps = 2")
    (tmp_path / "ink.safetensors").write_bytes(trained)
    said("generate", path, "--out", tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["candidates"]["ink"]
    assert (facts["lora_sha256"], facts["keys"]) == (told["sha256"], told["layers"])
    drawn = [tmp_path / "run/panels" / name / "authored/cat/seed-0/1.png" for name in ("base", "ink")]
    base, ink = (pixels(file.read_bytes()) for file in drawn)
    assert base != ink


def test_panels_lost_from_the_middle_of_a_batch_are_drawn_again_to_the_same_bytes(copied, finished):
    before = pictures(copied)
    lost = [f"ink/authored/cat/seed-0/{panel}.png" for panel in (2, 3, 7)]
    for file in lost:
        (copied / "panels" / file).unlink()
    drawn, *_ = said_beside_the_base("generate", finished / "experiment.toml", "--out", copied)
    assert drawn.startswith("drawn   3 panels, 29 were there")
    assert pictures(copied) == before
