"""Ray on this machine alone, begun by a command that is stopped or killed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ray_nodes import begun_alone, machines, needs_ray, quiet

from kit.errors import RunError
from kit.workers.ray_session import ray_cluster, ray_here

AT_WORK = """
import os
import time
from contextlib import closing
from kit.workers.worker_pool import WorkerPool
from kit.workers.ray_session import ray_here
with ray_here(["cpu", "cpu"]) as places, closing(WorkerPool(places, print)) as pool:
    paths = pool.each(lambda worker: worker.actor.__ray_call__.remote(lambda _: __import__("sys").path))
    folders = {folder for found in paths.values() for folder in found}
    print("at work", os.getcwd() in folders, "" in folders, flush=True)
    pool.each(lambda worker: worker.actor.__ray_call__.remote(lambda _: time.sleep(600)))
"""
pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def short():
    """Yield a folder whose path is short enough for Ray to put its own there."""
    with TemporaryDirectory(prefix="ray-", dir="/tmp") as made:
        yield Path(made)


@contextmanager
def begun(folder):
    """Yield a command, which leads a session of its own and begins two workers."""
    needs_ray()
    (folder / "own").mkdir()
    where = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-c", AT_WORK]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=where,
        cwd=folder / "own",
        start_new_session=True,
    ) as process:
        try:
            with begun_alone():
                yield process
        finally:
            process.kill()


@contextmanager
def at_work(folder):
    """Yield a command while two workers are at work for it.

    None of them imports anything from the folder that it was begun in.
    """
    with begun(folder) as process:
        assert process.stdout.readline() == "at work False False\n", process.stderr.read()
        yield process


def left_of(session):
    """Return what still runs in a session."""
    columns = ["ps", "-wweo", "sid=,stat=,args="]
    rows = subprocess.run(columns, capture_output=True, text=True, check=True).stdout.splitlines()
    told = [row.split(maxsplit=2) for row in rows]
    return [row[2] for row in told if int(row[0]) == session and not row[1].startswith("Z")]


def soon(condition, seconds=60):
    """Return whether something comes to hold."""
    for _ in range(seconds * 10):
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_asked_to_stop_ends_everything_and_leaves_no_folder(short, by):
    with at_work(short) as process:
        assert any("ray::Actor" in row for row in left_of(process.pid))
        os.killpg(process.pid, by)
        told = process.communicate()[1]
        assert "KeyboardInterrupt" in told
        assert "received" not in told  # as Ray says with a trace of its own
        assert soon(lambda: not left_of(process.pid)), left_of(process.pid)
    assert list(short.iterdir()) == [short / "own"]


@pytest.mark.slow
def test_a_command_that_is_told_to_end_while_ray_begins_is_stopped_as_by_ctrl_c(short):
    with begun(short) as process:
        assert soon(lambda: any("gcs_server" in row for row in left_of(process.pid)))
        process.terminate()
        assert "KeyboardInterrupt" in process.communicate()[1]
        assert soon(lambda: not left_of(process.pid)), left_of(process.pid)
    assert list(short.iterdir()) == [short / "own"]


@pytest.mark.slow
def test_a_command_that_is_killed_leaves_no_worker(short):
    with at_work(short) as process:
        process.kill()
        assert soon(lambda: not any("ray::Actor" in row or "raylet" in row for row in left_of(process.pid)))


def test_an_address_where_nobody_answers_is_not_left_to_ray():
    needs_ray()
    with pytest.raises(RunError, match=r"nobody answers at a\.\.b:1"):
        ray_cluster("a..b:1").__enter__()


def test_a_full_disk_is_named_before_ray_begins(monkeypatch):
    needs_ray()
    monkeypatch.setattr("tempfile.tempdir", "/proc")  # whatever lies there has no room
    with pytest.raises(RunError, match="/proc is full, and Ray writes there: make room, or set TMPDIR"):
        ray_here(["cpu", "cpu"]).__enter__()


@pytest.mark.parametrize("name", ["雨", "a-name-of-some-length-"])
def test_ray_begins_wherever_the_folder_of_temporary_files_is(monkeypatch, tmp_path, name):
    needs_ray()
    quiet(monkeypatch, tmp_path)
    with TemporaryDirectory(prefix=name, dir="/tmp") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        with begun_alone(), ray_here(["cpu", "cpu"]) as places:
            assert len(places) == 2


def test_a_cluster_without_a_device_is_one_line(tmp_path):
    with (
        machines(tmp_path, cpus=0) as (cluster, _),
        pytest.raises(RunError, match=f"{cluster.address} has neither a GPU nor a CPU to work with"),
    ):
        ray_cluster(cluster.address).__enter__()
