import shutil
from pathlib import Path

import pytest
from hostile_folder import SECRET
from made_run import Plan, make_run, write_made_up_scores

from kit.experiment.run import PAGE


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory) -> Path:
    served = tmp_path_factory.mktemp("made") / "served"
    for name in ("good", "bad"):
        run = make_run(served / name, Plan(candidates=("base",), seeds=(0,)))
        write_made_up_scores(run)
        (run.folder / PAGE).write_text("<p>the report</p>")
    (served.parent / "secret").mkdir()
    (served.parent / "secret" / "secret.txt").write_text(SECRET)
    return served


@pytest.fixture
def served(two_runs, tmp_path) -> Path:
    """A folder with a sound run and one to be harmed; beside it lies a secret."""
    shutil.copytree(two_runs.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "served"
