"""A story in whatever form people have it is read into its eight rows."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kit.errors import InputError
from kit.story.importing.foreign_story import ForeignStory
from kit.story.importing.read_story import read_foreign_story

PROMPTS = (
    "水彩风格，一个戴红帽子的小女孩，坐在窗边，在家里客厅，傍晚",
    "水彩风格，一个戴红帽子的小女孩，推开门，在门口，下雪",
    "水彩风格，一个戴红帽子的小女孩，堆雪人，在院子里",
    "水彩风格，一只灰色的小兔子，躲在树后，在森林里",
    "水彩风格，一个戴红帽子的小女孩，蹲下，一只灰色的小兔子，抬头看着她",
    "水彩风格，一个戴红帽子的小女孩，抱着小兔子奔跑，在森林里，夜晚",
    "水彩风格，一只灰色的小兔子，吃胡萝卜，在家里客厅",
    "水彩风格，一个戴红帽子的小女孩，一只灰色的小兔子，一起睡着了，在卧室里",
)
CAPTIONS = tuple(f"第{number}天的事。" for number in range(1, 9))
NEGATIVE = "模糊，变形"
NUMERALS = "一二三四五六七八"
CIRCLED = "①②③④⑤⑥⑦⑧"


def lines(form: str, prompts: Sequence[str] = PROMPTS, between: str = "\n") -> str:
    """Return a piece a panel: {n} {c} {o} are its number, {p} its prompt, {s} its caption, {x} a negative."""
    return between.join(
        form.format(n=at + 1, c=NUMERALS[at % 8], o=CIRCLED[at % 8], p=prompt, s=CAPTIONS[at % 8], x=NEGATIVE)
        for at, prompt in enumerate(prompts)
    )


def read(folder: Path, text: str | bytes, name: str = "answer.md") -> ForeignStory:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_foreign_story(path)


def refusal(folder: Path, text: str | bytes, name: str = "answer.md") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text, name)
    told = str(caught.value)
    assert "\n" not in told
    return told.partition(f"{name}: ")[2]


OBJECTS = [{"panel": at, "提示词": one, "旁白": "句"} for at, one in enumerate(PROMPTS, 1)]
HEAD = "| 序号 | 画面 | 提示词 |\n|---|---|---|\n"
TABLE = HEAD + lines("| {n} | {s} | {p} |")
FORMS = {
    "eight lines": lines("{p}"),
    "lines apart": lines("{p}", between="\n\n"),
    "Windows' lines": lines("{p}", between="\r\n"),
    "old Mac's lines": lines("{p}", between="\r"),
    "a title above": "《红帽子》\n\n" + lines("{p}"),
    "a heading above": "# 红帽子\n" + lines("{p}"),
    "a titled line": "标题：红帽子\n" + lines("{p}"),
    "bullets": lines("- {p}"),
    "1.": lines("{n}. {p}"),
    "1、": lines("{n}、{p}"),
    "1）": lines("{n}）{p}"),
    "(1)": lines("({n}) {p}"),
    "【1】": lines("【{n}】{p}"),
    "第一格": lines("第{c}格：{p}"),
    "第1幕": lines("第 {n} 幕 {p}"),
    "第1张图": lines("第{n}张图：{p}"),
    "①": lines("{o}{p}"),
    "② after a blank": lines("{o} {p}"),
    "P1": lines("P{n} {p}"),
    "Panel 1": lines("Panel {n}: {p}"),
    "Scene 1": lines("Scene {n} - {p}"),
    "图1": lines("图{n}：{p}"),
    "镜头一": lines("镜头{c}：{p}"),
    "1️⃣": lines("{n}\ufe0f\u20e3 {p}"),
    "numbers in an answer": "好的！下面是八格故事：\n\n"
    + lines("{n}. {p}", between="\n\n")
    + "\n\n希望你喜欢！",
    "quoted prompts": lines("{n}. “{p}”"),
    "a table": TABLE,
    "a table in an answer": f"当然可以！以下是故事：\n\n{TABLE}\n\n需要我调整吗？",
    "a table in a fence": f"```markdown\n{TABLE}\n```\n",
    "a table in a quote": "".join(f"> {line}\n" for line in TABLE.splitlines()),
    "a table without edges": "编号 | 提示词\n:-: | ---\n" + lines("{n} | {p}"),
    "a table of full-width bars": "｜页｜提示词｜旁白｜\n" + lines("｜{n}｜{p}｜{s}｜"),
    "a table without a rule": "| No. | Prompt |\n" + lines("| {n} | {p} |"),
    "bold headers": TABLE.replace("提示词", "**提示词**"),
    "headers in two languages": TABLE.replace("提示词", "提示词（Prompt）"),
    "code in cells": "| 序号 | 提示词 |\n|---|---|\n" + lines("| {n} | `{p}` |"),
    "breaks in cells": TABLE.replace("，", "，<br>"),
    "two tables, one of characters": f"| 角色 | 提示词 |\n|---|---|\n| 女孩 | 红帽子 |\n\n{TABLE}",
    "labels below headings": lines("**第{c}格：{s}**\n提示词：{p}\n旁白：{s}", between="\n\n"),
    "labels in bullets": lines("### 镜头{n}\n- **画面描述**：{s}\n- **提示词**：{p}\n- 景别：中景"),
    "labels before fences": lines("**{n}. {s}**\n\n提示词：\n\n```\n{p}\n```\n"),
    "labels without numbers": lines("* 正向提示词：{p}\n* 负面提示词：{x}\n\n![](a.png)\n"),
    "English labels": lines("{n}. **{s}**\n   - Prompt: {p}\n   - Caption: {s}"),
    "labels behind nested numbers": lines("第{c}格\n1. 画面：{s}\n2. 提示词：{p}"),
    "bold titles": "Sure!\n\n" + lines("{n}. **{s}**: {p}") + "\n\nEnjoy!",
    "texts below titles": lines("**{n}. {s}**\n\n{p}", between="\n\n") + "\n\n以上就是全部。",
    "texts right below numbers": lines("第{c}格\n{p}"),
    "cast first, then panels": "1. 女孩：红帽子\n2. 兔子：灰色\n\n" + lines("第{c}格：{p}"),
    "labels in one line": lines("图{n}：【画面】{s}【提示词】{p}"),
    "labels apart by blanks": lines("{n}. 旁白：{s} 提示词：{p}"),
    "emoji before names": lines("🎬 第{n}格\n🖼️ 提示词：{p}\n💬 旁白：{s}", between="\n\n"),
    "negative for all at the end": lines("{n}. **{s}**\n   - 提示词：`{p}`") + "\n统一负面提示词：`手`",
    "❶": "".join(f"{chr(0x2776 + at)} {one}\n" for at, one in enumerate(PROMPTS)),
    "１．": "".join(f"{chr(0xFF11 + at)}．{one}\n" for at, one in enumerate(PROMPTS)),
    "1/8": lines("{n}/8 {p}"),
    "numbers twice": lines("{n}. 第{c}幕：{p}"),
    "提示词1": lines("提示词{n}：{p}"),
    "/imagine": lines("/imagine prompt: {p}"),
    "traditional letters": "| 編號 | 提示詞 |\n|---|---|\n" + lines("| {n} | {p} |"),
    "YAML": lines('- panel: {n}\n  prompt: "{p}"\n  caption: {s}'),
    "JSON in a fence": "```json\n" + json.dumps(OBJECTS, ensure_ascii=False, indent=1) + "\n```",
    "JSON of a whole story": json.dumps({"title": "红帽子", "panels": OBJECTS}),
    "an object a line": "\n".join(json.dumps(one, ensure_ascii=False) for one in OBJECTS),
    "bare numbers": lines("{n} {p}"),
    "dashes behind numbers": lines("{n}-{p}"),
    "bold numbers": lines("**{n}** {p}"),
    "numbers in lines of their own": lines("{n}\n{p}", between="\n\n"),
    "titles in brackets": lines("第{c}格（出门）：{p}"),
    "two languages": lines("第{c}格\n中文提示词：{p}\nEnglish prompt: a girl", between="\n\n"),
    "two languages in bullets": lines("- 第{n}格\n  - 提示词（中文）：{p}\n  - 提示词（英文）：a girl"),
    "正向 and 负向": lines("第{c}格：出门\n正向：{p}\n负向：{x}", between="\n\n"),
    "labels in stars": lines("**Panel {n}**\n\n*Prompt*: {p}\n\n*Negative prompt*: {x}", between="\n\n"),
    "an opening sentence": "以下是八条提示词：\n" + lines("{p}"),
    "a negative line below": lines("{p}") + "\n负面提示词：手",
    "a list of texts": json.dumps(PROMPTS),
    "a table turned": f"|项|{lines('第{n}格', between='|')}|\n|-{'|-' * 8}|\n"
    + f"|提示词|{lines('{p}', between='|')}|",
    "a table in two parts": TABLE.replace("| 5 |", f"\n续表：\n\n{HEAD}| 5 |"),
    "headers again": TABLE.replace("| 5 |", f"{HEAD}| 5 |"),
    "pasted cells": "序号\t画面\t提示词\n" + lines("{n}\t{s}\t{p}"),
}
TABLES = {
    "commas": ("t.csv", "序号,画面,提示词\n" + lines('{n},{s},"{p}"')),
    "Excel's commas": (
        "t.csv",
        "\ufeff编号,旁白,正向提示词,反向提示词\r\n" + lines('{n},{s},"{p}",{x}', between="\r\n"),
    ),
    "semicolons": ("t.csv", "No.;Story;Prompt\n" + lines("{n};{s};{p}")),
    "sep=": ("t.csv", "sep=;\nNo.;Story;Prompt\n" + lines("{n};{s};{p}")),
    "tabs": ("t.tsv", "Page\tCaption\tPositive prompt\n" + lines("{n}\t{s}\t{p}")),
    "columns the other way": ("t.csv", "提示词,画面,镜头\n" + lines("{p},{s},{n}")),
    "prompts alone": ("t.csv", "prompt\n" + lines("{p}")),
    "a title above": ("t.csv", "红帽子,\n序号,提示词\n" + lines('{n},"{p}"')),
    "positive and negative": ("t.csv", "id,positive,negative\n" + lines('{n},"{p}",bad')),
    "正向 and 负向": ("t.csv", "序号,正向,负向\n" + lines('{n},"{p}",手')),
    "commas behind": ("t.csv", "序号,提示词,,\n" + lines('{n},"{p}",,') + "\n,,,\n"),
    "blank rows": ("t.csv", "序号,提示词\n" + lines("{n},{p}\n,")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["story.txt", "answer.md"])
def test_a_text_gives_its_eight_prompts_word_for_word(tmp_path: Path, form: str, name: str) -> None:
    story = read(tmp_path, FORMS[form], name)
    assert [row.prompt.replace("， ", "，") for row in story.rows] == list(PROMPTS)


@pytest.mark.parametrize("form", TABLES)
def test_a_spreadsheets_table_gives_its_eight_prompts(tmp_path: Path, form: str) -> None:
    name, text = TABLES[form]
    assert [row.prompt for row in read(tmp_path, text, name).rows] == list(PROMPTS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_every_encoding_of_a_chinese_desktop_is_read(tmp_path: Path, encoding: str) -> None:
    for name, text in (("t.csv", TABLES["commas"][1]), ("t.txt", FORMS["eight lines"])):
        assert [row.prompt for row in read(tmp_path, text.encode(encoding), name).rows] == list(PROMPTS)


@pytest.mark.parametrize(
    "form", ["a table", "labels below headings", "English labels", "pasted cells", "bold titles"]
)
def test_what_is_told_beside_a_prompt_is_its_caption(tmp_path: Path, form: str) -> None:
    assert [row.caption for row in read(tmp_path, FORMS[form]).rows] == list(CAPTIONS)


@pytest.mark.parametrize(
    "form", ["a title above", "a heading above", "a titled line", "JSON of a whole story"]
)
def test_a_line_that_is_a_title_becomes_the_title(tmp_path: Path, form: str) -> None:
    assert read(tmp_path, FORMS[form]).title == "红帽子"


def test_the_negative_prompts_are_read_from_columns_and_labels(tmp_path: Path) -> None:
    for name, text in (TABLES["Excel's commas"], ("a.md", FORMS["labels without numbers"])):
        assert {row.negative for row in read(tmp_path, text, name).rows} == {NEGATIVE}


def test_one_negative_prompt_for_all_may_stand_above_a_list(tmp_path: Path) -> None:
    text = f"通用负面提示词：{NEGATIVE}\n\n" + lines("第{c}格\n提示词：{p}", between="\n\n")
    assert {row.negative for row in read(tmp_path, text).rows} == {NEGATIVE}


def test_the_chinese_column_is_taken_where_the_prompts_stand_in_two_languages(tmp_path: Path) -> None:
    text = "| 序号 | English Prompt | 中文提示词 |\n|---|---|---|\n" + lines("| {n} | a girl | {p} |")
    story = read(tmp_path, text)
    assert [row.prompt for row in story.rows] == list(PROMPTS)
    assert story.notes == ["left out: the column English Prompt"]


@pytest.mark.parametrize("form", ["two languages", "two languages in bullets"])
def test_prompts_in_another_language_are_told_as_left_out(tmp_path: Path, form: str) -> None:
    (note,) = read(tmp_path, FORMS[form]).notes
    assert note.startswith("left out: the prompts behind ")


def test_lines_that_begin_with_like_numbers_are_no_numbered_lines(tmp_path: Path) -> None:
    prompts = [f"8-bit pixel art, a cat, scene {number}" for number in "abcdefgh"]
    assert [row.prompt for row in read(tmp_path, "\n".join(prompts), "s.txt").rows] == prompts


def test_a_bar_inside_a_cell_is_written_with_a_backslash(tmp_path: Path) -> None:
    story = read(tmp_path, TABLE.replace("傍晚", r"傍晚\|黄昏"))
    assert story.rows[0].prompt.endswith("傍晚|黄昏")


def test_what_is_no_number_stays_in_the_prompt(tmp_path: Path) -> None:
    prompts = [f"1girl, solo, 16:9, scene {number}" for number in range(8)]
    assert [row.prompt for row in read(tmp_path, "\n".join(prompts), "s.txt").rows] == prompts


def test_a_place_is_told_by_line(tmp_path: Path) -> None:
    assert read(tmp_path, f"好的：\n\n{TABLE}").rows[7].at == "line 12"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty; it must hold the story's eight panels"),
        (" \n\t\n", "is empty; it must hold the story's eight panels"),
        (
            lines("{p}", PROMPTS[:7]),
            "must have exactly 8 lines of text, one a panel, got 7; write the others",
        ),
        (
            lines("{p}", (*PROMPTS, "一只狗")),
            "must have exactly 8 lines of text, one a panel, got 9; keep those of the story",
        ),
        (lines("{n}. {p}", PROMPTS[:7]), "must have exactly 8 panels, one a panel, got 7; write the others"),
        (TABLE.rpartition("\n")[0], "must have exactly 8 rows, one a panel, got 7; write the others"),
        (TABLE.replace(PROMPTS[2], ""), "line 5: there is no prompt; each of the eight panels needs one"),
        (TABLE.replace(PROMPTS[2], "3"), "line 5: there is no prompt; each of the eight panels needs one"),
        (TABLE.replace(PROMPTS[2], "——"), "line 5: there is no prompt; each of the eight panels needs one"),
        (
            TABLE.replace("提示词", "旁白"),
            "line 1: no column is called 提示词 or Prompt, it has 序号, 画面, 旁白; if 画面 is what "
            "shall be drawn, call that column 提示词",
        ),
        (
            f"{TABLE}\n\n另一版：\n\n{TABLE}",
            "holds 2 tables of eight prompts, in lines 1 and 14; keep one of them",
        ),
        (TABLE.replace("傍晚", "傍晚|黄昏"), "line 3: has 4 cells where the headers are 3; "),
        (TABLE.replace("傍晚", "(傍晚:1.3)"), "line 3: '(傍晚:1.3)' is a weight in A1111; "),
        (TABLE.replace("傍晚", "傍\u200b晚"), "line 3: holds U+200B, which nobody sees"),
        (TABLE.replace("第1天", "第\u200b1天"), "line 3, caption: holds U+200B, which nobody sees"),
        (lines("第{c}格\n旁白：{s}"), "line 1: no panel has a line that begins 提示词： or Prompt:"),
        (
            lines("第{c}格\n提示词：{p}").replace(f"提示词：{PROMPTS[4]}", "旁白：没了"),
            "line 9: there is no prompt; each of the eight panels needs one",
        ),
        (
            lines("{p}反向提示词：{x}"),
            "line 1: the prompt holds 反向提示词： give that",
        ),
        (lines("{n}. {p}").replace("4. ", "3. "), "line 4: has the number 3; count the panels from 1 to 8"),
        (
            TABLE.replace(" | 第4天的事。", " 第4天的事。"),
            "line 6: has 2 cells where the headers are 3; ",
        ),
        (lines("{n} | {p} | {s}"), "line 1: holds | as a table does; write |---|---| below its names of"),
        (
            lines("第{c}格\n提示词：{p}\n" + "旁白{s}"),
            "line 3: follows a text without a comma ",
        ),
        (
            lines("第{c}格\n提示词：{p}").replace("第四格", "第五格"),
            "line 7: has the number 5; count the ",
        ),
        (lines("{n}. {p}").replace("4. ", ""), "line 3: words stand below this line; write each prompt in"),
        (lines("{n} {p}").replace("4 ", "9 "), "line 1: begins with a number; count the panels from 1 to 8"),
        ("《红帽子》\n" + lines("{p}", PROMPTS[:7]), "must have exactly 8 lines of text, one a panel, got 7"),
        (lines("**{p}"), "line 1: the prompt holds marks of Markdown, ** or ```; delete them"),
        ("[" + lines('{{"prompt": "{p}"}}', between=","), "looks like JSON and is none, "),
        ('{"a": [{"b": 1}, {"b": 2}]}', "line 1: no column is called 提示词 or Prompt, it has b"),
        ('{"a": [1, 2]}', "holds no list of panels: write a list of objects, each with a prompt"),
        ("<table><tr><td>1</td><td>小猫</td></tr></table>", "holds a table as HTML; open it in a browser"),
        (lines("小猫" * 2600), "line 1: a prompt has at most 5,000 letters, got 5,200"),
        (
            lines("{n}. {p}").replace("，傍晚", "，\n傍晚"),
            "line 1: words stand below this line; write each prompt in one line",
        ),
    ],
)
def test_what_a_text_lacks_is_told_with_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    assert refusal(tmp_path, text).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "序号,画面\n" + lines("{n},{s}"),
            "line 1: no column is called 提示词 or Prompt, it has 序号, 画面; if 画面 is what",
        ),
        (
            "序号,提示词\n" + lines("{n},=A{n}&B{n}"),
            "line 2: a cell begins with = as a formula does; save the words",
        ),
        (
            "No,Prompt,Story\n" + lines("{n},a girl, running,x"),
            "line 2: has 4 cells where the headers are 3; ",
        ),
        ('No,Prompt\n1,"a girl\n', "line 2: a quote opens and is not closed"),
        ("\n", "is empty; it must hold the story's eight panels"),
        ('No,Prompt\n3"a girl, running"\n', "line 2: a quote has no partner in its cell; a mark between"),
    ],
)
def test_what_a_spreadsheets_table_lacks_is_told_with_what_to_do(
    tmp_path: Path, text: str, told: str
) -> None:
    assert refusal(tmp_path, text, "t.csv").startswith(told)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("t.xlsx", b"PK\3\4", "is a workbook; save the sheet with the story as CSV UTF-8 and give that"),
        (
            "t.docx",
            b"PK\3\4",
            "is a document; copy its table or its lines into a plain text file and give that",
        ),
        ("t.png", b"\x89PNG\r\n", "is a PNG picture, no text: copy the words into a plain text file"),
        ("t.txt", b"\xff\xd8\xff\xe0", "is a JPEG picture, no text: "),
        ("t.zip", b"PK\3\4", "is a zip archive, no text: "),
        ("t.html", b"<!doctype html><table>", "is a web page, no text: "),
        (
            "t.txt",
            bytes(range(128, 256)) * 9,
            "must be UTF-8 text, byte 1 in line 1 is not: save it as UTF-8",
        ),
        ("t.md", b"a\0b", "holds a NUL byte, which is no text"),
        ("t.txt", b"a" * 1_100_000, "must be at most 1,048,576 bytes; keep the part with the story"),
        ("t.toml", b'stories = ["a.txt"]\n', "is no story to import, which is an experiment's .toml file: "),
        (
            "t.toml",
            'title = "a"\n[[panel]]\nprompt = "小猫"\n'.encode(),
            'is a story already: an experiment draws it with stories = ["t.toml"]',
        ),
    ],
)
def test_what_is_no_text_is_told_as_what_it_is(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    assert refusal(tmp_path, data, name).startswith(told)


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; give the file in it that holds the story"):
        read_foreign_story(tmp_path)
    (tmp_path / "table.md").write_text(TABLE, encoding="utf-8")
    with pytest.raises(InputError, match=r"file does not exist, did you mean table\.md\?"):
        read_foreign_story(tmp_path / "tabel.md")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.md", "|" * 12_500),
        ("t.md", "| a " * 25_000),
        ("t.md", "｜" * 25_000),
        ("t.md", "(" * 12_500),
        ("t.md", "**" * 12_500),
        ("t.md", "`" * 12_500),
        ("t.md", "<" * 12_500),
        ("t.md", "1." * 12_500),
        ("t.md", "1.\n" * 12_500),
        ("t.md", "提示词：\n" * 9_000),
        ("t.md", "- " * 12_500),
        ("t.md", " " * 900_000 + "x"),
        ("t.md", "```python\nprompt=" + "(" * 200_000 + "\n```"),
        ("t.csv", "提示词," * 12_500),
        ("t.csv", '"' * 200_000),
        ("t.ipynb", '{"cells": ' + "[" * 12_500),
        ("t.ipynb", "[" + "0," * 1_000_000),
        ("t.py", "pipe(prompt=" + "a+" * 100_000 + "a)"),
        ("t.py", "a = 'x'\n" + "a = a + a\n" * 100 + "pipe(prompt=a)\n"),
        (
            "t.py",
            "".join(f"{' ' * depth}for a in range(9999):\n" for depth in range(9)) + " " * 9 + "pipe('小猫')",
        ),
        ("t.py", "a = 'x'\npipe(prompt=f'" + "{a}" * 50_000 + "')"),
        ("t.py", "def f():\n    f()\n    f()\nf()\npipe(prompt=f())\n"),
    ],
    ids=lambda text: text[:12],
)
def test_hostile_texts_are_refused_like_any_other(tmp_path: Path, name: str, text: str) -> None:
    assert refusal(tmp_path, text, name)
