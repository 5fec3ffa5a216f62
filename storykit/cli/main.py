"""The `storykit` command: one thin command a stage, each reading what the one before left on disk."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import NoReturn

import typer

from kit.errors import BundleError, StorykitError
from kit.files.atomic_write import with_remedy
from kit.library_warnings import hide_pynvml_warning, name_user
from kit.messages import asked_language, tr
from storykit.cli.board import board
from storykit.cli.experiment import demo, download, generate, run
from storykit.cli.finishing.finish import finish
from storykit.cli.finishing.repair import repair
from storykit.cli.gather import gather
from storykit.cli.groups.dataset import dataset_app
from storykit.cli.groups.lora import lora_app
from storykit.cli.groups.metrics import metrics_app
from storykit.cli.groups.model import model_app
from storykit.cli.groups.story import story_app
from storykit.cli.pack import pack, publish
from storykit.cli.scores import cast, compare, gate, report, score
from storykit.cli.setup.doctor import doctor
from storykit.cli.setup.new import new
from storykit.cli.setup.plan import plan
from storykit.cli.share import share
from storykit.cli.terminal.console import say
from storykit.cli.terminal.help import Command
from storykit.cli.terminal.usage_errors import CommandGroup
from storykit.cli.train import train
from storykit.cli.verify import leaderboard, reproduce, verify
from storykit.cli.votes import votes

INTERRUPTED = 130
"""How Typer exits when the user presses ctrl-c."""


app = typer.Typer(
    cls=CommandGroup,
    context_settings={"help_option_names": ["--help", "-h"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Make, score, compare and pack LoRA-styled eight-panel picture stories.",
)
app.add_typer(dataset_app, name="dataset")
app.add_typer(lora_app, name="lora")
app.add_typer(metrics_app, name="metrics")
app.add_typer(model_app, name="model")
app.add_typer(story_app, name="story")


for _command in (
    new,
    demo,
    run,
    generate,
    gather,
    score,
    compare,
    cast,
    repair,
    finish,
    votes,
    report,
    board,
    share,
    pack,
    verify,
    reproduce,
    leaderboard,
    publish,
    gate,
    train,
    download,
    doctor,
    plan,
):
    app.command(cls=Command)(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; our own errors and the machine's are one line, every other one keeps its traceback."""
    if arguments is None:
        _read_names_as_utf_8()
        _open_what_is_closed()
    _have_libraries_speak_it()
    hide_pynvml_warning()
    name_user()
    try:
        os.getcwd()
    except OSError:
        _fail(tr("the folder that you are in is gone: go to another one first, as with `cd ~`"))
    try:
        _answer(arguments)
    except BundleError as error:
        _fail(*_lines(error))
    except StorykitError as error:
        _fail(str(error))
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        _fail(with_remedy(told, error))


def _answer(arguments: Sequence[str] | None) -> None:
    """Run the command; ctrl-c ends it in one line, and so does SIGTERM, as `timeout` and Slurm send it."""
    try:
        with _sigterm_as_ctrl_c():
            app(arguments, prog_name="storykit")
        return
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise
    except (AttributeError, RuntimeError) as error:
        if not _came_of_a_stop(error):
            raise
    _fail(tr("stopped; every file that is finished stays"))


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Have SIGTERM stop the command where nobody minds it yet, so that what is at hand is still written."""
    own = current_thread() is main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if own:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if own:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _came_of_a_stop(error: BaseException | None) -> bool:
    """Return whether ctrl-c came first, as where it makes the import of a library fail in other words."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _have_libraries_speak_it() -> None:
    """Have what libraries say by themselves be in the language that the reader asks for."""
    if asked := asked_language():
        os.environ["LANGUAGE"] = asked


def _read_names_as_utf_8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale knows no letters but English ones.

    Python does so of its own accord unless it is told not to; then no file with a Chinese name can be found.
    """
    if sys.getfilesystemencoding() == "ascii" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _open_what_is_closed() -> None:
    """Have standard input, output and errors lead nowhere where whoever began this has closed them.

    Else the next file that is opened gets the number, and what libraries print goes into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "w" if number else "r", encoding="utf-8"))


def _lines(error: BundleError) -> list[str]:
    """Return an error's line, or of several faults their number and a line for each."""
    if len(error.faults) < 2:
        return [str(error)]
    return [error.opening, *error.faults]


def _fail(reason: str, *more: str) -> NoReturn:
    say(tr("Error: {reason}", reason=" ".join(reason.splitlines())), err=True)
    for line in more:
        say(f"  {line}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
