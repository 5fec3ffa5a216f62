"""The `storykit story` commands: what people have becomes a story of eight panels."""

from pathlib import Path
from typing import Annotated

import typer

from storykit.cli.console import CommandGroup, say

story_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Make a story of what you have.",
    rich_markup_mode=None,
)


@story_app.callback()
def story() -> None:
    """Make a story of what you have."""


@story_app.command("import")
def import_table(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A text file of eight lines.")],
    out: Annotated[Path, typer.Option("--out", help="The story's .toml file; never one that is there.")],
) -> None:
    """Write a story of eight lines, a table that a chat model wrote, or a contest's notebook."""
    import tomli_w

    from kit.errors import InputError
    from kit.files.atomic_write import write_atomic
    from kit.story.story import load_story

    if out.exists():
        raise InputError(str(out), ["is there already: choose another --out"])
    document = load_story(table).story.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    write_atomic(out, tomli_w.dumps(document).encode())
    say(f"8 panels; wrote {out}")
