"""What is said of a story while it is written: faults in their place, findings, tokens, prompts by order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from pydantic import ValidationError

from kit.files.documents import PlacedFault, placed_faults, told_place
from kit.messages import Language, tr
from kit.models.token_counts import token_counter
from kit.story.foreign_syntax import foreign_marks
from kit.story.lint.finding import Finding
from kit.story.lint.lint import lint
from kit.story.lint.prompt_rules import MOST_TOKENS
from kit.story.prompt import ORDERS, prompt_of
from kit.story.story import (
    PANELS,
    CharacterDescription,
    Clause,
    Description,
    Panel,
    Role,
    Story,
    language_of,
    texts_of,
)
from kit.writing.story_draft import DraftPanel, StoryDraft, draft_of

MOST_READ = MOST_TOKENS
"""Tokens of a prompt that a base reads."""
SHOWN_ORDERS = (*ORDERS[:-1], "shuffle-1")
"""The orders that are shown; one shuffle stands for all."""
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderedPrompt:
    """A prompt of a panel, and the orders that say it so."""

    orders: tuple[str, ...]
    prompt: str
    tokens: int | None
    """None where nothing counts them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryCheck:
    """What is said of a story that may not be one yet."""

    story: Story | None
    """The story, if it is one."""
    faults: tuple[PlacedFault, ...]
    findings: tuple[Finding, ...]
    panels: tuple[tuple[OrderedPrompt, ...], ...]
    """Of each panel the prompts, the authored one first; none of a panel without words."""

    def findings_of(self, panel: int) -> tuple[Finding, ...]:
        """Return what is said of a panel (1 to 8)."""
        return tuple(one for one in self.findings if panel in one.panels)


def check_story(
    document: Mapping[str, object],
    *,
    base: str | None = "kolors",
    trigger: str = "",
    orders: Sequence[str] = SHOWN_ORDERS,
) -> StoryCheck:
    """Return what is wrong with a story's document, and what `story lint` says of the panels that have words.

    Args:
        document: a file's tables and lists.
        base: whose tokens are counted, as `token_counter` takes it; None counts none.
        trigger: what a candidate puts before every prompt.
        orders: those whose prompts are wanted, the authored one first.
    """
    story, faults = _validated(document)
    shown, empty = (story, frozenset[int]()) if story else _as_far_as_written(draft_of(document))
    count = counter_of(base) if base else None
    found = lint(shown, trigger=trigger, count=count)
    return StoryCheck(
        story=story,
        faults=tuple(faults),
        findings=tuple(one for one in found if not empty & set(one.panels)),
        panels=tuple(
            () if panel + 1 in empty else _prompts(shown, panel, orders, trigger, count)
            for panel in range(PANELS)
        ),
    )


@lru_cache(maxsize=4)
def counter_of(base: str) -> Callable[[str], int]:
    """Return what counts a base's tokens; it is loaded once."""
    return token_counter(base)


def _validated(document: Mapping[str, object]) -> tuple[Story | None, list[PlacedFault]]:
    try:
        story = Story.model_validate(document)
    except ValidationError as error:
        return None, placed_faults(error, Story)
    return story, list(_foreign(story))


def _foreign(story: Story) -> Iterator[PlacedFault]:
    """Yield marks of other programs in the words of a story."""
    for place, text in texts_of(story):
        for told in foreign_marks(text):
            yield PlacedFault(place, tr("{place}: {fault}", place=told_place(place), fault=told), told)


def _prompts(
    story: Story, panel: int, orders: Sequence[str], trigger: str, count: Callable[[str], int] | None
) -> tuple[OrderedPrompt, ...]:
    said: dict[str, list[str]] = {}
    for order in orders:
        said.setdefault(prompt_of(story, panel, order, trigger), []).append(order)
    return tuple(
        OrderedPrompt(orders=tuple(names), prompt=prompt, tokens=count(prompt) if count else None)
        for prompt, names in said.items()
    )


def _as_far_as_written(draft: StoryDraft) -> tuple[Story, frozenset[int]]:
    """Return a draft as if it were a story, and its panels (1 to 8) that have no words yet."""
    people = {one.name: one.text for one in draft.characters if _says(one.name) and _says(one.text)}
    places = {one.name: one.text for one in draft.places if _says(one.name) and _says(one.text)}
    known = {"text": None, "character": people, "place": places}
    panels = [_panel(one, known) for one in draft.panels[:PANELS]]
    empty = frozenset(at for at, panel in enumerate(panels, 1) if panel.prompt == "")
    words = " ".join([draft.title, *(one.prompt for one in draft.panels)])
    language: Language = (
        "en" if draft.language == "en" else "zh" if draft.language == "zh" else language_of(words)
    )
    story = Story.model_construct(
        title=draft.title,
        language=language,
        negative=draft.negative,
        characters={name: CharacterDescription(text=text) for name, text in people.items()},
        places={name: Description(text=text) for name, text in places.items()},
        panels=tuple(panels),
    )
    return story, empty


def _says(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _panel(draft: DraftPanel, known: Mapping[str, Mapping[str, str] | None]) -> Panel:
    """Return a panel with what of it can be drawn; its prompt is empty where that is nothing."""
    place = draft.place if draft.place in (known["place"] or {}) else None
    clauses = []
    for one in () if draft.is_plain else draft.clauses:
        names = known[one.says]
        if (one.words in names) if names is not None else _says(one.words):
            role = next((role for role in ROLES if role == one.role), "unknown")
            clauses.append(Clause.model_validate({"role": role, one.says: one.words}))
    if clauses:
        return Panel(caption=draft.caption, place=place, clauses=tuple(clauses))
    if draft.is_plain and _says(draft.prompt):
        return Panel(caption=draft.caption, place=place, prompt=draft.prompt)
    return Panel.model_construct(caption=draft.caption, place=place, clauses=(), prompt="")
