"""What is refused and noted of stories is told in Chinese, and files say it in English."""

import json
from pathlib import Path

import pytest
from english_sentences import english_sentences
from stories import clause_story, plain_story

from kit.did_you_mean import did_you_mean, none_such
from kit.errors import InputError
from kit.messages import in_english, tr
from kit.story.anchors import anchor_faults
from kit.story.importing.read_story import read_foreign_story
from kit.story.lint.lint import lint
from kit.story.story import Story, load_story
from kit.story.structure.import_story import import_story

PROMPTS = [f"一只橘猫，在第{n}个公园里奔跑" for n in range(1, 9)]
CAT = {"cat": "一只橘猫"}


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def check(said: str) -> None:
    """Check that a sentence is Chinese, and known in English."""
    assert not english_sentences(said), said
    assert said != in_english(said)


def toml(*panels: str, top: str = 'title = "t"') -> str:
    filled = [*panels, *(f'prompt = "{one}"' for one in PROMPTS[len(panels) :])]
    return f"{top}\n" + "".join(f"[[panel]]\n{one}\n" for one in filled)


STORIES = {
    "no panels": ("a.toml", 'title = "t"'),
    "no title": ("a.toml", toml(top="")),
    "two panels": ("a.toml", 'title = "t"\n' + '[[panel]]\nprompt = "小猫"\n' * 2),
    "nobody of that name": ("a.toml", toml('clauses = [{ role = "subject", character = "dog" }]')),
    "neither clauses nor prompt": ("a.toml", toml('caption = "早上"')),
    "both": ("a.toml", toml('prompt = "小猫"\nclauses = [{ role = "detail", text = "雨" }]')),
    "no words": ("a.toml", toml('prompt = "，"')),
    "no such role": ("a.toml", toml('clauses = [{ role = "hero", text = "小猫" }]')),
    "a key nearly right": ("a.toml", toml('promt = "小猫"')),
    "an anchor that is none": (
        "a.toml",
        toml() + '[characters.cat]\ntext = "小猫"\nanchor = "first"\n',
    ),
    "an anchor without the character": (
        "a.toml",
        toml() + '[characters.cat]\ntext = "小猫"\nanchor = "panel 2"\n',
    ),
    "a weight": ("a.toml", toml('prompt = "(小猫:1.3), <lora:ink:0.8>, --ar 1:1, {a|b}, [雨:雪]"')),
    "an unseen mark": ("a.txt", "\n".join(["小\u200b猫", *PROMPTS[1:]])),
    "seven lines": ("a.txt", "\n".join(PROMPTS[1:])),
    "a line without words": ("a.txt", "\n".join(["……", *PROMPTS[1:]])),
    "TOML in a text": ("a.txt", toml()),
    "another suffix": ("a.docx", ""),
    "no suffix": ("a", ""),
    "no such file": ("b.toml", None),
}


