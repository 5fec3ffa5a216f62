"""Trials of tales, by all cores of this machine or by several devices: each tale goes to whoever is free."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context
from typing import cast

from eval.scorers.load import Scorers
from eval.scoring.shared_scorers import Load, ScoringWorker, devices_picked, differences
from eval.validation.trials import Trial, trial
from kit.errors import ScoreError
from kit.library_warnings import hide_pynvml_warning
from kit.messages import tr
from kit.workers.worker_pool import Heard, workers_on

Trials = Callable[[Iterable[int]], Iterable[Trial]]
"""What takes tales by their numbers, and gives their trials in order."""
THREADS = 1
"""That compute in each of many processes; last bits hang on them."""
_loaded: list[Scorers] = []


@contextmanager
def trials_on(load: Load, devices: str, cluster: str, heard: Heard) -> Iterator[Trials]:
    """Yield what tries tales; the numbers are the same wherever that is.

    Args:
        load: loads the scorers in each process.
        devices: as `pick_devices` takes them; on one, as many processes as there are cores share it.
        cluster: the address of a cluster of Ray in place of this machine; empty: none.
        heard: is told which of several workers is left out or has ended.

    Raises:
        ScoreError: one of the processes was killed.
    """
    picked = devices_picked(devices, cluster)
    if len(picked) == 1:
        here, others = partial(load, on=picked[0]), set(active_children())
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), _prepare, (here,)) as processes:
            try:
                yield partial(_tried_by, processes)
            except KeyboardInterrupt:
                for process in set(active_children()) - others:
                    process.terminate()
                raise
            except BrokenProcessPool as error:
                told = tr("a process was killed, perhaps because memory is short: close other programs first")
                raise ScoreError(told) from error
        return
    with workers_on(picked, cluster, heard) as pool:
        alike = partial(differences, threads=THREADS)
        pool.make(lambda place: partial(TrialWorker, load, place.device, THREADS), alike)

        def tried(number: int) -> Trial:
            return cast(Trial, pool.ask("tried", number)[1])

        threads = ThreadPoolExecutor(len(pool.living))
        try:
            yield partial(threads.map, tried)
        finally:  # who stops waits for no tale: the workers end next, and whoever asks them hears it
            threads.shutdown(wait=False, cancel_futures=True)


def _tried_by(processes: Executor, numbers: Iterable[int]) -> Iterator[Trial]:
    """Return the trials of tales; the processes are begun here."""
    with _ctrl_c_for_this_process():
        return processes.map(_trial_here, numbers)


@contextmanager
def _ctrl_c_for_this_process() -> Iterator[None]:
    """Begin processes that never hear a terminal's ctrl-c: each would tell of it in lines of its own.

    This one hears it and ends them. Windows has no such thing; there they hear it, too.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class TrialWorker(ScoringWorker):
    """Scorers in another process, and tales that are tried there."""

    def tried(self, number: int) -> Trial:
        """Return what every metric says of one tale."""
        return trial(number, self._tools)


def _prepare(load: Callable[[], Scorers]) -> None:
    hide_pynvml_warning()
    import torch

    torch.set_num_threads(THREADS)
    _loaded.append(load())


def _trial_here(number: int) -> Trial:
    return trial(number, _loaded[0])
