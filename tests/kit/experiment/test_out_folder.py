from pathlib import Path

import pytest

from kit.errors import RunError
from kit.experiment.out_folder import check_out_folder
from kit.files.folder_lock import LOCK


@pytest.mark.parametrize("name", ["report.html", "notes.txt", "panels", "stories", ".git"])
def test_a_folder_with_anything_but_a_run_in_it_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(RunError, match=rf"holds {name} and no run: choose another folder, new or empty"):
        check_out_folder(tmp_path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(RunError, match="run is a file: a run needs a folder; choose another one"):
        check_out_folder(tmp_path / "run")


@pytest.mark.parametrize(
    "names", [(), (".0123.part",), ("experiment.toml", "notes.txt"), (LOCK, "stories", "loras")]
)
def test_a_new_an_empty_and_a_begun_folder_pass(tmp_path: Path, names: tuple[str, ...]) -> None:
    check_out_folder(tmp_path / "new")
    for name in names:
        (tmp_path / name).touch()
    check_out_folder(tmp_path)
