from pathlib import Path

import pytest

from eval.scorers.weights_file import weights_file
from kit.errors import WeightsError


def test_the_first_name_that_is_there_is_the_weights_file(tmp_path: Path) -> None:
    for name in ("config.json", "b.bin", "c.bin"):
        (tmp_path / name).touch()
    assert weights_file(tmp_path, "a folder", ("config.json",), ("a.bin", "b.bin", "c.bin")).name == "b.bin"


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"a folder must hold config\.json; none found"):
        weights_file(tmp_path, "a folder", ("config.json",), ("a.bin",))
    (tmp_path / "config.json").touch()
    with pytest.raises(WeightsError, match=r"a folder must hold one of a\.bin, b\.bin; none found"):
        weights_file(tmp_path, "a folder", ("config.json",), ("a.bin", "b.bin"))
