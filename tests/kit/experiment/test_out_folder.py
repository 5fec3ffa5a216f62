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


@pytest.mark.parametrize("place", ["nowhere", "link"])
def test_a_link_to_what_is_not_there_is_named_with_what_to_do(tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(place)
    told = f"link is a link to {place}, which is not there: make it, or choose another folder"
    for folder in (tmp_path / "link", tmp_path / "link" / "runs" / "rain"):
        with pytest.raises(RunError, match=told):
            check_out_folder(folder)
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "led").symlink_to("nowhere")
    check_out_folder(tmp_path / "led" / "run")
