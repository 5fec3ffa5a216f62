"""What is wrong with a command line, in plain words."""

import re
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from kit.did_you_mean import did_you_mean
from kit.errors import printable
from kit.messages import joined, tr
from storykit.cli.terminal.console import say
from storykit.cli.terminal.help import HelpInReadersLanguage, metavar_of

_NOT_A_CHOICE = re.compile(r"'(.*)' is not one of (.+)\.", re.S)
_EXTRA = re.compile(r"unexpected extra argument\S* \((.*)\)", re.S)
_NO_OPTION = re.compile(r"No such option:? '?(--?[^\s']*)'?", re.S)
_COMMAND = re.compile(r"`storykit [^`]+`|: storykit \w")
"""A command to type, within a sentence."""
_NO_VALUE = re.compile(r"Option '?(--?[^\s']*)'? requires an argument", re.S)
_TOO_MUCH_VALUE = re.compile(r"Option '?(--?[^\s']*)'? does not take a value", re.S)
_NO_COMMAND = re.compile(r"No such command '(.*?)'", re.S)
_ONE_CAPITAL = re.compile(r"[A-Z][a-z']*(?!\w)")
"""A first word that has its capital from the sentence, unlike LoRA and CLIP."""
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""Typer's error of a wrong command line, which it does not name in public."""


class WrongUsage(typer.BadParameter):
    """A command line that cannot be understood; says nothing but its own sentence."""

    def format_message(self) -> str:
        """Return the sentence."""
        return printable(self.message)

    def show(self, file: Any = None) -> None:
        """Print the sentence, and how the command is used unless the sentence gives a command to type."""
        if self.ctx is not None and not _COMMAND.search(self.message):
            say(self.ctx.get_usage(), err=True)
            say(tr("Try '{command} --help' for help.", command=self.ctx.command_path), err=True)
            say("", err=True)
        say(tr("Error: {reason}", reason=self.message), err=True)


def refuse_both(devices: str, ray: str) -> None:
    """Refuse devices of this machine beside a cluster."""
    if ray and devices != "auto":
        raise WrongUsage(tr("--ray takes all devices of the cluster: leave --devices out"))


class CommandGroup(HelpInReadersLanguage, TyperGroup):
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
            if error.message.startswith(
                ("Usage:", tr("Usage: ").strip())
            ):  # a group alone, which shows its help
                raise
            raise WrongUsage(_plain(error), getattr(error, "ctx", None) or ctx) from error


def _plain(error: Any) -> str:
    """Return what is wrong with a command line and how it is written."""
    from pydantic import ValidationError

    from kit.files.documents import faults_of

    param, cause = getattr(error, "param", None), error.__cause__
    if param is not None and not error.message:
        return tr(
            "{name} is missing: {about}; the whole command is {whole}",
            name=_name(param),
            about=_about(param),
            whole=_whole(error.ctx),
        )
    told = faults_of(cause)[-1] if isinstance(cause, ValidationError) else error.message
    if found := _NOT_A_CHOICE.search(told):
        choices = re.findall(r"'([^']*)'", found[2])
        near = did_you_mean(found[1], choices, cutoff=0.5)
        told = tr("must be {choices}, got {got!r}", choices=_one_of(choices), got=found[1])
        if near or (param and choices[1:]):
            told = joined([told, near or tr(" ({about})", about=_about(param))], "")
    if param is not None:
        return joined([_name(param), told], " ")
    return _of_words(error, told)


def _of_words(error: Any, told: str) -> str:
    """Return what is wrong with the words of a command line that belong to no option."""
    if found := _EXTRA.search(told):
        return tr(
            '{word} is too much here; a name with a space in it needs quotes, as "my run"', word=found[1]
        )
    if (found := _NO_OPTION.search(told)) and error.ctx is not None:
        return _no_option(error.ctx, found[1])
    if found := _NO_VALUE.search(told):
        return tr("{option} needs a value behind it", option=found[1])
    if found := _TOO_MUCH_VALUE.search(told):
        return tr("{option} takes no value", option=found[1])
    found = _NO_COMMAND.search(told)
    return told if found is None or error.ctx is None else _no_command(error.ctx, found[1])


def _no_option(ctx: Any, word: str) -> str:
    """Return that an option is none, and which is meant."""
    command = ctx.command_path
    known = [name for one in ctx.command.params for name in one.opts if name[0] == "-"]
    if near := did_you_mean(word, known, cutoff=0.6):
        return tr("{command} has no option {word}{near}", command=command, word=word, near=near)
    return tr(
        "{command} has no option {word}; `{command} --help` names those that it has",
        command=command,
        word=word,
    )


def _no_command(ctx: Any, word: str) -> str:
    """Return that a command is none, and which is meant, or which is missing before a file."""
    if meant := _forgotten(ctx, word):
        return meant
    if Path(word).exists():
        from kit.files.path_contents import taken_by

        return tr("a command must stand before {word}{taken_by}", word=word, taken_by=taken_by(Path(word)))
    near = did_you_mean(word, list(ctx.command.commands), cutoff=0.6)
    if near:
        return tr("{command} has no command {word}{near}", command=ctx.command_path, word=word, near=near)
    return tr(
        "{command} has no command {word}; `{command} --help` names all", command=ctx.command_path, word=word
    )


def _one_of(choices: list[str]) -> str:
    """Return what may be chosen, in words."""
    *first, last = choices
    return tr("{first} or {last}", first=joined(first, tr(", ")), last=last) if first else last


_USUAL = {
    "dataset": ("prepare", " --out data"),
    "lora": ("inspect", ""),
    "model": ("inspect", ""),
    "story": ("import", " --out story.toml"),
}
"""The command of a group that people mean who leave it out, and what it needs beside their word."""


def _forgotten(ctx: Any, word: str) -> str:
    """Return which command is missing between a group and a file; empty where the word is no file."""
    from kit.files.user_paths import shell_word

    group = ctx.info_name
    if not (Path(word).exists() or re.search(r"[/\\:.]", word)):
        return ""
    if group in _USUAL:
        command, more = _USUAL[group]
        whole = f"{ctx.command_path} {command} {shell_word(word)}{more}"
        return tr('"{command}" is missing: {whole}', command=command, whole=whole)
    if group == "metrics":
        return tr(
            "metrics are held against known damage, not a file: {command} validate", command=ctx.command_path
        )
    return ""


def _name(param: Any) -> str:
    """Return what an option or an argument is called."""
    return str(max(param.opts, key=len) if param.param_type_name == "option" else metavar_of(param))


def _about(param: Any) -> str:
    text = tr(str(param.help or "")).rstrip(".。")
    return text[:1].lower() + text[1:] if _ONE_CAPITAL.match(text) else text


def _whole(ctx: Any) -> str:
    """Return the shortest form of a command: what must be there."""
    needed = [param for param in ctx.command.params if param.required]
    words = [
        metavar_of(one) if one.param_type_name == "argument" else f"{_name(one)} {metavar_of(one)}"
        for one in sorted(needed, key=lambda one: one.param_type_name)
    ]
    return f"`{' '.join([ctx.command_path, *words])}`"
