"""Eight plain prompts as a story of clauses, characters and places that draws the very same prompts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kit.messages import Language, joined, mark, tr, trn
from kit.story.importing.foreign_story import ForeignPanel, ForeignStory
from kit.story.prompt import COMMAS, prompt_of
from kit.story.story import PANELS, Story
from kit.story.structure.clauses import (
    RoledClause,
    comma_clauses,
    language_of_prompts,
    role_of,
    same_but_commas,
)
from kit.story.structure.recurring import (
    Panels,
    Recurrence,
    characters_of,
    openings_of,
    places_of,
    with_names,
)

MOST_CLAUSES = 60
"""Of a prompt that is taken apart; a text encoder reads about as many."""
_MOST_NEAR = 3
"""Other wordings of a character that a note shows."""
_NEAR_CHARACTER = mark(
    'character {id} is "{words}"; kept as written, and somebody else until it says the same: {wordings}'
)
_NEAR_PLACE = mark('place {id} is "{words}"; kept as written, and the same place: {wordings}')
"""What other wordings mean."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StructuredStory:
    """A story and what its reader should know of it."""

    story: Story
    characters: Sequence[Recurrence]
    places: Sequence[Recurrence]
    style: Sequence[str]
    """Clauses of style that stand in all eight panels."""
    plain: Sequence[int]
    """Panels, from 1, that stay plain prompts."""
    notes: Sequence[str]


def structured(found: ForeignStory, name: str) -> StructuredStory:
    """Return the story of eight prompts; each panel's prompt in authored order is as it was read.

    Only commas get the width of the story's language, and spaces around them go.

    Args:
        found: the prompts.
        name: of the file, for a story without a title.
    """
    prompts = [row.prompt for row in found.rows]
    panels = with_names([_clauses(prompt) for prompt in prompts])
    plain = [at for at, panel in enumerate(panels) if all(clause.role == "unknown" for clause in panel)]
    panels = [() if at in plain else panel for at, panel in enumerate(panels)]
    characters, places = characters_of(panels), places_of(panels)
    negative, notes = _negative(found.rows)
    draft = _Draft(found, language_of_prompts(prompts), panels, characters, places)
    story = draft.story(found.title or name, negative, plain)
    changed = [at for at in range(PANELS) if not _is_kept(story, at, prompts[at])]
    if changed:
        plain = sorted({*plain, *changed})
        story = draft.story(found.title or name, negative, plain)
    return StructuredStory(
        story=story,
        characters=characters,
        places=places,
        style=_style(panels),
        plain=[at + 1 for at in plain],
        notes=[
            *found.notes,
            *notes,
            *_near_notes(_NEAR_CHARACTER, characters),
            *_near_notes(_NEAR_PLACE, places),
            *_opening_notes(openings_of(panels, characters)),
        ],
    )


def _clauses(prompt: str) -> list[RoledClause]:
    """Return the clauses of a prompt; one with very many is left whole."""
    texts = comma_clauses(prompt)
    if len(texts) > MOST_CLAUSES:
        return [RoledClause(role="unknown", text=prompt)]
    return [RoledClause(role=role_of(text), text=text) for text in texts]


def _is_kept(story: Story, panel: int, prompt: str) -> bool:
    return same_but_commas(prompt_of(story, panel, "authored")) == same_but_commas(prompt)


def _style(panels: Panels) -> list[str]:
    """Return the clauses of style that all eight panels have."""
    said = [dict.fromkeys(clause.text for clause in panel if clause.role == "style") for panel in panels]
    counted = Counter(text for texts in said for text in texts)
    return [text for text, count in counted.items() if count == PANELS]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a story is written from."""

    found: ForeignStory
    language: Language
    panels: Panels
    characters: Sequence[Recurrence]
    places: Sequence[Recurrence]

    def story(self, title: str, negative: str, plain: Sequence[int]) -> Story:
        """Return the story, some panels as plain prompts."""
        comma = COMMAS[self.language]
        used = [at for at in range(PANELS) if at not in plain]
        document = {
            "title": title if any(letter.isalnum() for letter in title) else "story",
            "language": self.language,
            "negative": negative,
            "characters": {
                one.id: {"text": comma.join(one.clauses)}
                for one in self.characters
                if any(at in used for at in one.panels)
            },
            "places": {
                one.id: {"text": comma.join(one.clauses)}
                for one in self.places
                if any(at in used for at in one.everywhere)
            },
            "panel": [self._panel(at, at in plain) for at in range(PANELS)],
        }
        return Story.model_validate(document)

    def _panel(self, at: int, plain: bool) -> dict[str, object]:
        row = self.found.rows[at]
        panel: dict[str, object] = {"caption": row.caption}
        if plain:
            return panel | {"prompt": row.prompt}
        if place := next((one.id for one in self.places if at in one.everywhere), None):
            panel["place"] = place
        return panel | {"clauses": list(self._said(at))}

    def _said(self, at: int) -> list[dict[str, str]]:
        """Return the clauses of a panel, those of characters and places by their names."""
        clauses: list[dict[str, str]] = []
        place, panel = 0, self.panels[at]
        while place < len(panel):
            clause, name = panel[place], {"text": panel[place].text}
            length = 1
            for key, role, known in (
                ("character", "subject", self.characters),
                ("place", "place", self.places),
            ):
                one = next((one for one in known if one.clauses[0] == clause.text), None)
                if clause.role == role and one is not None:
                    name, length = {key: one.id}, len(one.clauses)
            clauses.append({"role": clause.role, **name})
            place += length
        return clauses


def _negative(rows: Sequence[ForeignPanel]) -> tuple[str, list[str]]:
    """Return the one negative prompt that a story has, and a note where panels had others."""
    said = Counter(row.negative for row in rows if row.negative)
    if not said:
        return "", []
    kept = said.most_common(1)[0][0]
    others = {text: [at for at, row in enumerate(rows, 1) if row.negative == text] for text in said}
    notes: list[str] = [
        tr("{panels} had another negative prompt, a story has one: {prompt}", panels=_panels(at), prompt=text)
        for text, at in others.items()
        if text != kept
    ]
    if without := [at for at, row in enumerate(rows, 1) if not row.negative]:
        notes.append(tr("{panels} had no negative prompt, a story has one for all", panels=_panels(without)))
    return kept, notes


def _near_notes(template: str, known: Sequence[Recurrence]) -> list[str]:
    """Return which panels say a character or place in other words, which stay as they are."""
    notes: list[str] = []
    for one in known:
        wordings: dict[str, list[int]] = {}
        for wording in one.near:
            wordings.setdefault(wording.text, []).append(wording.panel + 1)
        shown = [
            tr('{panels} "{words}"', panels=_panels(at), words=text)
            for text, at in list(wordings.items())[:_MOST_NEAR]
        ]
        more = len(wordings) - _MOST_NEAR
        if shown:
            told = joined([*shown, *([tr("{n} more", n=more)] if more > 0 else [])], tr(", "))
            notes.append(tr(template, id=one.id, words=one.clauses[0], wordings=told))
    return notes


def _opening_notes(openings: Mapping[str, Sequence[int]]) -> list[str]:
    """Return who opens longer clauses in several panels and is no character for that."""
    return [
        tr(
            '"{words}" stands in {panels} with more words behind it: a comma between them would make it a '
            "character",
            words=text,
            panels=_panels([one + 1 for one in dict.fromkeys(at)]),
        )
        for text, at in openings.items()
    ]


def _panels(numbers: Sequence[int]) -> str:
    listed = joined(map(str, numbers), tr(", "))
    return trn("panel {numbers}", "panels {numbers}", len(numbers), numbers=listed)
