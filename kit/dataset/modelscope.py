"""Datasets of ModelScope, fetched into the cache; a stopped download goes on."""

import re
from pathlib import Path

from kit.dataset.sources import SUFFIXES, TABLES
from kit.errors import InputError
from kit.hub.modelscope import as_os_error
from kit.hub.repository import models_folder

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_MOST_NAMED = 3


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
    from modelscope import dataset_snapshot_download
    from modelscope_hub.api import HubApi

    folder = models_folder() / "datasets" / name
    ends = [*TABLES, *(end for suffix in (*SUFFIXES, ".txt") for end in (suffix, suffix.upper()))]
    by_hand = f"modelscope download --dataset {name} --local_dir FOLDER"
    try:
        with as_os_error():
            files = [entry.path for entry in HubApi().list_repo_files(name, "dataset") if not entry.is_dir]
            if any(file.lower().endswith(SUFFIXES) for file in files):
                wanted = [f"*{end}" for end in ends]
                dataset_snapshot_download(name, allow_patterns=wanted, local_dir=str(folder))
                return _with_table(folder)
    except OSError as error:
        said = " ".join(str(error).split())[:160]
        raise InputError(
            name,
            [f"is no folder or file here, and could not be fetched from ModelScope: {said}; "
             f"run the same command again, or `{by_hand}` and give that folder"],
        ) from error  # fmt: skip
    others = [file for file in files if not file.startswith(".")][:_MOST_NAMED]
    raise InputError(
        name,
        [f"must hold picture files, got {', '.join(others) or 'nothing'}; fetch it with `{by_hand}`, "
         "unpack the pictures and give their folder"],
    )  # fmt: skip


def _with_table(folder: Path) -> Path:
    tables = [path for name in TABLES for path in folder.rglob(name)]
    return tables[0].parent if len(tables) == 1 else folder
