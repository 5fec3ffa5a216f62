"""What is said of a story while it is written, in the place where it is wrong."""

import tomllib
from typing import Any

import pytest
from paths import ROOT

from kit.writing.story_check import check_story

STORY: dict[str, Any] = tomllib.loads((ROOT / "kit/examples/demo-zh.toml").read_text(encoding="utf-8"))
BLANK: dict[str, Any] = {"title": "", "panel": [{"prompt": ""}] * 8}


def changed(panel: int, **values: object) -> dict[str, Any]:
    panels = [dict(one) for one in STORY["panel"]]
    panels[panel - 1] = values
    return STORY | {"panel": panels}


def faults(document: dict[str, Any]) -> dict[tuple[int | str, ...], str]:
    return {one.place: one.problem for one in check_story(document).faults}


def test_a_sound_story_has_its_prompts_with_tokens_and_the_orders_that_say_them() -> None:
    check = check_story(STORY)
    assert check.story is not None
    assert check.faults == ()
    first = check.panels[0]
    assert first[0].orders[0] == "authored"
    assert first[0].tokens is not None
    assert 5 < first[0].tokens < 60
    assert sorted(order for one in first for order in one.orders) == [
        *("authored", "reversed", "scene-first", "shuffle-1", "style-last", "subject-first")
    ]
    assert next(one for one in first if "scene-first" in one.orders).prompt.startswith("在家里客厅")


def test_a_trigger_stands_before_every_prompt_and_is_counted() -> None:
    plain, told = (check_story(STORY, trigger=trigger).panels[0][0] for trigger in ("", "水墨画风格"))
    assert told.prompt == f"水墨画风格，{plain.prompt}"
    assert (told.tokens or 0) > (plain.tokens or 0)


@pytest.mark.parametrize(
    ("document", "place", "problem"),
    [
        (changed(3, prompt=""), ("panel", 2, "prompt"), "must hold words, got ''"),
        (changed(3, caption="x"), ("panel", 2), "needs exactly one of clauses, prompt, got none"),
        (
            changed(3, clauses=[{"role": "hero", "text": "a"}]),
            ("panel", 2, "clauses", 0, "role"),
            "must be 'style', 'subject', 'action', 'place', 'detail' or 'unknown', got 'hero'",
        ),
        (
            changed(3, clauses=[{"role": "subject", "character": "dog"}]),
            ("panel", 2, "clauses", 0, "character"),
            "'dog' is not under [characters], which has xiaoju, xiaoman",
        ),
        (
            changed(3, prompt="(red:1.3) cat"),
            ("panel", 2, "prompt"),
            "'(red:1.3)' is a weight in A1111; every word counts alike here, write the words without it",
        ),
        (STORY | {"title": " "}, ("title",), "must hold words, got ' '"),
        (STORY | {"colour": "red"}, ("colour",), "unknown key"),
    ],
)
def test_a_fault_is_told_in_its_place(
    document: dict[str, Any], place: tuple[int | str, ...], problem: str
) -> None:
    assert faults(document) == {place: problem}


def test_panels_that_are_written_are_looked_through_before_the_others_are() -> None:
    panels = [{"prompt": "一个黑色长发的小女孩，走路"}, {"prompt": "她在睡觉"}, *BLANK["panel"][2:]]
    check = check_story({"title": "", "panel": panels})
    assert check.story is None
    assert [(one.rule, one.panels) for one in check.findings_of(2)] == [("pronoun", (2,))]
    assert check.panels[1][0].prompt == "她在睡觉"
    assert check.panels[2:] == ((),) * 6


@pytest.mark.parametrize("document", [{}, BLANK, {"panel": 3}, {"panel": [{"clauses": [{}]}] * 9}])
def test_nothing_is_found_in_what_has_no_words(document: dict[str, Any]) -> None:
    check = check_story(document)
    assert check.faults
    assert check.findings == ()
