"""The folder that the board serves: what lies in it, and nothing outside it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.errors import BoardError
from kit.experiment.run import Run
from kit.files.path_contents import Kind, kind_at
from kit.messages import tr

OWN = ".storykit-board"
"""What the board itself keeps in the folder."""
DEEPEST = 4
"""Folders within folders that are looked into."""
MOST_ENTRIES = 20_000
"""Files and folders that are looked at."""
LONGEST_NAME = 255
"""Bytes of a file's name, as file systems have it."""
_NOT_OF_RUNS = ("cache", "panels", "loras", "figures", "changed-by-hand")
"""Folders of runs in which nothing is looked for."""


@dataclass(frozen=True)
class ServedFolder:
    """A folder of runs, experiments, stories, trainings and bundles."""

    root: Path
    """Resolved."""

    @classmethod
    def open(cls, folder: Path) -> "ServedFolder":
        """Return a folder that is there; raises BoardError else."""
        if not folder.is_dir():
            raise BoardError(
                tr(
                    "{folder} is no folder: name one that holds runs, as in `storykit board runs`",
                    folder=folder,
                )
            )
        return cls(folder.resolve())

    def inside(self, name: str) -> Path:
        """Return the path of a name below the folder, with forward slashes; it need not be there.

        Raises:
            BoardError: it leads out of the folder, through links too, or is no name of a path.
        """
        parts = name.split("/")
        if any(map(_is_wild, parts)) or parts[0] == OWN:
            raise BoardError(tr("{name} is no path below the folder that is served", name=repr(name[:99])))
        path = self.root.joinpath(*parts)
        try:
            real = path.resolve()
        except (OSError, RuntimeError, ValueError):
            real = None
        if real is None or not real.is_relative_to(self.root):
            raise _leads_out(name)
        return path

    def refuse_outside(self, path: Path) -> None:
        """Raise BoardError where a path leads out of the folder by now, as through a link that is new."""
        if not path.resolve().is_relative_to(self.root):
            raise _leads_out(path.name)

    def name_of(self, path: Path) -> str:
        """Return the name of a path below the folder, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def run(self, name: str) -> Run:
        """Return a run by its name; "." is the folder itself. Raises BoardError or RunError."""
        path = self.root if name == "." else self.inside(name)
        run = Run.open(path)
        self.refuse_outside(path)
        return run

    def runs(self) -> list[str]:
        """Return the names of all runs, those written to last first; "." where the folder is a run itself."""
        if kind_at(self.root) == "run":
            return ["."]
        found = [path for path in self._walk() if path.is_dir() and kind_at(path) == "run"]
        return [self.name_of(path) for path in sorted(found, key=_written, reverse=True)]

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the names of what is of a kind, sorted: experiments, stories, LoRA files, bundles."""
        return sorted(self.name_of(path) for path in self._walk() if kind_at(path) == kind)

    def paths(self) -> Iterator[Path]:
        """Yield what lies in the folder, links that lead out of it and what is hidden left out."""
        return self._walk()

    def _walk(self) -> Iterator[Path]:
        """Yield what lies in the folder, links that lead out of it and what is hidden left out."""
        todo, seen = [(self.root, 0)], 0
        while todo:
            folder, depth = todo.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                seen += 1
                if seen > MOST_ENTRIES:
                    return
                if entry.name.startswith(".") or not entry.name.isprintable() or "\\" in entry.name:
                    continue
                path = Path(entry.path)
                if entry.is_symlink() and not path.resolve().is_relative_to(self.root):
                    continue
                yield path
                dull = entry.name in _NOT_OF_RUNS and (path.parent / "experiment.toml").exists()
                if depth < DEEPEST and entry.is_dir(follow_symlinks=False) and not dull:
                    todo.append((path, depth + 1))


def _is_wild(part: str) -> bool:
    """Return whether a part of a path is none that a file can have, or one that leads elsewhere."""
    odd = part in ("", ".", "..") or not part.isprintable() or "\\" in part
    return odd or len(os.fsencode(part)) > LONGEST_NAME


def _leads_out(name: str) -> BoardError:
    return BoardError(tr("{name} leads out of the folder that is served", name=repr(name[:99])))


def _written(run: Path) -> float:
    """Return when a run was last written to, seconds."""
    times = [0.0]
    for name in ("panels.jsonl", "scores.json", "selection.json", "experiment.toml"):
        try:
            times.append((run / name).stat().st_mtime)
        except OSError:
            continue
    return max(times)
