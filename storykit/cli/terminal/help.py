"""Help in the reader's language: what stands in the tree of commands, and what the library adds to it."""

import gettext
from collections.abc import Sequence
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand

from kit.messages import DOMAIN, LOCALE, mark, tr

ADDED = (
    mark("Arguments"),
    mark("Options"),
    mark("Commands"),
    mark("default: {default}"),
    mark("required"),
    mark("Show this message and exit."),
    mark("Aborted!"),
)
"""What Typer adds to our own help; it asks for most of it in gettext's domain."""
_METAVARS = {
    "str": "TEXT",
    "int": "NUMBER",
    "int range": "NUMBER",
    "float": "NUMBER",
    "float range": "NUMBER",
}
"""What is to be given in place of Python's types; paths and choices say it themselves."""
_Formatter: Any = typer.Context.formatter_class


class WideFormatter(_Formatter):  # type: ignore[misc]
    """Lays help out by the width of its letters: a Chinese one takes two columns."""

    def write_text(self, text: str) -> None:
        """Write paragraphs, wrapped and indented."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            lines = _wrapped(" ".join(paragraph.split()), self.width - self.current_indent)
            self.write("\n" * bool(number) + "".join(f"{indent}{line}\n" for line in lines))

    def write_heading(self, heading: str) -> None:
        """Write what the names below it are."""
        self.write(f"{'':{self.current_indent}}{tr('{name}:', name=heading)}\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names with what they mean; the meanings begin in one column."""
        widest = min(max(len(name) for name, _ in rows), col_max)
        column = self.current_indent + widest + col_spacing
        for name, meaning in rows:
            first, *others = _wrapped(meaning, max(self.width - column, 10)) or [""]
            self.write(f"{'':{self.current_indent}}{name}")
            if len(name) > widest:
                self.write(f"\n{'':{column}}{first}\n")
            else:
                self.write(f"{'':{column - self.current_indent - len(name)}}{first}".rstrip() + "\n")
            for line in others:
                self.write(f"{'':{column}}{line}\n")


class HelpInReadersLanguage:
    """What a command and a group of commands share."""

    def get_help(self: Any, ctx: Any) -> str:
        """Return the help, translated."""
        gettext.bindtextdomain(DOMAIN, str(LOCALE))
        gettext.textdomain(DOMAIN)
        _translate(self, ctx)
        formatter = WideFormatter(width=ctx.terminal_width, max_width=ctx.max_content_width)
        self.format_help(ctx, formatter)
        return str(formatter.getvalue().rstrip("\n"))

    def format_usage(self: Any, ctx: Any, formatter: Any) -> None:
        """Write how the command is used."""
        words = " ".join(self.collect_usage_pieces(ctx)).replace("{", "").replace("}", "")
        formatter.write_usage(ctx.command_path, words, prefix=tr("Usage: "))

    def format_commands(self: Any, ctx: Any, formatter: Any) -> None:
        """Write the commands of a group, each with the first sentence of its help."""
        with formatter.section(tr("Commands")):
            formatter.write_dl([(name, one.help.splitlines()[0]) for name, one in self.commands.items()])


class Command(HelpInReadersLanguage, TyperCommand):
    """A command whose help is in the reader's language."""


def _translate(command: Any, ctx: Any) -> None:
    """Put a command's help, its options' and that of the commands below it into the reader's language."""
    command.help = tr(command.help) if command.help else command.help
    for parameter in command.get_params(ctx):
        if parameter.param_type_name == "argument":
            parameter.metavar = metavar_of(parameter)
        parameter.display_type_rich = partial(_shown, parameter)
        if getattr(parameter, "help", None):
            parameter.help = tr(parameter.help)
    for child in getattr(command, "commands", {}).values():
        child.help = tr(child.help)


def metavar_of(parameter: Any) -> str:
    """Return what stands for an argument, or for what an option takes."""
    return str(parameter.metavar or parameter.name.upper())


def _shown(parameter: Any, ctx: Any) -> str:
    """Return what help shows behind an option; behind an argument, whose name says it, nothing."""
    if parameter.param_type_name == "argument":
        return ""
    if parameter.metavar:
        return metavar_of(parameter)
    kind = parameter.display_type(ctx).strip("<>").removeprefix("list[").removesuffix("]")
    return _METAVARS.get(kind, "PATH" if kind.lower() == "path" else kind)


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines that fit a width, in columns of a terminal."""
    from rich.console import Console
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(text).wrap(Console(width=width), width)]
