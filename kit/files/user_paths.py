"""Paths as users write them: from the file that names them, from home, with Windows' backslashes."""

import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from kit.did_you_mean import did_you_mean, nearest
from kit.messages import tr

_LOOKED_AT = 1000
"""Names of a folder among which the one that was meant is looked for."""
_ALIKE = 0.75
"""How alike a file's name must be, whose ending is often the same."""


def user_path(folder: Path, text: str) -> Path:
    """Return the absolute path that a text in a file of this folder names.

    `~` is the user's home; a backslash separates folders where no file has it in its name.
    """
    path = _absolute(folder, text)
    if "\\" in text and not os.path.lexists(path):
        return _absolute(folder, text.replace("\\", "/"))
    return path


def _absolute(folder: Path, text: str) -> Path:
    return Path(os.path.abspath(folder / os.path.expanduser(text)))


def why_not_there(text: str, path: Path, names: Sequence[str] = ()) -> str:
    """Return that a path is not there as it must be, and what may have been meant, in the words behind it.

    Args:
        text: as the user wrote it.
        path: what was looked at.
        names: what could stand there instead of a path.
    """
    if any(letter in text for letter in "\t\n\r\b\f\x1b"):
        return tr(
            "does not exist: a backslash means something else between \"; write / or put the path between '"
        )
    with suppress(OSError, ValueError):
        if path.exists():
            if not path.is_dir() and not path.is_file():
                return tr("is no file")
            return tr("is a folder") if path.is_dir() else tr("is a file")
    meant = _meant(path.name, [*names, *_beside(path)])
    if Path(text).is_absolute():
        return tr("does not exist{meant}", meant=meant)
    return tr("does not exist in {folder}{meant}", folder=path.parent, meant=meant)


def _meant(name: str, known: Sequence[str]) -> str:
    """Return which of some names may have been meant; their endings, often the same, count for little.

    >>> _meant("nofile.toml", ["rain.toml"]), _meant("rian.toml", ["rain.toml"])
    ('', ', did you mean rain.toml?')
    """
    others = (one for one in known if one != name)  # a link that leads nowhere is listed, too
    alike = [one for one in others if nearest(Path(name).stem, [Path(one).stem], _ALIKE)]
    return did_you_mean(name, alike, 0)


def shell_word(path: str | Path) -> str:
    """Return a path as a shell takes it; letters of any script need no quotes.

    >>> shell_word("runs/雨天"), shell_word("my run")
    ('runs/雨天', "'my run'")
    """
    text = str(path)
    return text if re.fullmatch(r"[\w@%+=:,./][\w@%+=:,./~-]*", text) else shlex.quote(text)


def missing_file(path: Path, where: str = "") -> str:
    """Return that there is no such file, said where, and which file beside it may have been meant."""
    return tr("file does not exist{where}{meant}", where=where, meant=meant_beside(path))


def missing_folder(path: Path) -> str:
    """Return that there is no such folder, and what beside it may have been meant."""
    return tr("does not exist{meant}", meant=meant_beside(path))


def meant_beside(path: Path) -> str:
    """Return which file or folder beside a missing one may have been meant, as `did_you_mean` does."""
    return _meant(path.name, _beside(path))


def _beside(path: Path) -> list[str]:
    try:
        return [one.name for one in islice(path.parent.iterdir(), _LOOKED_AT)]
    except (OSError, ValueError):
        return []
