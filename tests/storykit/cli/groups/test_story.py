"""storykit story lint: what is said of a story's words on the command line."""

import json
from pathlib import Path

import pytest
from command import refused, said, tell

import kit

EXAMPLES = Path(kit.__file__).parent / "examples"
GIRL = "一个黑色长发的小女孩，穿着红色裙子"


def eight(folder: Path, *lines: str) -> Path:
    """Write a story of eight lines, filled up with mountains."""
    path = folder / "story.txt"
    path.write_text("\n".join([*lines, *(f"山{k}" for k in range(8 - len(lines)))]), encoding="utf-8")
    return path


def test_each_finding_is_said_with_its_panels_and_the_words_to_write(tmp_path):
    story = eight(tmp_path, GIRL + "，跑步", "在公园，" + GIRL, "她在睡觉")
    first, *blocks = said("story", "lint", story).splitlines()
    assert first == f"{story}: 2 findings"
    assert [line.split(":")[0] for line in blocks] == ["panel 3", "  write", "panel 2", "  write"]
    assert blocks[1] == f"  write: {GIRL}在睡觉"
    assert blocks[3] == f"  write: {GIRL}，在公园"
    assert blocks[2].endswith("[not-first]")


def test_an_example_is_called_one(tmp_path):
    lines = said("story", "lint", eight(tmp_path, "小女孩跑步", "小女孩睡觉")).splitlines()
    assert lines[-1] == "  for instance: 黑色长发的小女孩，穿着红色裙子"


def test_a_sound_story_is_one_line_that_names_who_was_seen():
    line = said("story", "lint", EXAMPLES / "demo-zh.toml")
    assert line.endswith(
        ": nothing that makes the hero drift "
        "(8 panels, xiaoman in panels 1 to 4, 6 to 8, xiaoju in panels 1, 5 to 8)\n"
    )


def test_findings_fail_the_command_only_where_that_is_asked_for(tmp_path):
    faulty, sound = eight(tmp_path, "小女孩跑步", "小女孩睡觉"), EXAMPLES / "demo-zh.toml"
    assert [tell("story", "lint", *words).code for words in ([faulty], [faulty, "--strict"])] == [0, 1]
    assert [tell("story", "lint", *words, "--strict").code for words in ([sound], [sound, faulty])] == [0, 1]


def test_several_stories_are_told_one_after_the_other_and_as_json(tmp_path):
    faulty, sound = eight(tmp_path, "小女孩跑步", "小女孩睡觉"), EXAMPLES / "demo-zh.toml"
    lines = said("story", "lint", sound, faulty).splitlines()
    assert [lines[0].split(": ")[0], lines[1]] == [str(sound), f"{faulty}: 1 finding"]
    read = json.loads(said("story", "lint", sound, faulty, "--json"))
    assert [(one["file"], len(one["findings"])) for one in read] == [(str(sound), 0), (str(faulty), 1)]
    assert read[1]["findings"][0]["rule"] == "looks-not-named"
    assert read[1]["findings"][0]["panels"] == [1, 2]


def test_tokens_are_those_of_the_base(tmp_path):
    story = eight(tmp_path, ", ".join(["a knight", *["jousting quixotically beyond the kaleidoscope"] * 16]))
    assert "nothing that makes" in said("story", "lint", story)
    assert "are read: what stands last is cut off" in said("story", "lint", story, "--base", "mini")
    assert 'must be "mini", "kolors", a folder or a model' in refused(
        "story", "lint", story, "--base", tmp_path / "no"
    )


def test_a_trigger_of_another_style_is_told(tmp_path):
    story = eight(tmp_path, *["水彩画，" + GIRL + f"，第{k}天" for k in range(8)])
    assert "nothing that makes" in said("story", "lint", story)
    assert "[several-styles]" in said("story", "lint", story, "--trigger", "水墨画风格")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("e.toml", 'stories = ["rain.toml"]\n', "is an experiment's .toml file, not a story: give"),
        ("t.toml", 'data = "photos"\n', "is a training's .toml file, not a story"),
        ("s.txt", "one\ntwo\n", "a story has exactly 8 lines that are not empty, got 2"),
        ("s.toml", 'title = "雨"\n[[panel]]\nprompt = "猫"\n', "a story has exactly 8 panels, got 1"),
        ("s.toml", "title = ", "line 1"),
        ("s.png", "", "is a picture, not a story"),
    ],
)
def test_what_is_no_story_is_refused(tmp_path, name, text, told):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert told in refused("story", "lint", EXAMPLES / "demo-zh.toml", tmp_path / name)
    assert "does not exist" in refused("story", "lint", tmp_path / "gone.toml")
