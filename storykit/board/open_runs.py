"""Runs that the board has open: each is checked and read once, and again when its files change."""

import os
from pathlib import Path
from threading import Lock

from kit.experiment.out_folder import refuse_links_out
from kit.experiment.run import OWN, Run
from storykit.board.served_folder import ServedFolder

_FILES = ("experiment.toml", "run.json", "panels.jsonl", "stories", "loras")


class OpenRuns:
    """Runs by their name below the served folder."""

    def __init__(self, folder: ServedFolder) -> None:
        """Have none open."""
        self._folder = folder
        self._lock = Lock()
        self._known: dict[str, tuple[list[str], Run]] = {}

    def run(self, name: str) -> Run:
        """Return a run; raises what `ServedFolder.run` does.

        A link that was put there since it was opened is found, too: it might lead out of the folder.
        """
        stamp = [file_state(self._folder.root / name / file) for file in _FILES]
        with self._lock:
            known = self._known.get(name)
        if known is None or known[0] != stamp:
            known = (stamp, self._folder.run(name))
            with self._lock:
                self._known[name] = known
        else:
            self._folder.refuse_outside(known[1].folder)
            refuse_links_out(known[1].folder, _no_plain_ones(known[1].folder))
        return known[1]


def _no_plain_ones(folder: Path) -> list[str]:
    """Return which names of a run are links, pipes or devices by now."""
    with os.scandir(folder) as entries:
        return [
            entry.name
            for entry in entries
            if entry.name in OWN
            and not entry.is_file(follow_symlinks=False)
            and not entry.is_dir(follow_symlinks=False)
        ]


def file_state(path: Path) -> str:
    """Return a text that changes when a file or folder is written to; "-" where it is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "-"
    return f"{status.st_mtime_ns}/{status.st_size}"
