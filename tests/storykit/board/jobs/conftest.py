"""A served folder whose jobs are played: quick, and as long as a test wants."""

from pathlib import Path

import pytest
from stand_in_command import PlayedFolder, stand_in


@pytest.fixture
def played(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> PlayedFolder:
    commands = tmp_path_factory.mktemp("commands")
    stand_in(commands)
    monkeypatch.setenv("PYTHONPATH", str(commands))
    return PlayedFolder(tmp_path)
