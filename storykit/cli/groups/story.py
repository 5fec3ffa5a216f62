"""The `storykit story` commands: what people have becomes a story of eight panels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.files.user_paths import shell_word
from storykit.cli.console import CommandGroup, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.story.structure.recurring import Recurrence
    from kit.story.structure.structured_story import StructuredStory

story_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Make a story of what you have.",
    rich_markup_mode=None,
)

Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="Eight lines of text, a Markdown or CSV table, a chat model's answer, an .ipynb or .py file.",
    ),
]
OutFile = Annotated[Path, typer.Option("--out", help="The story's .toml file; none that is there already.")]


@story_app.callback()
def story() -> None:
    """Make a story of what you have."""


@story_app.command("import")
def import_table(table: Table, out: OutFile) -> None:
    """Write a story of eight lines, a table, a chat model's answer or the notebook that draws it."""
    from kit.story.structure.import_story import import_story

    made = import_story(table, out)
    for note in made.notes:
        say(f"note    {note}")
    say(f"8 panels; {_found(made)}; wrote {out}. Next: storykit story lint {shell_word(out)}")


def _found(made: "StructuredStory") -> str:
    """Return who and what was found in a story, in words."""
    told = [_named("characters", made.characters), _named("places", made.places)]
    if made.style:
        told.append(f"style words left in: {', '.join(made.style)}")
    if made.plain:
        told.append(f"plain prompts, as their clauses say no role: {', '.join(map(str, made.plain))}")
    return "; ".join(told)


def _named(kind: str, found: "Sequence[Recurrence]") -> str:
    shown = [
        f"{one.id} ({len(one.everywhere)}{' panels' if at == 0 else ''})" for at, one in enumerate(found)
    ]
    return f"{kind}: {', '.join(shown)}" if shown else f"no {kind} that come back"
