"""A repository of a hub, its files, and where models are kept."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

Hub = Literal["modelscope", "huggingface"]


def models_folder() -> Path:
    """Return where downloads are kept: in the folder that STORYKIT_MODELS names, else in the user's cache."""
    named = os.environ.get("STORYKIT_MODELS")
    return Path(named) if named else Path.home() / ".cache" / "storykit"


def kolors_folder() -> Path:
    """Return where base "kolors" is."""
    return models_folder() / "Kolors"


class RemoteFile(NamedTuple):
    """A file of the repository."""

    size: int
    sha256: str
    """Empty where the hub does not tell."""


class Source(Protocol):
    """Where files come from."""

    def files(self) -> Mapping[str, RemoteFile]:
        """Return the repository's files by path."""

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        """Fetch files into the folder, showing how far it is; what is there in part is gone on with."""
