import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import NoReturn

import pytest
import torch
from command import said
from ray_nodes import stripes_on

from eval.validation.shared_trials import trials_on
from kit.errors import ScoreError


def killed(*, on: str) -> NoReturn:
    """End this process as the system does where memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(on)


def test_a_process_that_is_killed_is_one_line_with_what_to_do():
    told = "a process was killed, perhaps because memory is short: close other programs first"
    with pytest.raises(ScoreError, match=told), trials_on(killed, "cpu", "", print) as trials:
        list(trials([0, 1]))


class BusyPool:
    """Two workers that are at work on a tale until they are ended."""

    living = (1, 2)

    def __init__(self) -> None:
        self.asked, self.ended = [], Event()

    def make(self, *_: object) -> None:
        pass

    def ask(self, _: str, number: int) -> tuple[int, int]:
        self.asked.append(number)
        assert self.ended.wait(60)
        return 1, number


def test_a_command_that_is_stopped_waits_for_no_tale_of_several_machines(monkeypatch):
    pool = BusyPool()

    @contextmanager
    def workers(*_: object) -> Iterator[BusyPool]:
        try:
            yield pool
        finally:
            pool.ended.set()

    def stopped() -> NoReturn:
        with trials_on(stripes_on, "auto", "a cluster", pytest.fail) as trials:
            trials(range(200))
            raise KeyboardInterrupt

    monkeypatch.setattr("eval.validation.shared_trials.workers_on", workers)
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert set(pool.asked) <= {0, 1}, "no more than were at work"


@pytest.mark.timeout(300)
def test_machines_whose_cpus_have_several_cores_try_tales(cluster):
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with trials_on(stripes_on, "auto", cluster[0].address, pytest.fail) as trials:
            assert callable(trials)
    finally:
        torch.set_num_threads(threads)


def told_of_ctrl_c(folder: Path, *, on: str) -> NoReturn:
    """Get what a terminal sends to all processes of a command, and tell that nothing came of it."""
    os.kill(os.getpid(), signal.SIGINT)
    (folder / f"{os.getpid()}-{on}").touch()
    killed(on=on)


def busy(folder: Path, *, on: str) -> None:
    """Work for a while and tell of it."""
    time.sleep(5)
    (folder / f"{os.getpid()}-{on}").touch()


@pytest.mark.skipif(sys.platform == "win32", reason="there every process hears it")
def test_ctrl_c_is_heard_by_the_command_and_by_none_of_its_processes(tmp_path):
    with pytest.raises(ScoreError), trials_on(partial(told_of_ctrl_c, tmp_path), "cpu", "", print) as trials:
        list(trials([0, 1]))
    assert list(tmp_path.iterdir())


def test_a_command_that_is_stopped_ends_its_processes(tmp_path):
    def stopped() -> NoReturn:
        with trials_on(partial(busy, tmp_path), "cpu", "", print) as trials:
            trials([0, 1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_machines_together_print_the_tables_of_one_alone(cluster):
    words = ("metrics", "validate", "--tales", 2)
    assert said(*words, "--ray", cluster[0].address) == said(*words)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_machines_together_draw_and_find_what_one_does_alone(cluster, tmp_path):
    words = ("metrics", "validate", "--drawn", "--tales", 2, "--steps", 2, "--json", "--calibration")
    together = said(*words, tmp_path / "together.toml", "--ray", cluster[0].address)
    assert together == said(*words, tmp_path / "alone.toml")
    assert (tmp_path / "together.toml").read_bytes() == (tmp_path / "alone.toml").read_bytes()
