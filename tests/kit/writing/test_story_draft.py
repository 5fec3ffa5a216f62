"""A form of a story: what it shows is what it saves, and what it cannot show stays in the file."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import ROOT

from kit.files.text.commented_toml import lost_comments, rewritten
from kit.starter.choices import StarterChoice, Template
from kit.starter.folder import starter_files
from kit.story.story import Role, Story
from kit.writing.story_draft import (
    KEYS,
    DraftClause,
    DraftName,
    DraftPanel,
    StoryDraft,
    document_of,
    draft_of,
)

STARTERS = {
    f"{language} {template}": starter_files(StarterChoice(language=language, template=template))["story.toml"]
    for language in ("zh", "en")
    for template in get_args(Template)
}
EXAMPLES = {path.name: path.read_bytes() for path in sorted((ROOT / "kit/examples").glob("demo-*.toml"))}
TEXT = EXAMPLES["demo-zh.toml"].decode()


def saved(text: str, draft: StoryDraft) -> str:
    document, faults = document_of(draft, tomllib.loads(text))
    assert faults == []
    return rewritten(text, document, KEYS)


def drafted(text: str) -> StoryDraft:
    return draft_of(tomllib.loads(text))


@pytest.mark.parametrize("name", [*STARTERS, *EXAMPLES])
def test_a_story_that_nobody_changed_is_saved_as_it_was_to_the_byte(name: str) -> None:
    text = (STARTERS | EXAMPLES)[name].decode()
    assert saved(text, drafted(text)) == text


@pytest.mark.parametrize("name", ["zh lost-and-found", "demo-en.toml"])
def test_a_change_costs_no_comment_and_touches_one_line(name: str) -> None:
    text = (STARTERS | EXAMPLES)[name].decode()
    draft = drafted(text)
    panels = (replace(draft.panels[0], caption="“One evening”"), *draft.panels[1:])
    made = saved(text, replace(draft, panels=panels))
    assert lost_comments(text, made) == []
    new = [line for line in made.splitlines() if line not in text.splitlines()]
    assert new == ['caption = "“One evening”"']
    assert len(made.splitlines()) == len(text.splitlines())


def test_a_new_name_is_followed_by_the_clauses_that_call_it() -> None:
    draft = drafted(TEXT)
    girl, *others = draft.characters
    story = Story.model_validate(
        tomllib.loads(saved(TEXT, replace(draft, characters=(replace(girl, name="小满"), *others))))
    )
    assert [clause.character for clause in story.panels[0].clauses if clause.character] == ["小满", "xiaoju"]


def test_names_that_change_places_stay_with_their_words() -> None:
    draft = drafted(TEXT)
    one, other = draft.characters
    swapped = (replace(one, name=other.name), replace(other, name=one.name))
    story = Story.model_validate(tomllib.loads(saved(TEXT, replace(draft, characters=swapped))))
    assert story.characters[other.name].text == one.text


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((DraftName(name="", text="a cat"),), "has no name: give it one, by which clauses call it"),
        ((DraftName(name="cat"), DraftName(name="cat")), "cat is there already: give it another name"),
    ],
)
def test_what_no_file_can_hold_is_told_beside_it(names: tuple[DraftName, ...], problem: str) -> None:
    _, faults = document_of(replace(drafted(TEXT), characters=names), {})
    assert [(one.place, one.problem) for one in faults] == [(("characters", len(names) - 1), problem)]


ODD: list[dict[str, Any]] = [
    {},
    {"title": 5, "panel": "x"},
    {"title": "a\nb", "negative": "a\r\nb", "panel": [{"prompt": "a\r\nb", "caption": "x\ny"}]},
    {"panel": [{"prompt": "p", "clauses": []}, 3, {"clauses": [7, {"role": 1, "text": "t", "weight": 2}]}]},
    {"characters": {"cat": "not a table", "dog": {"text": 1, "more": 2}}, "places": [1]},
    {"panel": [{"prompt": str(number)} for number in range(30)], "unknown": {"deep": [1, {"a": 2}]}},
    {"panel": [{"clauses": [{"role": "action", "text": "t", "place": "x"}]}], "language": "fr"},
]


@pytest.mark.parametrize("document", ODD)
def test_what_is_no_story_yet_is_shown_and_kept(document: dict[str, Any]) -> None:
    draft = draft_of(document)
    assert len(draft.panels) >= 8
    made, faults = document_of(draft, document)
    assert faults == []
    old = document.get("panel")
    panels = old if isinstance(old, list) else []
    assert made.pop("panel") == panels + [{"prompt": ""}] * (8 - len(panels))
    assert made == {"title": ""} | {key: value for key, value in document.items() if key != "panel"}


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
NAMES = st.lists(WORDS.filter(str.strip), max_size=3, unique=True)
CLAUSES = st.builds(
    DraftClause,
    role=st.sampled_from(get_args(Role)),
    says=st.sampled_from(("text", "character", "place")),
    words=WORDS,
)
PLAIN = st.builds(DraftPanel, caption=WORDS, place=WORDS, prompt=WORDS)
IN_CLAUSES = st.builds(
    DraftPanel,
    caption=WORDS,
    place=WORDS,
    is_plain=st.just(False),
    clauses=st.lists(CLAUSES, max_size=3).map(tuple),
)


def _named(names: list[str]) -> tuple[DraftName, ...]:
    return tuple(DraftName(name=name, text=f"{name}!", was=name) for name in names)


DRAFTS = st.builds(
    StoryDraft,
    title=WORDS,
    language=st.sampled_from(("zh", "en")),
    negative=WORDS,
    characters=NAMES.map(_named),
    places=NAMES.map(_named),
    panels=st.lists(PLAIN | IN_CLAUSES, min_size=8, max_size=9).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(DRAFTS, st.sampled_from(["", TEXT]))
def test_what_was_saved_is_shown_again(draft: StoryDraft, text: str) -> None:
    before = tomllib.loads(text)
    document, _ = document_of(draft, before)
    again = draft_of(tomllib.loads(rewritten(text, document, KEYS)))
    panels = tuple(replace(one, was=at) for at, one in enumerate(draft.panels))
    assert {one.name: one for one in again.characters} == {one.name: one for one in draft.characters}
    assert {one.name: one for one in again.places} == {one.name: one for one in draft.places}
    assert again.panels == panels
    assert (again.title, again.negative, again.language) == (draft.title, draft.negative, draft.language)


def test_eight_empty_panels_are_a_draft(tmp_path: Path) -> None:
    document, faults = document_of(StoryDraft(panels=(DraftPanel(),) * 8), {})
    assert faults == []
    assert rewritten("", document, KEYS).count('[[panel]]\nprompt = ""') == 8


def test_a_characters_picture_is_shown_saved_and_taken_away() -> None:
    text = TEXT.replace("[characters.xiaoman]\n", '[characters.xiaoman]\nreference = "girl.png"\n')
    girl, *others = drafted(text).characters
    assert (girl.reference, others[0].reference) == ("girl.png", "")
    for name in ("other.png", ""):
        made = saved(text, replace(drafted(text), characters=(replace(girl, reference=name), *others)))
        story = Story.model_validate(tomllib.loads(made))
        assert story.characters["xiaoman"].reference == (name or None)
