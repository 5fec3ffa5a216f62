"""The `storykit story` commands: what people have becomes a story; its words are looked through."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.files.user_paths import shell_word
from kit.messages import joined, mark, tr, trn
from storykit.cli.terminal.console import say, say_json, say_note
from storykit.cli.terminal.help import Command
from storykit.cli.terminal.usage_errors import CommandGroup

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


@story_app.command("import", cls=Command)
def import_table(table: Table, out: OutFile) -> None:
    """Write a story of eight lines, a table, a chat model's answer or the notebook that draws it."""
    from kit.story.structure.import_story import import_story

    made = import_story(table, out)
    for note in made.notes:
        say_note(note)
    say(
        tr(
            "8 panels; {found}; wrote {path}. Next: storykit story lint {quoted}",
            found=_found(made),
            path=out,
            quoted=shell_word(out),
        )
    )


def _found(made: "StructuredStory") -> str:
    """Return who and what was found in a story, in words."""
    told = [
        tr("characters: {names}", names=_named(made.characters))
        if made.characters
        else tr("no characters that come back"),
        tr("places: {names}", names=_named(made.places)) if made.places else tr("no places that come back"),
    ]
    if made.style:
        told.append(tr("style words left in: {words}", words=joined(made.style, tr(", "))))
    if made.plain:
        panels = joined(map(str, made.plain), tr(", "))
        told.append(tr("plain prompts, as their clauses say no role: {panels}", panels=panels))
    return joined(told, tr("; "))


def _named(found: "Sequence[Recurrence]") -> str:
    """Return who comes back, and in how many panels."""
    first, *others = found
    named = tr("{name} ({n} panels)", name=first.id, n=len(first.everywhere))
    return joined(
        [named, *(tr("{name} ({n})", name=one.id, n=len(one.everywhere)) for one in others)], tr(", ")
    )


@story_app.command(cls=Command)
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Stories, .toml or .txt.")],
    trigger: Annotated[str, typer.Option(help="What a candidate puts before every prompt.")] = "",
    base: Annotated[
        str,
        typer.Option(
            help="Whose tokens are counted: kolors, mini, a folder, a hub's name, or an experiment's."
        ),
    ] = "kolors",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there is a finding.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Say what in a story's words makes its hero drift, each with what to write instead."""
    from dataclasses import asdict

    from kit.experiment.drawing.base_named import base_named
    from kit.models.token_counts import most_tokens, token_counter
    from kit.story.lint.lint import lint as look_through

    stories = [_story_at(file) for file in files]
    named = base_named(base)
    count, most = token_counter(named), most_tokens(named)
    found = [look_through(one.story, trigger=trigger, count=count, most=most) for one in stories]
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
        told = _cast_told(loaded.story)
        say(tr("{file}: nothing that makes the hero drift ({told})", file=loaded.path, told=told))
        return
    counted = trn("{n} finding", "{n} findings", len(findings))
    say(tr("{place}: {told}", place=loaded.path, told=counted))
    for one in findings:
        told = tr("{place}: {told}", place=numbers(one.panels), told=one.what)
        say(f"{told}  [{one.rule}]")
        instead = mark("for instance: {words}") if one.is_example else mark("write: {words}")
        say(f"  {tr(instead, words=one.instead)}")


def _cast_told(story: "Story") -> str:
    """Return how many panels a story has and who is seen in which."""
    from kit.story.lint.finding import numbers
    from kit.story.lint.lint import cast_shown

    shown = [
        tr("{name} in {panels}", name=name, panels=numbers(panels))
        for name, panels in cast_shown(story).items()
    ]
    counted = trn("{n} panel", "{n} panels", len(story.panels))
    return joined([counted, *(shown or [tr("no figure that is known here")])], tr(", "))
