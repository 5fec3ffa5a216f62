"""Eight lines of text in the form of a story, and back into lines where nothing else was said."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from kit.errors import InputError
from kit.story.story import load_story
from kit.writing.story_draft import document_of, draft_of
from kit.writing.text_stories import lines_of, toml_of_lines

LINES = "\n\n".join(f"  一只小猫，在第{number}条街上" for number in range(1, 9)) + "\n"
PATH = Path("rain.txt")


def test_lines_that_nobody_changed_stay_as_they_were(tmp_path: Path) -> None:
    source = toml_of_lines(LINES, "rain")
    document, faults = document_of(draft_of(tomllib.loads(source)), tomllib.loads(source))
    assert faults == []
    assert lines_of(document, LINES, PATH) == LINES
    (tmp_path / "rain.txt").write_text(LINES, encoding="utf-8")
    story = load_story(tmp_path / "rain.txt").story
    assert story.model_dump(exclude_defaults=True, by_alias=True)["panel"] == tuple(document["panel"])


def test_a_changed_prompt_is_a_changed_line() -> None:
    before = tomllib.loads(toml_of_lines(LINES, "rain"))
    draft = draft_of(before)
    panels = (replace(draft.panels[0], prompt="小狗"), *draft.panels[1:])
    document, _ = document_of(replace(draft, panels=panels), before)
    assert lines_of(document, LINES, PATH).splitlines()[:2] == ["小狗", "一只小猫，在第2条街上"]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "other"},
        {"negative": "blurred"},
        {"panel": [{"prompt": "a", "caption": "b"}]},
        {"panel": [{"clauses": [{"role": "action", "text": "runs"}]}]},
        {"panel": [{"prompt": "a\nb"}]},
    ],
)
def test_what_lines_cannot_say_is_refused_with_what_to_do(change: dict[str, object]) -> None:
    document = tomllib.loads(toml_of_lines(LINES, "rain")) | change
    with pytest.raises(InputError, match=r"save it under a new name, as a \.toml file"):
        lines_of(document, LINES, PATH)


@pytest.mark.parametrize("text", ["", "\n \n", "one line"])
def test_a_text_of_too_few_lines_is_a_draft(text: str) -> None:
    assert len(draft_of(tomllib.loads(toml_of_lines(text, "x"))).panels) == 8