@pytest.mark.parametrize(("name", "text"), STORIES.values(), ids=STORIES)
def test_a_story_is_refused_in_chinese(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_story(tmp_path / name)
    for fault in caught.value.faults:
        check(fault)


def table(head: str, row: str, count: int = 8) -> str:
    return head + "".join(row.format(n=n, p=f"小猫跑{n}") for n in range(1, count + 1))


HEAD = "| 序号 | 提示词 |\n|---|---|\n"
TEXTS = {
    "nothing": ("a.md", ""),
    "seven rows": ("a.md", table(HEAD, "| {n} | {p} |\n", 7)),
    "nine lines": ("a.txt", "\n".join([*PROMPTS, "小猫睡了"])),
    "no column of prompts": ("a.csv", table("id,picture\n", "{n},{p}\n")),
    "no names of columns": ("a.csv", "1,2\n3,4\n"),
    "an empty prompt": ("a.md", table(HEAD, "| {n} |  |\n")),
    "a cell too many": ("a.md", table(HEAD, "| {n} | {p} | {p} |\n")),
    "a cell too few": ("a.md", table(HEAD, "| {p} |\n")),
    "two tables": ("a.md", table(HEAD, "| {n} | {p} |\n") + "\n然后\n\n" + table(HEAD, "| {n} | {p} |\n")),
    "a formula": ("a.csv", table("id,prompt\n", "=A{n},{p}\n")),
    "a quote": ("a.csv", table("id,prompt\n", '{n},小"猫{n}\n')),
    "an open quote": ("a.csv", 'id,prompt\n1,"小猫\n'),
    "JSON that is broken": ("a.json", '[{"prompt": "小猫",}]'),
    "JSON without panels": ("a.json", '{"title": "雨"}'),
    "two objects": ("a.json", json.dumps([{"prompt": "小猫"}, {"prompt": "小狗"}])),
    "numbers that jump": ("a.txt", table("", "{n}. {p}\n").replace("5.", "6.")),
    "a list without prompts": ("a.md", "".join(f"第{n}格\n画面：\n" for n in range(1, 9))),
    "a second prompt": ("a.md", "1. 雨\n提示词：小猫\n提示词：小狗\n2. 雪\n提示词：小猫\n"),
    "a label inside": ("a.md", table(HEAD, "| {n} | {p} 负面提示词：雨 |\n")),
    "HTML": ("a.md", "<table><tr><td>小猫</td></tr></table>"),
    "a notebook that draws nothing": ("a.ipynb", '{"cells": []}'),
    "a notebook that is broken": ("a.ipynb", '{"cells": ['),
    "a script that draws two": ("a.py", 'pipe(prompt="小猫")\npipe(prompt="小狗")\n'),
    "a prompt made by code": ("a.py", "for one in load():\n    pipe(prompt=one)\n"),
    "a script that is no Python": ("a.py", "pipe(prompt=\n"),
    "another program's marks": ("a.md", table(HEAD, "| {n} | {p}，(小猫:1.3) |\n")),
    "a workbook": ("a.xlsx", ""),
    "a document": ("a.docx", ""),
    "a story already": ("a.toml", toml()),
}


@pytest.mark.parametrize(("name", "text"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_story_is_refused_in_chinese(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_foreign_story(tmp_path / name)
    for fault in caught.value.faults:
        check(fault)


SCRIPT = "".join(
    f'image = pipe(prompt="小女孩，{"短发" if n == 3 else "长发"}，走路{n}", seed={n}, steps=30, '
    f'negative_prompt="{"雨" if n == 2 else "雪"}")\nimage.save("{n}.jpg")\n'
    for n in (1, *range(1, 9))
)


def test_notes_on_an_import_are_chinese_on_the_screen_and_english_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text(SCRIPT, encoding="utf-8")
    notes = import_story(tmp_path / "a.py", tmp_path / "zh.toml").notes
    for note in notes:
        check(note)
    monkeypatch.setenv("STORYKIT_LANG", "en")
    assert len(notes) > 2
    assert import_story(tmp_path / "a.py", tmp_path / "en.toml").notes == list(map(in_english, notes))
    assert (tmp_path / "zh.toml").read_bytes() == (tmp_path / "en.toml").read_bytes()


LINTED = {
    "words and looks": plain_story(
        "一个小女孩，在公园", "一个小男孩和小女孩", "红裙子的小女孩", "长发的小女孩在跑"
    ),
    "names, pronouns, styles": plain_story(
        "小满，在家", "小满，在跑", "她在睡觉", "水彩风格，小猫", "油画风格，小猫"
    ),
    "places first, copies, negations": plain_story(
        "在森林里，小猫", "小猫，跑", "小猫，跑", "小猫，没有戴帽子"
    ),
    "clauses": clause_story(CAT, "subject: @cat", "subject: @cat", "subject: 一只猫", "subject: 一只小狗"),
    "one panel": plain_story("a girl in a park", "a girl runs", "a boy sleeps", "a girl with a dog"),
}


@pytest.mark.parametrize("story", LINTED.values(), ids=LINTED)
def test_findings_are_told_in_chinese(story: Story) -> None:
    found = lint(story, trigger="水墨画风格", count=lambda prompt: 300)
    assert found
    for one in found:
        check(one.what)


def test_what_is_known_of_names_and_panels_is_told_in_chinese() -> None:
    four = {name: f"一只{name}" for name in ("小猫", "小狗", "小兔", "小熊")}
    crowd = " | ".join(f"subject: @{name}" for name in four)
    [crowded] = anchor_faults(clause_story(four, *[crowd] * 3, *(f"subject: @{name}" for name in four)))
    check(crowded)
    check(did_you_mean("ink_", ["ink"]))
    check(none_such(tr("the title"), tr("none"), "inc", ["base", "ink"]))
