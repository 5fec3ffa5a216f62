import os
import signal
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
def test_machines_whose_cpus_have_several_cores_try_tales(cluster):
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with trials_on(stripes_on, "auto", cluster[0].address, pytest.fail) as trials:
            assert callable(trials)
    finally:
        torch.set_num_threads(threads)


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
