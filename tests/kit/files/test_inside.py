import os
from pathlib import Path

import pytest

from kit.errors import RunError
from kit.files.inside import refuse_links_out

NAMES = ("figures", "panels", "scores.json")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for folder in ("run/panels/ink", "run/figures", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "elsewhere" / "secret").write_text("mine")
    return tmp_path / "run"


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
