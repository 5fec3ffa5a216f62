"""What a story says that its pictures are held against: who and where in each panel, and the panel's text."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eval.metrics.concept_subspaces import ConceptSubspaces, concept_subspaces
from eval.scorers.protocols import Encoder
from kit.experiment.config import LoadedExperiment
from kit.story.prompt import COMMAS, clauses_of
from kit.story.story import PANELS, Panel, Role, Story

CLAUSE_ROLES: tuple[Role, ...] = ("subject", "action", "place", "detail")
"""Roles whose clauses are also looked for one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryFacts:
    """What the story says of its eight panels."""

    casts: Sequence[Hashable]
    """Who is in each; nobody where the story does not say."""
    places: Sequence[Hashable]
    """Where each is; None where the story does not say."""
    texts: NDArray[np.float32]
    """(8, dim) rows of their texts."""
    facets: ConceptSubspaces
    clauses: Mapping[str, tuple[Sequence[int], NDArray[np.float32]]] = field(default_factory=dict)
    """By role the panels, from 0, that have such clauses, and the (panels, dim) rows of these alone."""


def told_of(story: Story, encoder: Encoder, words: Mapping[str, Sequence[str]] | None = None) -> StoryFacts:
    """Return what a story tells, its words as the encoder reads them; `words` are an experiment's own."""
    more = {metric: list(texts) for metric, texts in (words or {}).items()}
    for metric, told in (("identity", story.characters), ("place", story.places)):
        more[metric] = [*more.get(metric, ()), *(one.text for one in told.values())]
    return StoryFacts(
        casts=casts_of(story),
        places=[_place(panel) for panel in story.panels],
        texts=encoder.texts([text_of(story, panel) for panel in range(PANELS)]),
        facets=concept_subspaces(encoder, story.language, more),
        clauses={role: found for role in CLAUSE_ROLES if (found := _clauses_of(story, role, encoder))},
    )


def casts_of(story: Story) -> list[frozenset[str]]:
    """Return who is in each of the eight panels; nobody where the story does not say."""
    return [
        frozenset(clause.text for clause in clauses_of(story, panel) if clause.role == "subject")
        for panel in range(PANELS)
    ]


def told_by(loaded: LoadedExperiment, encoder: Encoder) -> dict[str, StoryFacts]:
    """Return what each story of an experiment tells."""
    words = loaded.experiment.own_words
    return {one.name: told_of(one.story, encoder, words) for one in loaded.stories}


def _clauses_of(story: Story, role: Role, encoder: Encoder) -> tuple[list[int], NDArray[np.float32]] | None:
    """Return which panels have clauses of a role, and the rows of these clauses; None where none has."""
    said = [
        [clause.text for clause in clauses_of(story, panel) if clause.role == role] for panel in range(PANELS)
    ]
    panels = [panel for panel, texts in enumerate(said) if texts]
    if not panels:
        return None
    return panels, encoder.texts([COMMAS[story.language].join(said[panel]) for panel in panels])


def text_of(story: Story, panel: int) -> str:
    """Return the text that a panel (0 to 7) is held against: its clauses as authored, but those of style.

    A panel that has style clauses only keeps them.
    """
    clauses = clauses_of(story, panel)
    shown = [clause.text for clause in clauses if clause.role != "style"]
    return COMMAS[story.language].join(shown or [clause.text for clause in clauses])


def _place(panel: Panel) -> Hashable:
    """Return where a panel is: what it says under `place`, else its clauses of that role; None if neither."""
    if panel.place is not None:
        return (panel.place,)
    return tuple(clause.place or clause.text for clause in panel.clauses if clause.role == "place") or None
