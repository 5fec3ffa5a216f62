"""The `storykit story` commands: what people have becomes a story; its words are looked through."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.files.user_paths import shell_word
from storykit.cli.console import CommandGroup, counted, say, say_json

if TYPE_CHECKING:
    from kit.story.lint.finding import Finding
    from kit.story.story import LoadedStory, Story
    from kit.story.structure.recurring import Recurrence
    from kit.story.structure.structured_story import StructuredStory

story_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Make a story of what you have, and look through its words.",
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
    """Make a story of what you have, and look through its words."""


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


@story_app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Stories, .toml or .txt.")],
    trigger: Annotated[str, typer.Option(help="What a candidate puts before every prompt.")] = "",
    base: Annotated[str, typer.Option(help="Whose tokens are counted: kolors, mini or a folder.")] = "kolors",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there is a finding.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Say what in a story's words makes its hero drift, each with what to write instead."""
    from dataclasses import asdict

    from kit.models.token_counts import token_counter
    from kit.story.lint.lint import lint as look_through

    stories = [_story_at(file) for file in files]
    count = token_counter(base)
    found = [look_through(one.story, trigger=trigger, count=count) for one in stories]
    if as_json:
        say_json(
            [
                {"file": str(one.path), "findings": [asdict(finding) for finding in findings]}
                for one, findings in zip(stories, found, strict=True)
            ]
        )
    else:
        for one, findings in zip(stories, found, strict=True):
            _tell(one, findings)
    if strict and any(found):
        raise typer.Exit(1)


def _story_at(file: Path) -> "LoadedStory":
    """Return a story; another kind of file is named, with what to give."""
    from kit.errors import InputError
    from kit.files.path_contents import mistaken
    from kit.story.story import load_story

    if file.suffix.lower() != ".txt" and (told := mistaken(file, "story")):
        raise InputError(str(file), [told])
    return load_story(file)


def _tell(loaded: "LoadedStory", findings: "Sequence[Finding]") -> None:
    from kit.story.lint.finding import numbers

    if not findings:
        say(f"{loaded.path}: nothing that makes the hero drift ({_cast_told(loaded.story)})")
        return
    say(f"{loaded.path}: {counted(len(findings), 'finding')}")
    for one in findings:
        say(f"{numbers(one.panels)}: {one.what}  [{one.rule}]")
        say(f"  {'for instance' if one.is_example else 'write'}: {one.instead}")


def _cast_told(story: "Story") -> str:
    """Return how many panels a story has and who is seen in which."""
    from kit.story.lint.finding import numbers
    from kit.story.lint.lint import cast_shown

    shown = [f"{name} in {numbers(panels)}" for name, panels in cast_shown(story).items()]
    return ", ".join([f"{len(story.panels)} panels", *(shown or ["no figure that is known here"])])
