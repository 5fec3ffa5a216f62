"""A file that somebody has becomes a story's TOML file: read, taken apart, written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kit.errors import InputError
from kit.files.atomic_write import write_new
from kit.files.text.toml_text import parse_toml
from kit.messages import in_english, tr
from kit.story.importing.foreign_story import ForeignPanel, ForeignStory
from kit.story.importing.read_story import read_foreign_story
from kit.story.story import Story
from kit.story.structure.story_text import story_toml
from kit.story.structure.structured_story import StructuredStory, structured


def import_story(table: Path, out: Path) -> StructuredStory:
    """Write the story in a file of any form to `out`, a .toml file that is not there yet.

    Raises InputError with what the file lacks and what to do; then nothing is written.
    """
    if out.suffix.lower() != ".toml":
        raise InputError(str(out), [tr("a story's file ends in .toml: name it so behind --out")])
    if out.is_dir():
        raise InputError(str(out), [tr("is a folder: name a file in it behind --out")])
    if out.exists() or out.is_symlink():
        raise InputError(str(out), [tr("is there already: choose another --out, or delete it first")])
    made, text = story_in(read_foreign_story(table), table)
    write_new(out, text.encode())
    return made


def story_in(found: ForeignStory, source: Path) -> tuple[StructuredStory, str]:
    """Return the story of eight panels that somebody wrote, and its text as a file.

    Args:
        found: the panels.
        source: the file that they stood in, whose name is told.
    """
    made = structured(found, source.stem)
    made = replace(made, notes=[*made.notes, *_settings_notes(found.rows)])
    text = story_toml(made.story, [*_said_on_top(source, made), *map(in_english, made.notes)])
    assert Story.model_validate(parse_toml(text)) == made.story, "what is written is what was made"
    return made, text


def _said_on_top(table: Path, made: StructuredStory) -> Iterator[str]:
    """Yield what only the file says, the same in every language."""
    yield f"Imported from {table.name}; each panel's prompt, as authored, is what stood there."
    for text in made.style:
        yield f"{text} stands in every panel: where a LoRA's trigger says it, delete these clauses."


def _settings_notes(rows: Sequence[ForeignPanel]) -> list[str]:
    """Return what a notebook drew its panels with, as an experiment's lines; nothing where it says none."""
    seeds = [row.drawn.seed for row in rows if row.drawn.seed is not None]
    lines = [f"seeds = {sorted(set(seeds))}"] if seeds else []
    for key in ("steps", "cfg", "size"):
        values = {getattr(row.drawn, key) for row in rows} - {None}
        if len(values) == 1:
            lines.append(f"{key} = {values.pop()}")
    if not lines:
        return []
    told = ", ".join(lines)
    if len(set(seeds)) < 2:
        return [tr("a story holds no settings: write into the experiment {lines}", lines=told)]
    return [
        tr(
            "a story holds no settings; the panels had the seeds {seeds}: write into the experiment {lines}",
            seeds=", ".join(map(str, seeds)),
            lines=told,
        )
    ]
