"""The `storykit new` command: a folder to begin with, everything in it ready to run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from kit.did_you_mean import did_you_mean
from kit.errors import RunError
from kit.files.user_paths import shell_word
from kit.messages import Language, joined, mark, reader_language, tr
from kit.starter.choices import ABOUT_STYLES, ABOUT_TEMPLATES, LoraStyle, StarterChoice, Template
from storykit.cli.terminal.console import say

Name = TypeVar("Name", bound=str)

_LANGUAGES: Mapping[Language, str] = {"zh": mark("Chinese"), "en": mark("English")}
_GPU: Mapping[str, str] = {
    "no": mark("draw with the embedded base"),
    "yes": mark("begin with the embedded base, the files say how to go on with Kolors"),
}


def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to make; new or empty.")],
    language: Annotated[
        Language | None, typer.Option(help="Of the story and of what the files explain; else the reader's.")
    ] = None,
    template: Annotated[
        Template | None, typer.Option(help="The story to begin with; else lost-and-found.")
    ] = None,
    style: Annotated[LoraStyle | None, typer.Option(help="The LoRA to draw it with; else ink.")] = None,
    gpu: Annotated[
        bool | None, typer.Option("--gpu/--no-gpu", help="Whether the files say how to draw with Kolors.")
    ] = None,
) -> None:
    """Begin a folder with a story, an experiment, a training and pictures; asks what is not given."""
    from kit.starter.folder import check_new_folder, write_starter

    check_new_folder(folder)
    if at_a_terminal():
        language = language or _chosen(tr("Language of the story:"), _LANGUAGES, reader_language())
        template = template or _chosen(tr("Story to begin with:"), ABOUT_TEMPLATES, "lost-and-found")
        style = style or _chosen(tr("Style to draw it in:"), ABOUT_STYLES, "ink")
        gpu = _chosen(tr("Is there a GPU?"), _GPU, "no") == "yes" if gpu is None else gpu
    choice = StarterChoice(
        language=language or reader_language(),
        template=template or "lost-and-found",
        style=style or "ink",
        gpu=bool(gpu),
    )
    names = write_starter(folder, choice)
    _tell(folder, names, choice)


def at_a_terminal() -> bool:
    """Return whether somebody is there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _chosen(question: str, choices: Mapping[Name, str], usual: Name) -> Name:
    """Return which of some things the user names, by its number or its name; asks until one is named."""
    names = list(choices)
    say(question)
    width = max(map(len, names))
    for number, name in enumerate(names, 1):
        say(f"  {number}  {name:{width}}  {tr(choices[name])}")
    while True:
        answer = _answered(str(names.index(usual) + 1))
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        told = {name: (name, tr(choices[name]).casefold()) for name in names}
        meant = [name for name in names if any(one.startswith(answer) for one in told[name])]
        if answer and len(meant) == 1:
            return meant[0]
        near = did_you_mean(answer, names)
        say(
            tr(
                "give a number from 1 to {most} or a name, got {answer}{near}",
                most=len(names),
                answer=answer,
                near=near,
            )
        )


def _answered(usual: str) -> str:
    """Return the next answer; who breaks off here leaves nothing behind."""
    try:
        return str(typer.prompt(tr("Number or name"), default=usual)).strip().casefold()
    except typer.Abort:
        say("", err=True)  # behind the question, which has no end of its own
        raise RunError(tr("stopped; nothing was written")) from None


def _tell(folder: Path, names: tuple[str, ...], choice: StarterChoice) -> None:
    """Say what was written, and what to type next."""
    count = sum(name.endswith(".png") for name in names)
    texts = joined((name for name in names if "/" not in name), tr(", "))
    say(
        tr(
            "made    {folder}: {texts}, and {count} pictures to learn from",
            folder=folder,
            texts=texts,
            count=count,
        )
    )
    if choice.gpu:
        say(
            tr(
                "note    for Kolors: storykit download kolors, then do as {file} says",
                file=shell_word(folder / "experiment.toml"),
            )
        )
    say(
        tr(
            "next    storykit run {experiment} --out {run}",
            experiment=shell_word(folder / "experiment.toml"),
            run=shell_word(folder / "run"),
        )
    )
    say(
        tr(
            "style   storykit train {training} --out {out}",
            training=shell_word(folder / "train.toml"),
            out=shell_word(folder / "my"),
        )
    )
