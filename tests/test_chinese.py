"""What a reader of Chinese is told: every sentence is translated, with all that stands in its braces."""

import re
from collections.abc import Iterator
from string import Formatter

import pytest
from catalogue import MO, PO, Template, is_told, mo_bytes, po_bytes, read_catalogue, said, updated
from command import tell
from english_sentences import english_sentences
from typer.main import get_command

from storykit.cli.main import app

WRONG = [
    (),
    ("gat",),
    ("gate",),
    ("gate", "a", "b"),
    ("score", "--foo"),
    ("generate", "x", "--out"),
    ("cast", "nowhere", "--keep", "9"),
    ("train", "x", "--out", "y", "--pick", "worst"),
    ("lora", "nothing.safetensors"),
    ("lora", "merge", "a.safetensors", "--out", "b.safetensors"),
    ("metrics", "validate", "--tales", "1"),
    ("model", "a.safetensors"),
    ("model", "merge", "a", "b", "--share", "2", "--out", "c.safetensors"),
    ("model", "merge", "a", "b", "--share", "0", "--blocks", "IN01=1", "--out", "c.safetensors"),
    ("metrics", "story.toml"),
    ("verify", "a.zip", "--reproduce"),
    ("story",),
    ("train", "train.toml"),
    ("lora", "convert", "mini:ink", "--to", "comfy", "--out", "a.safetensors"),
    ("new", "folder", "--template", "none"),
]
PANEL = '[[panel]]\ncaption = "小橘跑。"\nclauses = [{ role = "action", text = "奔跑" }]\n'
STORY = f'title = "雨"\nlanguage = "zh"\n{PANEL * 8}'
REFUSED = {
    "a misspelt key": (
        STORY.replace("caption", "captoin", 1),
        "panel[1].captoin：没有这个键；是不是 caption？",
    ),
    "a wrong language": (STORY.replace('"zh"', '"cn"'), "language：应为 'zh' 或 'en'，实际是 'cn'"),
    "a wrong role": (
        STORY.replace('"action"', '"acton"', 1),
        "应为 'style'、'subject'、'action'、'place'、'detail' 或 'unknown'，实际是 'acton'",
    ),
    "two texts": (
        STORY.replace("text =", 'character = "cat", text =', 1),
        "text、character、place 中应正好写一个",
    ),
    "no text": (STORY.replace(', text = "奔跑"', "", 1), "实际写了：无"),
    "a full-width comma": (STORY.replace('"action", ', '"action"，', 1), "有全角符号“，”，改成半角的 ,"),
    "curly quotes": (STORY.replace('"雨"', "“雨”"), '有弯引号 “，改成直引号 "'),
    "an unseen mark": (STORY.replace("奔跑", "奔\\u0007跑", 1), "含有看不见的字符 U+0007"),
    "seven panels": (STORY.removesuffix(PANEL), "panel：故事应正好有 8 格，实际有 7 格"),
    "a key twice": (STORY.replace("language", 'title = "x"\nlanguage'), "title 出现了两次；只留一个"),
}
HALVES = re.compile(r"[一-鿿] [一-鿿]|[一-鿿][A-Za-z0-9`]|[A-Za-z0-9`][一-鿿]|[一-鿿'）], |[一-鿿）][:;]")
"""What is glued, torn apart, or has a mark of English between it."""


def fields_of(template: str) -> set[tuple[str, str | None, str | None]]:
    """Return the values of a template, with their formats."""
    parts = Formatter().parse(template)
    return {(name, spec, conversion) for _, name, spec, conversion in parts if name}


def every_command(command=None, *words: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command and group."""
    command = command or get_command(app)
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from every_command(child, *words, name)


def forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else string


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    monkeypatch.setenv("LANGUAGE", "zh")


def test_everything_that_the_code_says_is_translated_and_nothing_else_is_kept():
    catalogue = read_catalogue()
    kept = {Template(message.id, message.context) for message in catalogue if message.id}
    assert kept == said()
    assert [message.id for message in catalogue if message.id and not is_told(message)] == []


def test_no_translation_lost_a_value_or_its_format():
    lost = [
        (message.id, message.string)
        for message in read_catalogue()
        if message.id
        for translated in forms(message.string)
        if fields_of(translated) != fields_of(forms(message.id)[-1])
    ]
    assert lost == []


def test_the_compiled_catalogue_is_that_of_the_written_one():
    assert MO.read_bytes() == mo_bytes(read_catalogue())
    assert PO.read_bytes() == po_bytes(updated(read_catalogue()))


def test_chinese_is_punctuated_as_chinese():
    halfwidth = re.compile(r"[一-鿿][,;:?!](?!\w)|[一-鿿]\(")
    wrong = [
        translated
        for message in read_catalogue()
        if message.id
        for translated in forms(message.string)
        if halfwidth.search(re.sub("“[^”]*”|`[^`]*`", "", translated))
    ]
    assert wrong == []


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_help_is_in_chinese(words, chinese):
    answer = tell(*words, "--help")
    assert answer.out.startswith("用法：storykit")
    assert english_sentences(answer.out) == []
    assert "Options" not in answer.out


@pytest.mark.parametrize(("story", "told"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_story_is_refused_in_whole_chinese_sentences(story, told, chinese, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.toml").write_text(story, "utf-8")
    line = tell("story", "lint", "story.toml").err
    assert told in line
    assert HALVES.findall(line) == english_sentences(line) == []


def test_an_imported_story_tells_what_it_found_in_a_chinese_list(chinese, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("一只猫，坐着，在森林\n一个女孩，站着，在街上\n" * 4, "utf-8")
    line = tell("story", "import", "a.txt", "--out", "b.toml").out
    assert "；地点：" in line
    assert HALVES.findall(line) == []


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_told_in_chinese(words, chinese):
    answer = tell(*words)
    assert english_sentences(answer.out + answer.err) == []
    assert re.search("[一-鿿]", answer.out + answer.err)
