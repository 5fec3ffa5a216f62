"""Datasets of ModelScope, fetched into the cache; a stopped download goes on."""

import re
from pathlib import Path

from kit.dataset.captions import CAPTION_SUFFIXES
from kit.dataset.tables import SUFFIXES, TABLES
from kit.errors import InputError
from kit.files.text.library_words import reason_of
from kit.hub.modelscope import ModelScope
from kit.hub.repository import models_folder
from kit.messages import Message, joined, tr

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_MOST_NAMED = 3
_LONGEST = 160
"""Letters of what the network says."""


def is_dataset_name(source: str) -> bool:
    """Return whether a source reads as owner/name.

    >>> is_dataset_name("AI-ModelScope/lowres_anime"), is_dataset_name("../pictures")
    (True, False)
    """
    return bool(_NAME.fullmatch(source))


def fetch_dataset(name: str) -> Path:
    """Fetch a dataset's pictures, captions and tables, or what is missing of them, and return their folder.

    Where there is one table, that is the table's folder.

    Raises InputError when the hub cannot be reached or the dataset holds no picture files.
    """
    source, folder = ModelScope(name, "dataset"), models_folder() / "datasets" / name
    by_hand = f"modelscope download --dataset {name} --local_dir FOLDER"
    try:
        files = source.files()
        if any(file.lower().endswith(SUFFIXES) for file in files):
            ends = (end for suffix in (*SUFFIXES, *CAPTION_SUFFIXES) for end in (suffix, suffix.upper()))
            source.fetch([f"*{end}" for end in (*TABLES, *ends)], folder)
            tables = [path for name in TABLES for path in folder.rglob(name)]
            return tables[0].parent if len(tables) == 1 else folder
    except OSError as error:
        problem = tr(
            "is no folder or file here, and could not be fetched from ModelScope: {reason}; run the same "
            "command again, or `{command}` and give that folder",
            reason=_reason(error),
            command=by_hand,
        )
        raise InputError(name, [problem]) from error
    others = joined([file for file in files if not file.startswith(".")][:_MOST_NAMED], tr(", ")) or tr(
        "nothing"
    )
    problem = tr(
        "must hold picture files, got {got}; fetch it with `{command}`, unpack the pictures and give their "
        "folder",
        got=others,
        command=by_hand,
    )
    raise InputError(name, [problem])


def _reason(error: OSError) -> str:
    """Return what the hub or the network says, in one line that is not long."""
    said = str(error)
    return said if isinstance(said, Message) else reason_of(" ".join(said.split())[:_LONGEST])
