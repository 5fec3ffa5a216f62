"""A story as TOML that people read and change: what should be known on top, a clause a line."""

from collections.abc import Iterator, Mapping, Sequence

import tomli_w

from kit.errors import printable
from kit.story.story import Clause, Panel, Story


def story_toml(story: Story, notes: Sequence[str] = ()) -> str:
    """Return the text of a story's file; each note is a comment at its top."""
    lines = [f"# {printable(note)}" for note in notes]
    lines += [f"title = {_quoted(story.title)}", f"language = {_quoted(story.language)}"]
    if story.negative:
        lines.append(f"negative = {_quoted(story.negative)}")
    for table, described in (("characters", story.characters), ("places", story.places)):
        texts: Mapping[str, str] = {name: one.text for name, one in described.items()}
        for name, text in texts.items():
            lines += ["", f"[{table}.{name}]", f"text = {_quoted(text)}"]
    for panel in story.panels:
        lines += ["", "[[panel]]", *_panel(panel)]
    return "\n".join(lines) + "\n"


def _panel(panel: Panel) -> Iterator[str]:
    if panel.caption:
        yield f"caption = {_quoted(panel.caption)}"
    if panel.place:
        yield f"place = {_quoted(panel.place)}"
    if panel.prompt is not None:
        yield f"prompt = {_quoted(panel.prompt)}"
        return
    yield "clauses = ["
    for clause in panel.clauses:
        yield f"    {{ role = {_quoted(clause.role)}, {_said(clause)} }},"
    yield "]"


def _said(clause: Clause) -> str:
    for key, value in (("character", clause.character), ("place", clause.place)):
        if value is not None:
            return f"{key} = {_quoted(value)}"
    return f"text = {_quoted(clause.text or '')}"


def _quoted(text: str) -> str:
    return tomli_w.dumps({"x": text}).removeprefix("x = ").rstrip("\n")
