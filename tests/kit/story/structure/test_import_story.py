"""storykit story import: what people have becomes a story that storykit draws."""

import json
from contextlib import chdir
from pathlib import Path

import pytest
from command import refused, said
from paths import ROOT

from kit.experiment.config import load_experiment
from kit.story.prompt import prompt_of
from kit.story.story import load_story

PROMPTS = (
    "二次元，一个紫色短发小女孩，坐在窗边，在家里客厅",
    "二次元，一个紫色短发小女孩，推开门，在门口",
    "二次元，一个紫色短发小女孩，撑着伞走路，在街上",
    "二次元，一只橘色的小猫，躲在纸箱里，在街上",
    "二次元，紫色短发的小女孩，蹲下，一只橘色的小猫，抬头看着她",
    "二次元，一个紫色短发小女孩，抱着小猫奔跑，在公园",
    "二次元，一只橘色的小猫，喝牛奶，在家里客厅",
    "二次元，一个紫色短发小女孩，一只橘色的小猫，一起睡着了，在家里客厅",
)
LINES = "\n".join(PROMPTS)
TABLE = "| 序号 | 旁白 | 提示词 |\n|---|---|---|\n" + "\n".join(
    f"| {number} | 第{number}句 | {prompt} |" for number, prompt in enumerate(PROMPTS, 1)
)


def written(folder: Path, text: str, name: str = "lines.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_last_line_says_what_was_found_and_what_comes_next(tmp_path: Path) -> None:
    out = tmp_path / "story.toml"
    told = said("story", "import", written(tmp_path, LINES), "--out", out).splitlines()
    assert told == [
        'note    character girl is "一个紫色短发小女孩"; kept as written, and somebody else until it '
        'says the same: panel 5 "紫色短发的小女孩"',
        "8 panels; characters: girl (6 panels), cat (4); places: living_room (3 panels), street (2); "
        f"style words left in: 二次元; wrote {out}. Next: storykit story lint {out}",
    ]


@pytest.mark.parametrize(
    ("name", "text"), [("lines.txt", LINES), ("answer.md", f"好的！\n\n{TABLE}\n\n不错吧？")]
)
def test_the_written_story_draws_the_very_prompts(tmp_path: Path, name: str, text: str) -> None:
    out = tmp_path / "new" / "story.toml"
    said("story", "import", written(tmp_path, text, name), "--out", out)
    story = load_story(out).story
    assert [prompt_of(story, panel, "authored") for panel in range(8)] == list(PROMPTS)


def test_a_story_is_written_for_people_to_read(tmp_path: Path) -> None:
    out = tmp_path / "story.toml"
    said("story", "import", written(tmp_path, TABLE, "answer.md"), "--out", out)
    text = out.read_text(encoding="utf-8")
    assert text.startswith(
        "# Imported from answer.md; each panel's prompt, as authored, is what stood there.\n"
    )
    assert "# 二次元 stands in every panel: where a LoRA's trigger says it, delete these clauses.\n" in text
    assert (
        '[[panel]]\ncaption = "第3句"\nplace = "street"\nclauses = [\n'
        '    { role = "style", text = "二次元" },\n'
        '    { role = "subject", character = "girl" },\n    { role = "action", text = "撑着伞走路" },\n'
        '    { role = "place", place = "street" },\n]\n'
    ) in text


def test_an_experiment_draws_an_imported_story(tmp_path: Path) -> None:
    said("story", "import", written(tmp_path, LINES), "--out", tmp_path / "story.toml")
    text = 'stories = ["story.toml"]\nseeds = [0]\norders = ["authored", "scene-first"]\n'
    text += '[[candidate]]\nname = "a"\n'
    assert [one.name for one in load_experiment(written(tmp_path, text, "e.toml")).stories] == ["story"]


def test_a_notebooks_settings_are_told_as_lines_of_an_experiment(tmp_path: Path) -> None:
    cells = [
        f"torch.manual_seed({seed})\n"
        f"pipe(prompt={prompt!r}, cfg_scale=4, num_inference_steps=50, height=1024, width=1024)"
        for prompt, seed in zip(PROMPTS, (0, 1, 2, 5, 0, 1, 7, 0), strict=True)
    ]
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": one} for one in cells]})
    told = said("story", "import", written(tmp_path, notebook, "n.ipynb"), "--out", tmp_path / "s.toml")
    assert (
        "note    a story holds no settings; the panels had the seeds 0, 1, 2, 5, 0, 1, 7, 0: "
        "write into the experiment seeds = [0, 1, 2, 5, 7], steps = 50, cfg = 4, size = 1024\n"
    ) in told


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("there.toml", "is there already: choose another --out, or delete it first"),
        ("story.txt", "a story's file ends in .toml: name it so behind --out"),
        ("folder.toml", "is a folder: name a file in it behind --out"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_and_what_is_there_stays(
    tmp_path: Path, out: str, told: str
) -> None:
    written(tmp_path, "mine", "there.toml")
    (tmp_path / "folder.toml").mkdir()
    assert (
        refused("story", "import", written(tmp_path, LINES), "--out", tmp_path / out)
        == f"{tmp_path / out}: {told}"
    )
    assert (tmp_path / "there.toml").read_text(encoding="utf-8") == "mine"


def test_a_refused_table_leaves_no_story(tmp_path: Path) -> None:
    table = written(tmp_path, "\n".join(PROMPTS[:7]))
    assert "must have exactly 8 lines of text" in refused(
        "story", "import", table, "--out", tmp_path / "s.toml"
    )
    assert not (tmp_path / "s.toml").exists()


def test_the_answer_in_the_docs_becomes_what_the_docs_say(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "stories.md").read_text(encoding="utf-8")
    answer, told = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("markdown", "text"))
    written(tmp_path, answer, "answer.md")
    with chdir(tmp_path):
        assert said("story", "import", "answer.md", "--out", "rain.toml") == told
