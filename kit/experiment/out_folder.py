"""Whether a folder may become, or go on as, the folder of an experiment's run: nothing in it leads out."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import RunError
from kit.files.folder_lock import was_locked
from kit.files.path_contents import kind_at
from kit.files.regular_files import read_file
from kit.messages import joined, tr

if TYPE_CHECKING:
    from kit.experiment.config import LoadedExperiment
    from kit.experiment.run import Run

MARK = "# The experiment of this run, resolved by storykit: every default written out.\n"
"""The first line of a run's experiment.toml; a file without it is the user's own."""


def check_out_folder(folder: Path) -> None:
    """Raise RunError unless a folder is new, empty or a run's: nothing is written among a user's files."""
    for link in (folder, *folder.parents):
        if link.is_symlink() and not link.exists():
            told = tr(
                "{link} is a link to {place}, which is not there: make it, or choose another folder",
                link=link,
                place=os.readlink(link),
            )
            raise RunError(told)
    if not folder.exists() or kind_at(folder) in ("run", "emptied run") or was_locked(folder):
        return
    if (folder / "experiment.toml").is_file():
        return
    if not folder.is_dir():
        raise RunError(tr("{folder} is a file: a run needs a folder; choose another one", folder=folder))
    names = sorted(path.name for path in folder.iterdir() if not path.name.endswith(".part"))
    if names:
        raise RunError(
            tr(
                "{folder} holds {file} and no run: choose another folder, new or empty",
                folder=folder,
                file=names[0],
            )
        )


@contextmanager
def withdrawn_if_stopped(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """Take new files out again where a fault or ctrl-c leaves a folder without an experiment.toml.

    What stays of a run that never began would keep the same command from beginning it.

    Args:
        folder: that is to become a run's.
        names: of the folders in it that new files come into.
    """
    before = set(_inside(folder, names))
    try:
        yield
    finally:
        if not (folder / "experiment.toml").exists():
            new = [path for path in _inside(folder, names) if path not in before]
            for path in reversed(new):  # what is in a folder before it
                with suppress(OSError):
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _inside(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return folders, each with all that is in it behind it."""
    found = (path for name in names for path in (folder / name, *(folder / name).rglob("*")))
    return sorted(filter(os.path.lexists, found))


def refuse_another(run: "Run", loaded: "LoadedExperiment", *, reworded: bool) -> None:
    """Raise RunError when the folder holds something that this experiment would overwrite.

    Args:
        run: the folder, which may hold nothing yet.
        loaded: the experiment that is to be drawn there.
        reworded: whether stories that were drawn may be told in other words.
    """
    path = run.experiment_path
    if not path.is_file():
        return
    if not read_file(path).startswith(MARK.encode()):
        has_rows = run.rows_path.is_file()
        if has_rows:
            raise RunError(
                tr("{file} is not a run's; delete it and type the same again, the pictures stay", file=path)
            )
        raise RunError(tr("{file} is not a run's; choose another folder", file=path))
    drawn = {row.story for row in run.rows()}
    offered = {story.name: story.story for story in loaded.stories}
    held = {story.name: story.story for story in run.loaded.stories if story.name in drawn}
    changed = [name for name, story in held.items() if offered.get(name, story) != story and not reworded]
    if lost := [*changed, *(held.keys() - offered.keys())]:
        raise RunError(
            tr(
                "{folder} holds panels of another experiment: story {stories} is changed or dropped;"
                " choose another folder",
                folder=run.folder,
                stories=joined(sorted(lost), tr(", ")),
            )
        )


def refuse_links_out(folder: Path, names: Iterable[str]) -> None:
    """Raise RunError where one of these names in a folder, or what lies below it, leads out of the folder.

    Through such a link a command would read or write what is no part of it. The folder itself may be a link,
    and links may lead from one place inside to another. Pipes and devices, which never end, are refused, too.
    """
    inside = folder.resolve()
    for path, mode in _found(folder / name for name in names):
        if stat.S_ISLNK(mode) and not _leads(path).is_relative_to(inside):
            raise RunError(
                tr(
                    "{path} is a link that leads out of {folder}: put what it points at in its place,"
                    " or make {folder} itself the link",
                    path=path,
                    folder=folder,
                )
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise RunError(tr("{path} is neither a file nor a folder: remove it", path=path))


def _leads(link: Path) -> Path:
    """Return where a link leads; one that leads to itself leads nowhere inside."""
    try:
        place = link.resolve()
    except (OSError, RuntimeError):  # as Python before 3.13 says it
        return Path(link.anchor)
    return Path(link.anchor) if place.is_symlink() else place


def _found(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Yield each path that is there and all below it, with its mode; links are not followed."""
    for path in paths:
        mode = _mode(path)
        if mode is None:
            continue
        yield path, mode
        if stat.S_ISDIR(mode):
            for parent, folders, files in os.walk(path):
                for below in (Path(parent) / name for name in (*folders, *files)):
                    if (its := _mode(below)) is not None:
                        yield below, its


def _mode(path: Path) -> int | None:
    """Return the mode of what is there; None where nothing is, by now: others may write meanwhile."""
    try:
        return path.lstat().st_mode
    except OSError:
        return None
