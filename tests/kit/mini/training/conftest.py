import shutil
from pathlib import Path

import pytest

from kit.embedded import BASE_WEIGHTS
from kit.mini.training.shards import write_shard
from kit.models.networks import TOKENIZER
from kit.world.scene import STYLES

SMALL = 3
"""Pictures in a test's shard."""


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tokenizer and one small shard of each style."""
    folder = tmp_path_factory.mktemp("mini")
    (folder / TOKENIZER).parent.mkdir()
    shutil.copy(BASE_WEIGHTS / TOKENIZER, folder / TOKENIZER)
    (folder / "shards").mkdir()
    for style in STYLES:
        write_shard(folder / "shards", style, 0, SMALL)
    return folder
