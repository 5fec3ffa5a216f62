import shutil
from pathlib import Path

import pytest
from fakes import toy_base


@pytest.fixture
def base_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_base(), tmp_path / "base"))
