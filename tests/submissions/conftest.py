from pathlib import Path

import pytest
from entries import forge, make_entry, make_scored_run, picture_bytes

from submissions.bundle.bundle import Bundle, open_bundle
from submissions.packing.pack import pack


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> bytes:
    """The bytes of a sound bundle."""
    folder = tmp_path_factory.mktemp("sound")
    return pack(make_scored_run(folder / "work"), make_entry(folder)).path.read_bytes()


@pytest.fixture(scope="session")
def light(sound, tmp_path_factory) -> bytes:
    """The bytes of a bundle whose mosaics are small and so wrong: for tests that look at other files."""
    path = tmp_path_factory.mktemp("light") / "entry.zip"
    path.write_bytes(sound)

    def shrink(files, manifest):
        files |= {name: picture_bytes(1, {}) for name in files if name.startswith("mosaic")}

    return forge(path, shrink).read_bytes()


@pytest.fixture
def bundle(sound, tmp_path) -> Path:
    (tmp_path / "entry.zip").write_bytes(sound)
    return tmp_path / "entry.zip"


@pytest.fixture(scope="session")
def opened(sound, tmp_path_factory) -> Bundle:
    """A sound bundle, opened."""
    path = tmp_path_factory.mktemp("opened") / "entry.zip"
    path.write_bytes(sound)
    return open_bundle(path)
