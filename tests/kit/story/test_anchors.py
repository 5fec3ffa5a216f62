import pytest
from pydantic import ValidationError

from kit.errors import InputError
from kit.story.anchors import StoryAnchor, anchor_faults, anchors_of, bystanders_of, cast_of
from kit.story.story import PANELS, Story, load_story

GIRL, CAT = "一个小女孩", "一只小猫"


def story(
    *casts: str, girl: str = "", more: dict[str, str] | None = None, picture: str | None = None
) -> Story:
    """Return a story whose panels show the characters named in each text; what is not said shows nobody."""
    shown = ({"anchor": girl} if girl else {}) | ({"reference": picture} if picture else {})
    described = {"girl": {"text": GIRL} | shown, "cat": {"text": CAT}}
    described |= {name: {"text": text} for name, text in (more or {}).items()}
    panels = []
    for number in range(PANELS):
        cast = casts[number].split() if number < len(casts) else []
        subjects = [{"role": "subject", "character": name} for name in cast]
        panels.append({"clauses": [*subjects, {"role": "place", "text": f"在第{number}条街上"}]})
    return Story.model_validate({"title": "街", "characters": described, "panel": panels})


def read(told: Story) -> list[list[int]]:
    """Return which panels, from 1, each panel matches."""
    return [[anchor.panel + 1 for anchor in anchors_of(told, panel)] for panel in range(PANELS)]


def test_a_character_is_matched_to_the_first_panel_that_shows_it_alone():
    assert read(story("girl cat", "girl", "cat", "girl", "girl cat"))[:5] == [[2, 3], [], [], [2], [2, 3]]


def test_who_is_never_alone_is_matched_to_the_first_panel_that_shows_it():
    told = story("girl", "girl cat", "girl cat")
    assert read(told)[:3] == [[], [1, 2], [1, 2]], "the cat's own panel matches the girl's, and its own look"


def test_a_panel_without_characters_and_a_character_of_one_panel_match_nobody():
    assert read(story("girl", "", "cat", "girl"))[:4] == [[], [], [], [1]]


def test_the_story_can_say_which_panel_shows_what_a_character_looks_like():
    assert read(story("girl", "girl", "girl", girl="panel 3"))[:3] == [[3], [3], []]


def test_from_another_seed_a_panel_matches_its_own_words():
    told = story("girl", "girl", "cat")
    assert [anchor.panel for anchor in anchors_of(told, 0, own_seed=False)] == [0]
    assert anchors_of(told, 2, own_seed=False) == (), "who is in one panel only matches nobody"


def test_an_anchor_says_whom_it_is_read_for():
    assert anchors_of(story("girl", "girl"), 1) == (StoryAnchor(panel=0, subject=GIRL),)
    assert cast_of(story("girl cat girl"), 0) == ("girl", "cat")


def test_a_story_of_plain_prompts_is_matched_whole_to_its_first_panel():
    plain = Story.model_validate({"title": "雨", "panel": [{"prompt": f"小猫 {n}"} for n in range(PANELS)]})
    assert anchors_of(plain, 0) == ()
    assert anchors_of(plain, 5) == (StoryAnchor(panel=0, subject=""),)


def test_more_than_three_in_one_panel_are_one_fault_that_names_the_panels():
    more = {name: f"一个{name}" for name in ("dog", "fox")}
    assert list(anchor_faults(story("girl", "girl cat dog fox", more=more))) == []
    crowded = story("girl", "girl cat dog fox", "girl cat dog fox", more=more)
    [fault] = anchor_faults(crowded)
    assert fault.startswith("panel 2, 3: 4 characters that other panels show too, at most 3 can be kept")


@pytest.mark.parametrize(
    ("anchor", "fault"),
    [
        ("panel 2", "characters.girl.anchor: panel 2 does not show 'girl': it is in panel 1"),
        ("panel 8", "panel 8 does not show 'girl': it is in panel 1"),
        ("panel 9", 'characters.girl.anchor: must be "panel 1" to "panel 8", got \'panel 9\''),
        ("1", 'must be "panel 1" to "panel 8"'),
        ("", 'must be "panel 1" to "panel 8"'),
    ],
)
def test_an_anchor_that_cannot_be_is_refused_by_name(tmp_path, anchor, fault):
    shows = '[[panel]]\nclauses = [{ role = "subject", character = "girl" }]\n'
    text = f'title = "街"\n[characters.girl]\ntext = "{GIRL}"\nanchor = "{anchor}"\n{shows}'
    (tmp_path / "a.toml").write_text(text + '[[panel]]\nprompt = "街"\n' * 7, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_story(tmp_path / "a.toml")
    assert fault in str(refused.value)


def test_bystanders_are_subjects_that_match_nobody():
    told = story("girl cat", "girl").model_dump(exclude_none=True)
    told["panel"] = told.pop("panels")
    told["panel"][1]["clauses"] = [*told["panel"][1]["clauses"], {"role": "subject", "text": "一个小男孩"}]
    both = Story.model_validate(told)
    assert bystanders_of(both, 0) == (CAT,), "a character of one panel"
    assert bystanders_of(both, 1) == ("一个小男孩",)
    assert bystanders_of(both, 2) == ()


def test_where_no_characters_are_named_nobody_stands_by():
    clauses = [{"role": "subject", "text": GIRL}, {"role": "place", "text": "在街上"}]
    panels = [{"clauses": [*clauses, {"role": "detail", "text": f"第{n}天"}]} for n in range(PANELS)]
    assert bystanders_of(Story.model_validate({"title": "街", "panel": panels}), 1) == ()


def test_an_anchor_of_a_character_of_no_panel_is_refused(tmp_path):
    text = f'title = "街"\n[characters.girl]\ntext = "{GIRL}"\nanchor = "panel 1"\n'
    (tmp_path / "a.toml").write_text(text + '[[panel]]\nprompt = "街"\n' * 8, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_story(tmp_path / "a.toml")
    assert "panel 1 does not show 'girl': no panel has it as a character" in str(refused.value)


def test_who_has_a_picture_is_matched_to_it_in_every_panel_that_shows_it():
    told = story("girl", "girl cat", "cat", "", "girl", picture="girl.png")
    shown = StoryAnchor(panel=None, subject=GIRL, reference="girl.png")
    found = [anchors_of(told, panel) for panel in range(5)]
    assert [anchor == (shown,) for anchor in found] == [True, False, False, False, True]
    assert found[1] == (shown, StoryAnchor(panel=2, subject=CAT))
    assert found[2:4] == [(), ()]
    assert bystanders_of(story("girl cat", picture="girl.png"), 0) == (CAT,), "the cat is in one panel only"


def test_who_has_a_picture_and_an_anchor_is_refused():
    with pytest.raises(ValidationError, match="is shown by its reference: delete anchor, or"):
        story("girl", girl="panel 1", picture="girl.png")


def test_pictures_count_among_the_three_that_a_panel_can_be_drawn_to_match():
    more = {name: f"一个{name}" for name in ("dog", "fox")}
    told = story("girl", "girl cat dog fox", more=more, picture="girl.png")
    assert list(anchor_faults(told)) == [], "who is in one panel only matches nobody"
    told = story("girl", "girl cat dog fox", "cat dog fox", more=more, picture="girl.png")
    [fault] = anchor_faults(told)
    assert fault.startswith("panel 2: 4 characters")
