"""A story file: eight panels, every fault named."""

from pathlib import Path

import pytest
from paths import ROOT
from pydantic import ValidationError

from kit.errors import InputError
from kit.story.story import LoadedStory, Panel, Story, load_story

HEAD = """
title = "雪"
[characters.cat]
text = "一只灰色的小猫"
[places.home]
text = "在家里客厅"
"""
PLAIN = '[[panel]]\nprompt = "小猫，在睡觉"\n'


def loaded(folder: Path, text: str, name: str = "snow.toml") -> LoadedStory:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_story(path)


def faults(folder: Path, text: str, name: str = "snow.toml") -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        loaded(folder, text, name)
    assert "\n" not in str(caught.value)
    return caught.value.faults


def test_a_story_knows_its_panels_and_takes_its_name_from_the_file(tmp_path: Path) -> None:
    panel = '[[panel]]\ncaption = "睡"\nplace = "home"\nclauses = [{ role = "subject", character = "cat" }]\n'
    story = loaded(tmp_path, HEAD + panel + PLAIN * 7)
    assert story.name == "snow"
    assert story.story.language == "zh"
    assert story.story.panels[0].clauses[0].character == "cat"
    assert story.story.panels[7].prompt == "小猫，在睡觉"


def test_a_story_never_changes(tmp_path: Path) -> None:
    story = loaded(tmp_path, HEAD + PLAIN * 8).story
    with pytest.raises(ValidationError):
        story.title = "雨"  # type: ignore[misc]


@pytest.mark.parametrize("panels", [1, 7, 9])
def test_other_than_eight_panels_are_refused(tmp_path: Path, panels: int) -> None:
    said = faults(tmp_path, HEAD + PLAIN * panels)
    assert said == (f"panel: a story has exactly 8 panels, got {panels}",)


def test_a_story_without_panels_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, HEAD) == (
        'panel is missing; write eight times [[panel]], each with prompt = "…" below it',
    )
    assert faults(tmp_path, "panel = []" + HEAD) == ("panel: a story has exactly 8 panels, got 0",)


CLAUSE = '[[panel]]\nclauses = [{{ role = "subject", character = "cat" }}, {}]\n'


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        (
            CLAUSE.format('{ role = "subject", character = "dog" }'),
            "panel[8].clauses[2].character: 'dog' is not under [characters], which has cat",
        ),
        (
            CLAUSE.format('{ role = "place", place = "park" }'),
            "panel[8].clauses[2].place: 'park' is not under [places], which has home",
        ),
        (
            '[[panel]]\nprompt = "小猫"\nplace = "park"\n',
            "panel[8].place: 'park' is not under [places], which has home",
        ),
        (
            CLAUSE.format('{ role = "hero", text = "小猫" }'),
            "panel[8].clauses[2].role: must be 'style', 'subject', 'action', 'place', 'detail' or 'unknown', "
            "got 'hero'",
        ),
        (
            CLAUSE.format('{ role = "action", text = "，" }'),
            "panel[8].clauses[2].text: must hold words, got '，'",
        ),
        (
            CLAUSE.format('{ role = "action" }'),
            "panel[8].clauses[2]: needs exactly one of text, character, place, got none",
        ),
        (
            CLAUSE.format('{ role = "subject", text = "猫", character = "cat" }'),
            "panel[8].clauses[2]: needs exactly one of text, character, place, got text and character",
        ),
        (
            '[[panel]]\ncaption = "空"\n',
            "panel[8]: needs exactly one of clauses, prompt, got none",
        ),
        (
            '[[panel]]\nprompt = "猫"\nclauses = [{ role = "subject", character = "cat" }]\n',
            "panel[8]: needs exactly one of clauses, prompt, got clauses and prompt",
        ),
        ('[[panel]]\nprompt = " ， "\n', "panel[8].prompt: must hold words, got ' ， '"),
        ('[[panel]]\nprompt = "猫"\nseed = 3\n', "panel[8].seed: unknown key"),
    ],
)
def test_a_fault_is_named_with_its_panel_and_clause(tmp_path: Path, panel: str, message: str) -> None:
    assert faults(tmp_path, HEAD + PLAIN * 7 + panel) == (message,)


def test_all_faults_come_at_once_even_those_between_the_parts(tmp_path: Path) -> None:
    panel = '[[panel]]\nplace = "moon"\nmood = 1\nclauses = [{ role = "subject", character = "dog" }]\n'
    text = 'author = "x"\nlanguage = "fr"\n' + HEAD.replace('"雪"', '""') + panel + PLAIN * 3
    assert faults(tmp_path, text) == (
        "title: must hold words, got ''",
        "language: must be 'zh' or 'en', got 'fr'",
        "panel[1].mood: unknown key",
        "author: unknown key",
        "panel: a story has exactly 8 panels, got 4",
        "panel[1].place: 'moon' is not under [places], which has home",
        "panel[1].clauses[1].character: 'dog' is not under [characters], which has cat",
    )


def test_a_story_made_in_python_is_checked_just_as_one_read() -> None:
    panels = tuple(Panel(prompt="a cat", place="park" if number == 4 else None) for number in range(8))
    with pytest.raises(ValidationError, match=r"'park' is not under \[places\], which has none"):
        Story(title="Snow", panel=panels)


def test_eight_lines_of_text_are_a_story_of_plain_prompts(tmp_path: Path) -> None:
    lines = "\ufeff\n" + "\r\n\r\n".join(f"  a cat, day {day}" for day in range(8)) + "\n\n"
    story = loaded(tmp_path, lines, "my cat.txt")
    assert (story.name, story.story.title, story.story.language) == ("my cat", "my cat", "en")
    assert [panel.prompt for panel in story.story.panels] == [f"a cat, day {day}" for day in range(8)]


