from pathlib import Path

import pytest

from eval.mini.training.shards import Task, render_shards


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "shards"
    render_shards(Task(folder=folder, index=0, count=12, seed=0, held_out=False), workers=1)
    return folder
