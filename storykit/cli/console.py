"""Arguments, output and the words for a wrong command line, which all commands share."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from typer.core import TyperGroup

from kit.did_you_mean import did_you_mean
from kit.errors import printable
from kit.messages import all_in_english

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="The experiment's TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")]
OutFolder = Annotated[Path, typer.Option("--out", help="The run's folder; made when it is not there.")]
Devices = Annotated[
    str, typer.Option(help="Where to draw: auto, all (every GPU), or a list such as cuda:0,cuda:1.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print numbers as JSON, for machines.")]


def say(line: str, *, err: bool = False) -> None:
    """Print a line; what it holds of strangers' words does nothing to the terminal."""
    typer.echo(printable(line), err=err)


def say_lines(text: str) -> None:
    """Print several lines, each as `say` does."""
    for line in text.splitlines():
        say(line)


def say_json(value: object) -> None:
    """Print a value as JSON, for machines; it does nothing to a terminal either."""
    text = json.dumps(all_in_english(value), ensure_ascii=False, indent=1, default=_dumped)
    shown = (one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
    typer.echo("".join(shown))


def _dumped(value: object) -> object:
    """Return a table that is a model of pydantic's as plain values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"no JSON for {type(value).__name__}")


def counted(number: int, noun: str) -> str:
    """Return a number of things in words.

    >>> counted(1, "fault"), counted(2, "fault")
    ('1 fault', '2 faults')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


_NOT_A_CHOICE = re.compile(r"'(.*)' is not one of (.+)\.", re.S)
_EXTRA = re.compile(r"unexpected extra argument\S* \((.*)\)", re.S)
_NO_OPTION = re.compile(r"No such option:? '?(--?[^\s']*)'?", re.S)
_COMMAND = re.compile(r"`storykit [^`]+`|: storykit \w")
"""A command to type, within a sentence."""
_NO_COMMAND = re.compile(r"No such command '(.*?)'", re.S)
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""Typer's error of a wrong command line, which it does not name in public."""


class WrongUsage(typer.BadParameter):
    """A command line that cannot be understood; says nothing but its own sentence."""

    def format_message(self) -> str:
        """Return the sentence."""
        return printable(self.message)

    def show(self, file: Any = None) -> None:
        """Print the sentence, and how the command is used unless the sentence gives a command to type."""
        if _COMMAND.search(self.message):
            say(f"Error: {self.message}", err=True)
        else:
            super().show(file)


class CommandGroup(TyperGroup):
    """Commands that take `help` for `--help`, and say in plain words what is wrong with a command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; `help pack` is `pack --help`."""
        words = [*args[1:], "--help"] if args[:1] == ["help"] else args
        return super().parse_args(ctx, words)

    def invoke(self, ctx: Any) -> Any:
        """Give the command; a wrong command line is told in our words."""
        try:
            return super().invoke(ctx)
        except WrongUsage:
            raise
        except _USAGE_ERROR as error:
            if error.message.startswith("Usage:"):  # a group alone, which shows its help
                raise
            raise WrongUsage(_plain(error), getattr(error, "ctx", None) or ctx) from error


def _plain(error: Any) -> str:
    """Return what is wrong with a command line and how it is written."""
    from pydantic import ValidationError

    from kit.files.documents import faults_of

    param, cause = getattr(error, "param", None), error.__cause__
    if param is not None and not error.message:
        return f"{_name(param)} is missing: {_about(param)}; the whole command is {_whole(error.ctx)}"
    told = faults_of(cause)[-1] if isinstance(cause, ValidationError) else error.message
    if found := _NOT_A_CHOICE.search(told):
        choices = re.findall(r"'([^']*)'", found[2])
        near = did_you_mean(found[1], choices, cutoff=0.5)
        told = (
            f"must be {' or '.join(filter(None, (', '.join(choices[:-1]), choices[-1])))}, got {found[1]!r}"
        )
        told += near or (f" ({_about(param)})" if param and choices[1:] else "")
    if param is not None:
        return f"{_name(param)} {told}"
    return _of_words(error, told)


def _of_words(error: Any, told: str) -> str:
    """Return what is wrong with the words of a command line that belong to no option."""
    if found := _EXTRA.search(told):
        return f'{found[1]} is too much here; a name with a space in it needs quotes, as "my run"'
    if (found := _NO_OPTION.search(told)) and error.ctx is not None:
        known = [name for one in error.ctx.command.params for name in one.opts if name[0] == "-"]
        near = did_you_mean(found[1], known, cutoff=0.6)
        command = error.ctx.command_path
        return f"{command} has no option {found[1]}{near or f'; `{command} --help` names those that it has'}"
    found = _NO_COMMAND.search(told)
    if found and (meant := _forgotten(error.ctx, found[1])):
        return meant
    if found and Path(found[1]).exists():
        from kit.files.path_contents import taken_by

        return f"a command must stand before {found[1]}{taken_by(Path(found[1]))}"
    if found and error.ctx is not None and "Did you mean" not in told:
        return (
            f"{error.ctx.command_path} has no command {found[1]}; `{error.ctx.command_path} --help` names all"
        )
    return told


_USUAL = {
    "dataset": ("prepare", " --out data"),
    "lora": ("inspect", ""),
    "story": ("import", " --out story.toml"),
}
"""The command of a group that people mean who leave it out, and what it needs beside their word."""


def _forgotten(ctx: Any, word: str) -> str:
    """Return which command is missing between a group and a file; empty where the word is no file."""
    from kit.files.user_paths import shell_word

    group = ctx.info_name if ctx is not None else ""
    if not (Path(word).exists() or re.search(r"[/\\:.]", word)):
        return ""
    if group in _USUAL:
        command, more = _USUAL[group]
        return f'"{command}" is missing: {ctx.command_path} {command} {shell_word(word)}{more}'
    if group == "metrics":
        return f"metrics are held against known damage, not a file: {ctx.command_path} validate"
    return ""


def _name(param: Any) -> str:
    """Return what an option or an argument is called."""
    return str(max(param.opts, key=len) if param.param_type_name == "option" else _value_of(param))


def _value_of(param: Any) -> str:
    return str(param.metavar or param.name.upper()).strip("{}.")


def _about(param: Any) -> str:
    text = str(param.help or "").rstrip(".")
    return text[:1].lower() + text[1:]


def _whole(ctx: Any) -> str:
    """Return the shortest form of a command: what must be there."""
    needed = [param for param in ctx.command.params if param.required]
    words = [
        _value_of(one) if one.param_type_name == "argument" else f"{_name(one)} {_value_of(one)}"
        for one in sorted(needed, key=lambda one: one.param_type_name)
    ]
    return f"`{' '.join([ctx.command_path, *words])}`"
