"""A panel becomes clauses and a plain prompt again, and says the same."""

import pytest

from kit.writing.panel_forms import as_prompt, in_clauses
from kit.writing.story_draft import DraftClause, DraftName, DraftPanel, StoryDraft

DRAFT = StoryDraft(
    characters=(DraftName(name="girl", text="一个小女孩"),), places=(DraftName(name="park", text="在公园"),)
)


def test_words_of_a_character_and_a_place_become_their_names() -> None:
    panel = in_clauses(DRAFT, DraftPanel(prompt="水彩风格，一个小女孩，奔跑，在公园"))
    assert panel.clauses == (
        DraftClause(role="style", words="水彩风格"),
        DraftClause(role="subject", says="character", words="girl"),
        DraftClause(role="action", words="奔跑"),
        DraftClause(role="place", says="place", words="park"),
    )


@pytest.mark.parametrize("prompt", ["水彩风格，一个小女孩，奔跑，在公园", "小猫", "人山人海，无声"])
def test_a_prompt_taken_apart_and_joined_again_says_the_same(prompt: str) -> None:
    assert as_prompt(DRAFT, in_clauses(DRAFT, DraftPanel(prompt=prompt))).prompt == prompt


def test_an_empty_panel_has_one_clause_to_fill() -> None:
    assert in_clauses(DRAFT, DraftPanel()).clauses == (DraftClause(role="subject"),)
