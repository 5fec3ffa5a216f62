import json
import os
import signal
from pathlib import Path

import pytest
from stand_in_command import PlayedFolder

from kit.errors import BoardError
from kit.messages import speaking
from storykit.board.jobs.commands import job_order
from storykit.board.jobs.job import LOCK, all_jobs, jobs_folder, running_job
from storykit.board.jobs.log_tail import last_lines
from storykit.board.jobs.start import KEPT, start_job, stop_job
from storykit.board.jobs.views import progress_of


def test_a_job_runs_says_how_far_it_is_and_ends_in_the_language_of_the_page(played):
    with speaking("zh"):
        job = played.start(say=["{STORYKIT_LANG}", "second"], until="go")
    assert (job.state, job.command) == ("running", "storykit generate a.toml --out runs/a")
    assert running_job(played.served).id == job.id
    played.until(lambda: (far := progress_of(played.now(job))) is not None and far.total == 8)
    assert progress_of(played.now(job)).told == "drawing: 2 of 8"
    (played.root / "go").touch()
    done = played.ended(job)
    assert (done.state, done.status) == ("done", 0)
    assert done.ended >= done.started
    assert last_lines(done.folder / "log.txt") == ["zh", "second"]
    assert progress_of(done).told == "drawing: 8 of 8"


def test_nothing_is_imported_from_the_served_folder_and_a_failure_has_its_status(played):
    for name in ("kit.py", "json.py", "storykit.py", "torch.py", "rich.py"):
        (played.root / name).write_text("open('taken', 'w')\nraise SystemExit(9)\n")
    failed = played.ended(played.start(status=3))
    assert (failed.state, failed.status) == ("failed", 3)
    assert not (played.root / "taken").exists()


def test_a_second_job_is_refused_in_words(played):
    job = played.start(until="go")
    with pytest.raises(
        BoardError, match=r"`storykit generate a.toml --out runs/a` is at work since \d\d:\d\d"
    ):
        start_job(played.served, job.order)
    assert len(all_jobs(played.served)) == 1
    (played.root / "go").touch()
    played.ended(job)
    assert played.ended(start_job(played.served, job.order)).state == "done"


def test_stop_is_asked_once_and_every_finished_file_stays(played):
    job = played.start(until="go")
    stop_job(played.served, job.id)
    stop_job(played.served, job.id)
    stopped = played.ended(job)
    assert (stopped.state, stopped.status) == ("stopped", 1)
    assert last_lines(stopped.folder / "log.txt") == ["stopped; every file that is finished stays"]


def test_a_job_that_does_not_listen_is_ended_by_the_second_press_alone(played):
    job = played.start(until="go", deaf=True)
    stop_job(played.served, job.id, at_once=True)
    stop_job(played.served, job.id)
    assert played.now(job).state == "stopping"
    stop_job(played.served, job.id, at_once=True)
    assert played.ended(job).state == "stopped"


def test_a_job_can_be_stopped_that_was_started_where_ctrl_c_is_ignored(played):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = played.start(until="go")
    finally:
        signal.signal(signal.SIGINT, before)
    stop_job(played.served, job.id)
    assert played.ended(job).state == "stopped"


def test_a_job_that_was_killed_is_said_to_be(played):
    job = played.start(until="go")
    os.killpg(holder_process(played), signal.SIGKILL)
    killed = played.ended(job)
    assert (killed.state, killed.status, killed.ended) == ("killed", None, None)
    stop_job(played.served, job.id)
    assert played.now(job).state == "killed"


def test_a_folder_remembers_the_last_jobs(played):
    place = jobs_folder(played.served)
    for number in range(KEPT + 5):
        (place / f"20260101-0000{number:02}-abcdef").mkdir(parents=True)
    elsewhere = played.root / "kept"
    elsewhere.mkdir()
    (place / "20250101-000000-abcdef").symlink_to(elsewhere)
    played.ended(played.start())
    assert len([path for path in place.iterdir() if path.is_dir() and not path.is_symlink()]) == KEPT
    assert elsewhere.is_dir()


@pytest.mark.parametrize("place", [".storykit-board", ".storykit-board/jobs", f".storykit-board/jobs/{LOCK}"])
@pytest.mark.parametrize("kind", ["link", "file", "pipe"])
def test_whatever_else_lies_in_the_place_of_jobs_is_refused_in_words(place, kind, played, tmp_path_factory):
    path = played.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    if kind == "link":
        path.symlink_to(elsewhere / "lock" if path.name == LOCK else elsewhere)
    elif kind == "pipe":
        os.mkfifo(path)
    elif path.name == LOCK:
        return
    else:
        path.touch()
    assert all_jobs(played.served) == []
    (played.root / "a.toml").touch()
    order = job_order(played.served, "generate", {"experiment": "a.toml", "out": "b"})
    with pytest.raises(BoardError):
        start_job(played.served, order)
    assert list(elsewhere.iterdir()) == []


def test_where_nothing_can_be_written_it_is_told(played, monkeypatch):
    (played.root / "a.toml").touch()
    order = job_order(played.served, "generate", {"experiment": "a.toml", "out": "b"})

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(BoardError, match=r"nothing can be started here: .* [Nn]o space left"):
        start_job(played.served, order)


def test_a_job_on_another_machine_is_stopped_there(played):
    job = played.start(until="go")
    lock = jobs_folder(played.served) / LOCK
    told = json.loads(lock.read_text())
    lock.write_text(json.dumps({**told, "machine": "other", "host": "gpu-7"}))
    with pytest.raises(BoardError, match="another machine, gpu-7"):
        stop_job(played.served, job.id)
    (played.root / "go").touch()
    assert played.ended(job).state == "done"


def holder_process(played: PlayedFolder) -> int:
    """Return the process of the job that runs."""
    return int(json.loads((jobs_folder(played.served) / LOCK).read_text())["process"])
