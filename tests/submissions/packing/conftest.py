import pytest
from entries import make_entry, make_scored_run

from submissions.packing.pack import pack


@pytest.fixture
def run(tmp_path):
    return make_scored_run(tmp_path / "work")


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """One sound bundle, for tests that only look at it."""
    folder = tmp_path_factory.mktemp("packed")
    run = make_scored_run(folder / "work")
    return run, pack(run, make_entry(folder))
