"""Models fetched from Hugging Face."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kit.hub.network import check_network
from kit.hub.repository import RemoteFile


class HuggingFace:
    """The other hub."""

    def __init__(self, repository: str) -> None:
        """Name the repository, OWNER/NAME; nothing is asked of the hub yet."""
        self._repository = repository

    def files(self) -> Mapping[str, RemoteFile]:
        """Return the repository's files by path."""
        check_network("HF_ENDPOINT", "huggingface.co")
        from huggingface_hub import HfApi

        siblings = HfApi().model_info(self._repository, files_metadata=True).siblings or []
        return {
            entry.rfilename: RemoteFile(entry.size or 0, entry.lfs.sha256 if entry.lfs else "")
            for entry in siblings
        }

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        """Fetch files with Hugging Face's own client, which resumes and shows progress."""
        from huggingface_hub import snapshot_download

        snapshot_download(self._repository, allow_patterns=list(paths), local_dir=folder)
