import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
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


@pytest.mark.timeout(300)
def test_a_command_that_is_stopped_waits_for_no_tale_of_several_machines(cluster):
    def stopped() -> NoReturn:
        with trials_on(stripes_on, "auto", cluster[0].address, pytest.fail) as trials:
            trials(range(200))
            began.append(time.monotonic())
            raise KeyboardInterrupt

    began: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert time.monotonic() - began[0] < 30


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
