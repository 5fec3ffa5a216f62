"""A story as TOML that people read and change: what should be known on top, a clause a line."""

from collections.abc import Iterator, Sequence

from kit.errors import printable
from kit.files.text.toml_values import toml_key, toml_text, toml_value
from kit.story.story import Clause, Panel, Story


def story_toml(story: Story, notes: Sequence[str] = ()) -> str:
    """Return the text of a story's file; each note is a comment at its top."""
    lines = [f"# {printable(note)}" for note in notes]
    lines += [f"title = {toml_text(story.title)}", f"language = {toml_text(story.language)}"]
    if story.negative:
        lines.append(f"negative = {toml_text(story.negative)}")
    for name, character in story.characters.items():
        lines += ["", f"[characters.{toml_key(name)}]", f"text = {toml_text(character.text)}"]
        if character.anchor is not None:
            lines.append(f"anchor = {toml_text(character.anchor)}")
        if character.reference is not None:
            lines.append(f"reference = {toml_text(character.reference)}")
    for name, place in story.places.items():
        lines += ["", f"[places.{toml_key(name)}]", f"text = {toml_text(place.text)}"]
    for panel in story.panels:
        lines += ["", "[[panel]]", *_panel(panel)]
    return "\n".join(lines) + "\n"


def _panel(panel: Panel) -> Iterator[str]:
    if panel.caption:
        yield f"caption = {toml_text(panel.caption)}"
    if panel.place:
        yield f"place = {toml_text(panel.place)}"
    if panel.control:
        yield f"control = {toml_value([one.model_dump(exclude_none=True) for one in panel.control])}"
    if panel.prompt is not None:
        yield f"prompt = {toml_text(panel.prompt)}"
        return
    yield f"clauses = {toml_value([_clause(one) for one in panel.clauses])}"


def _clause(clause: Clause) -> dict[str, str]:
    return clause.model_dump(exclude_none=True)
