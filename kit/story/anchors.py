"""Which panels of a story show what its characters look like, for panels drawn to show the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from kit.messages import joined, tr
from kit.story.story import PANELS, Story, panel_named

MOST_ANCHORS = 3
"""That one panel may have; more would crowd its own picture out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryAnchor:
    """A panel or a picture that others are drawn to match, and whom it shows."""

    panel: int | None
    """0 to 7; None for a picture that is there."""
    subject: str
    """The words whom it is matched for; empty for the whole picture, where a story names no characters."""
    reference: str = ""
    """The picture that is there, by the name that the story has for it."""


def cast_of(story: Story, panel: int) -> tuple[str, ...]:
    """Return the characters that a panel (0 to 7) names, each once, in the order of its clauses."""
    named = (clause.character for clause in story.panels[panel].clauses)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def anchors_of(story: Story, panel: int, *, own_seed: bool = True) -> tuple[StoryAnchor, ...]:
    """Return the panels and pictures that a panel (0 to 7) is drawn to match.

    A character's anchor is its reference, a picture, else the panel that the story says, else the first that
    shows it alone, else the first that shows it. A panel that is the anchor of all whom it shows has none;
    without a reference a character of one panel has none.
    Without any characters the first panel is the anchor of all.

    Args:
        story: who is where.
        panel: 0 to 7.
        own_seed: whether the anchors are drawn from the panel's own seed; from another one, a panel matches
            what its own words give there.
    """
    if not story.characters:
        return (StoryAnchor(panel=0, subject=""),) if panel or not own_seed else ()
    found = (_anchor_of(story, name) for name in cast_of(story, panel))
    anchors = [anchor for anchor in found if anchor is not None]
    itself = own_seed and all(anchor.panel == panel for anchor in anchors)
    return () if itself else tuple(anchors)


def bystanders_of(story: Story, panel: int) -> tuple[str, ...]:
    """Return the words for whoever else a panel (0 to 7) shows than those whom it is drawn to match.

    They are its subjects that are no characters, or characters that nothing else shows. Where a story names
    no characters there are none: the whole picture is matched.
    """
    if not story.characters:
        return ()
    said = []
    for clause in story.panels[panel].clauses:
        if clause.role == "subject" and clause.character is None and clause.text:
            said.append(clause.text)
        elif clause.character is not None and _anchor_of(story, clause.character) is None:
            said.append(story.characters[clause.character].text)
    return tuple(dict.fromkeys(said))


def figures_of(story: Story, panel: int) -> tuple[str, ...]:
    """Return the words for whom a panel (0 to 7) shows, each once; none where the story says no roles."""
    said = []
    for clause in story.panels[panel].clauses:
        if clause.character is not None:
            said.append(story.characters[clause.character].text)
        elif clause.role == "subject" and clause.text:
            said.append(clause.text)
    return tuple(dict.fromkeys(said))


def _anchor_of(story: Story, name: str) -> StoryAnchor | None:
    """Return what shows what a character looks like; None where no other panel could match it."""
    character = story.characters[name]
    if character.reference:
        return StoryAnchor(panel=None, subject=character.text, reference=character.reference)
    shown = [panel for panel in range(PANELS) if name in cast_of(story, panel)]
    alone = [panel for panel in shown if len(cast_of(story, panel)) == 1]
    if character.anchor:
        return StoryAnchor(panel=panel_named(character.anchor), subject=character.text)
    return StoryAnchor(panel=[*alone, *shown][0], subject=character.text) if len(shown) > 1 else None


def anchor_faults(story: Story) -> Iterator[str]:
    """Yield why panels of a story cannot be drawn to match others."""
    counts = [len(anchors_of(story, panel)) for panel in range(PANELS)]
    if crowded := [str(panel) for panel, count in enumerate(counts, 1) if count > MOST_ANCHORS]:
        yield tr(
            "panel {panels}: {got} characters that other panels show too, at most {most} can be kept the "
            "same in one panel: show fewer, or leave consistency out",
            panels=joined(crowded, tr(", ")),
            got=max(counts),
            most=MOST_ANCHORS,
        )