def test_text_with_chinese_in_it_is_a_chinese_story(tmp_path: Path) -> None:
    assert loaded(tmp_path, "猫 in Paris\n" + "cat\n" * 7, "a.txt").story.language == "zh"


def test_other_than_eight_lines_are_refused(tmp_path: Path) -> None:
    message = (
        "a story has exactly 8 lines that are not empty, got 7; write one prompt a panel, each in one line"
    )
    assert faults(tmp_path, "cat\n" * 7 + "\n", "a.txt") == (message,)


def test_a_line_without_words_is_refused_with_its_number(tmp_path: Path) -> None:
    assert faults(tmp_path, "cat\n\n" + "cat\n" * 6 + "---\n", "a.txt") == (
        "line 9: must hold words, got '---'",
    )


@pytest.mark.parametrize(("name", "got"), [("a.json", "'.json'"), ("a", "'no suffix'")])
def test_another_kind_of_file_is_refused(tmp_path: Path, name: str, got: str) -> None:
    assert faults(tmp_path, "{}", name) == (
        f"a story is a .toml or .txt file, got {got}; save eight lines of plain text, one prompt a panel; "
        "`storykit story import FILE --out story.toml` makes one of a table, an answer or a notebook",
    )


@pytest.mark.parametrize("name", ["gone.toml", "gone.txt"])
def test_a_missing_story_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_story(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: file does not exist"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("inside", ["", "\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1c"])
def test_a_line_ends_where_it_ends_in_an_editor(tmp_path: Path, end: str, inside: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(end.join([f"a cat{inside}, asleep"] * 8).encode())
    prompts = {panel.prompt for panel in load_story(path).story.panels}
    assert prompts == {"a cat , asleep" if inside else "a cat, asleep"}


def test_marks_of_other_programs_are_refused_with_their_line_or_panel(tmp_path: Path) -> None:
    lines = "cat\n" * 5 + "\n(red cat:1.3), asleep <lora:ink:0.8>\n" + "cat\n" * 2
    lora, weight = faults(tmp_path, lines, "a.txt")
    assert lora.startswith(
        "line 7: '<lora:ink:0.8>' names a LoRA in A1111; a LoRA belongs into the experiment"
    )
    assert weight.startswith("line 7: '(red cat:1.3)' is a weight in A1111; every word counts alike here")
    text = HEAD.replace("小猫", "小猫 BREAK").replace("客厅", "{客厅|卧室}") + PLAIN * 7
    text = text.replace('title = "雪"', 'title = "雪"\nnegative = "((blurry))"')
    text += '[[panel]]\nclauses = [{ role = "detail", text = "雪 --ar 16:9" }]\n'
    assert [fault.partition(": ")[0] for fault in faults(tmp_path, text)] == [
        "negative",
        "characters.cat.text",
        "places.home.text",
        "panel[8].clauses[1].text",
    ]


def test_a_story_that_was_drawn_stays_readable_whatever_its_words(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a (cat:1.3)\n" * 8)
    assert load_story(path, drawn=True).story.panels[0].prompt == "a (cat:1.3)"


def test_toml_in_a_text_file_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path, HEAD + PLAIN * 8, "a.txt") == (
        "holds key = value as a .toml file does; rename it to end in .toml",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("title", "titel") + PLAIN * 8, "titel: unknown key; did you mean title?"),
        ("Negative = 'x'" + HEAD + PLAIN * 8, "Negative: unknown key; did you mean negative?"),
        (HEAD.replace("text", "txt", 1) + PLAIN * 8, "characters.cat.txt: unknown key; did you mean text?"),
        (
            HEAD + '[panel]\nprompt = "cat"\n',
            "panel: must be a list in [ ], got {'prompt': 'cat'}; write [[panel]]",
        ),
        ("prompt = 'a'" + HEAD + PLAIN * 8, "prompt: unknown key; it belongs under [[panel]]"),
    ],
)
def test_a_key_that_is_nearly_right_is_told_what_it_should_be(
    tmp_path: Path, text: str, message: str
) -> None:
    assert any(fault.startswith(message) for fault in faults(tmp_path, text))


def test_a_key_that_would_steer_the_terminal_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('"\\u001b[2J\\u001b]0;pwned\\u0007" = 1\n' + HEAD + PLAIN * 8, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_story(path)
    assert str(caught.value).endswith(r"a.toml: \x1b[2J\x1b]0;pwned\x07: unknown key")


def test_a_number_of_any_length_and_thousands_of_faults_are_told_in_short(tmp_path: Path) -> None:
    number = faults(tmp_path, f"title = 0x{'f' * 9000}\n{PLAIN * 8}")
    assert number == ("title: must be text in quotes, got a very long number",)
    many = faults(tmp_path, "".join(f"k{n} = 1\n" for n in range(5000)) + HEAD + PLAIN * 8)
    assert (len(many), many[-1]) == (21, "and 4,980 more faults")


EXAMPLES = ROOT / "kit" / "examples"


@pytest.mark.parametrize("name", ["demo-zh.toml", "demo-en.toml"])
def test_an_example_comes_back_to_a_place_and_shows_somebody_with_company(name: str) -> None:
    story = load_story(EXAMPLES / name).story
    places = [panel.place for panel in story.panels]
    subjects = [[clause for clause in panel.clauses if clause.role == "subject"] for panel in story.panels]
    assert len(set(places)) < len(places)
    assert None not in places
    assert all(panel.caption for panel in story.panels)
    assert any(len(clauses) == 2 for clauses in subjects)
