"""A panel that is being written, turned from a plain prompt into clauses and back."""

from collections.abc import Sequence
from dataclasses import replace

from kit.messages import Language
from kit.story.prompt import COMMAS
from kit.story.structure.clauses import comma_clauses, role_of
from kit.writing.story_draft import DraftClause, DraftName, DraftPanel, Says, StoryDraft


def in_clauses(draft: StoryDraft, panel: DraftPanel) -> DraftPanel:
    """Return a panel of a plain prompt in clauses; words of a character or a place become its name."""
    if not panel.is_plain:
        return panel
    clauses = (
        tuple(_clause(text, draft) for text in comma_clauses(panel.prompt)) if panel.prompt.strip() else ()
    )
    return replace(panel, is_plain=False, clauses=clauses or (DraftClause(role="subject"),))


def _clause(text: str, draft: StoryDraft) -> DraftClause:
    for says, role, names in (("character", "subject", draft.characters), ("place", "place", draft.places)):
        for one in names:
            if one.name and one.text == text:
                return DraftClause(
                    role=role, says="character" if says == "character" else "place", words=one.name
                )
    return DraftClause(role=role_of(text), words=text)


def as_prompt(draft: StoryDraft, panel: DraftPanel) -> DraftPanel:
    """Return a panel of clauses as the plain prompt that they make, in the order in which they stand."""
    if panel.is_plain:
        return panel
    language: Language = "en" if draft.language == "en" else "zh"
    names: dict[Says, Sequence[DraftName]] = {"character": draft.characters, "place": draft.places}
    texts = (_words(names[one.says], one.words) if one.says in names else one.words for one in panel.clauses)
    prompt = COMMAS[language].join(text for text in texts if text.strip())
    return replace(panel, is_plain=True, prompt=prompt or panel.prompt)


def _words(names: Sequence[DraftName], name: str) -> str:
    return next((one.text for one in names if one.name == name), "")
