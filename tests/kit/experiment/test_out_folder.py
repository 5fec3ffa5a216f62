import os
from pathlib import Path

import pytest

from kit.errors import RunError
from kit.experiment.out_folder import check_out_folder, refuse_links_out
from kit.files.folder_lock import LOCK

NAMES = ("figures", "panels", "scores.json")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for folder in ("run/panels/ink", "run/figures", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "elsewhere" / "secret").write_text("mine")
    return tmp_path / "run"


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


@pytest.mark.parametrize("spot", ["figures", "panels", "panels/ink", "panels/ink/1.png", "scores.json"])
@pytest.mark.parametrize("target", ["elsewhere", "elsewhere/secret", "nowhere", "/dev/zero"])
def test_a_link_that_leads_out_is_refused_with_what_to_do(run: Path, spot: str, target: str) -> None:
    path = run / spot
    if path.is_dir():
        for below in sorted(path.rglob("*"), reverse=True):
            below.rmdir()
        path.rmdir()
    path.symlink_to(run.parent / target)
    with pytest.raises(RunError, match=f"{spot} is a link that leads out of .*run: put what it points at"):
        refuse_links_out(run, NAMES)


def test_a_pipe_that_would_be_waited_for_is_refused(run: Path) -> None:
    os.mkfifo(run / "scores.json")
    with pytest.raises(RunError, match=r"scores\.json is neither a file nor a folder: remove it"):
        refuse_links_out(run, NAMES)


def test_links_inside_a_run_that_is_a_link_and_other_names_pass(run: Path) -> None:
    (run / "panels" / "again").symlink_to(run / "panels" / "ink")
    (run / "scores.json").symlink_to("figures")
    (run / "my-notes").symlink_to(run.parent / "elsewhere")
    (run.parent / "link").symlink_to(run)
    refuse_links_out(run, NAMES)
    refuse_links_out(run.parent / "link", NAMES)


def test_a_file_that_another_writer_has_moved_meanwhile_is_no_fault(run: Path, monkeypatch) -> None:
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda path: [(path, [], [".0123456789abcdef.part"]), *walk(path)])
    refuse_links_out(run, NAMES)
