"""Start a job, stop it, go on with it: one at a time in a served folder, also where two boards serve it."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import storykit
from kit.errors import BoardError, RunError
from kit.files.atomic_write import write_atomic
from kit.files.folder_lock import hold
from kit.files.text.library_words import reason_of
from kit.messages import reader_language, tr
from storykit.board.jobs.commands import JobOrder
from storykit.board.jobs.job import (
    JOB,
    KILL,
    LOCK,
    LOG,
    PROGRESS,
    STOP,
    BoardJob,
    find_job,
    holder,
    job_ids,
    jobs_folder,
    running_job,
)
from storykit.board.jobs.small_files import is_own_folder, open_guarded
from storykit.board.served_folder import ServedFolder
from storykit.cli.terminal.progress_file import VARIABLE

KEPT = 20
"""Jobs that a folder remembers."""
_PATIENCE_S = 5.0
"""In which a job that has told its end is gone, and whoever only looks at the lock is done with it."""


def start_job(folder: ServedFolder, order: JobOrder) -> BoardJob:
    """Start a command in a process of its own, which goes on when this one ends, however it ends.

    Raises BoardError while another is at work, and where nothing can be written.
    """
    place = jobs_folder(folder)
    _make_place(folder)
    with _held(folder) as lock:
        job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        own = place / job_id
        _forget_old(folder)
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, json.dumps({"id": job_id}).encode(), 0)
            _write_order(own, order)
            _spawn(folder, own, order, lock)
        except (OSError, RunError) as error:
            shutil.rmtree(own, ignore_errors=True)
            raise BoardError(tr("the job cannot be started: {reason}", reason=_reason(error))) from error
    job = find_job(folder, job_id)
    assert job is not None
    return job


def stop_job(folder: ServedFolder, job_id: str, *, at_once: bool = False) -> None:
    """Ask a job to stop, as ctrl-c does: every file that is finished stays.

    Args:
        folder: the served folder.
        job_id: which; nothing happens where it has ended.
        at_once: end it without asking; only who was asked before is ended so.

    Raises:
        BoardError: it runs on another machine.
    """
    job = find_job(folder, job_id)
    if job is None or not job.runs:
        return
    told = _who_is(folder, job_id)
    if told.get("machine", this_machine()) != this_machine():
        raise BoardError(tr("it runs on another machine, {name}: stop it there", name=told.get("host", "?")))
    asked = job.state == "stopping"
    group = told.get("process")
    if (asked and not at_once) or not isinstance(group, int) or group < 2 or group == os.getpgrp():
        return
    with suppress(OSError):
        (job.folder / (KILL if asked else STOP)).touch()
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL if asked else signal.SIGINT)


def _who_is(folder: ServedFolder, job_id: str) -> dict[str, object]:
    """Return what a job says of itself; one that begins is waited for, one that is gone says nothing."""
    end = time.monotonic() + _PATIENCE_S
    while (told := holder(folder)).get("id") == job_id:
        if "process" in told or time.monotonic() > end:
            return told
        time.sleep(0.01)
    return {}


def this_machine() -> str:
    """Return where processes have the numbers that they have here: this machine since its last start."""
    facts = [socket.gethostname()]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        facts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(facts)


def _make_place(folder: ServedFolder) -> None:
    place = jobs_folder(folder)
    for one in (place.parent, place):
        try:
            one.mkdir(exist_ok=True)
        except OSError as error:
            told = tr(
                "nothing can be started here: {path} cannot be made: {reason}",
                path=one,
                reason=reason_of(error),
            )
            raise BoardError(told) from error
        if not is_own_folder(one):
            raise BoardError(tr("{path} must be a folder and no link: remove it", path=one))


@contextmanager
def _held(folder: ServedFolder) -> Iterator[int]:
    """Yield the open lock, which is this process's until the block ends, and the job's from then on."""
    path = jobs_folder(folder) / LOCK
    try:
        lock = open_guarded(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        told = tr(
            "nothing can be started here: {path} cannot be written: {reason}",
            path=path,
            reason=reason_of(error),
        )
        raise BoardError(told) from error
    try:
        _hold_or_refuse(folder, lock)
        yield lock
    finally:
        os.close(lock)


def _hold_or_refuse(folder: ServedFolder, lock: int) -> None:
    end = time.monotonic() + _PATIENCE_S
    try:
        while not hold(lock):
            if (job := running_job(folder)) is not None or time.monotonic() > end:
                raise BoardError(_at_work(job))
            time.sleep(0.01)
    except OSError as error:
        told = tr("no locks are known here, so the board cannot watch a job: give the command in a terminal")
        raise BoardError(told) from error


def _at_work(job: BoardJob | None) -> str:
    if job is None:
        return tr("another job has just been started here: wait for it or stop it")
    today = job.started.date() == datetime.now().astimezone().date()
    since = job.started.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
    return tr("`{command}` is at work since {at}: wait for it or stop it", command=job.command, at=since)


def _write_order(own: Path, order: JobOrder) -> None:
    own.mkdir()
    told = {
        "command": order.command,
        "values": dict(order.values),
        "line": order.command_line,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    write_atomic(own / JOB, json.dumps(told, ensure_ascii=False, indent=1).encode())


def _spawn(folder: ServedFolder, own: Path, order: JobOrder, lock: int) -> None:
    """Start the process that is the job; it holds the lock as long as it lives."""
    words = [sys.executable, "-P", "-m", "storykit.board.jobs.runner", str(own), str(lock), *order.arguments]
    log = os.open(own / LOG, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
    try:
        process = subprocess.Popen(
            words,
            cwd=folder.root,
            env=_surroundings(own),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
        )
    finally:
        os.close(log)
    threading.Thread(
        target=process.wait, daemon=True
    ).start()  # else its number stays taken once it has ended


def _surroundings(own: Path) -> dict[str, str]:
    """Return a job's environment: this one's, in which nothing is imported from the served folder."""
    root = Path(storykit.__file__).parent.parent
    packages = [] if root.name in ("site-packages", "dist-packages") else [str(root)]
    packages += [os.path.abspath(one) for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(packages)),
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "STORYKIT_LANG": reader_language(),
        VARIABLE: str(own / PROGRESS),
    }


def _forget_old(folder: ServedFolder) -> None:
    for name in job_ids(folder)[KEPT - 1 :]:
        path = jobs_folder(folder) / name
        if is_own_folder(path):
            shutil.rmtree(path, ignore_errors=True)


def _reason(error: OSError | RunError) -> str:
    return str(error) if isinstance(error, RunError) else reason_of(error)
