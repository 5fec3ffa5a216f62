"""Workers that refuse what others do, and workers that were stopped; tests come one after the other."""

import os
import signal
from contextlib import closing
from functools import partial

import pytest
from ray_nodes import begun_alone, needs_ray, quiet

from kit.errors import InputError, RunError
from kit.workers.ray_session import ray_cluster
from kit.workers.worker_pool import WorkerPool, workers_on

pytestmark = pytest.mark.timeout(200)


class Picky:
    """Refuses some work."""

    def __init__(self, number):
        self.number = number

    def work(self, refusing, error):
        if self.number in refusing:
            raise error
        return self.number

    def paint(self):
        return bytes([self.number]) * 1_000_000


@pytest.fixture(scope="module")
def heard():
    """What was said of workers."""
    return []


@pytest.fixture(scope="module")
def pool(heard, cluster):
    with (
        ray_cluster(cluster[0].address) as places,
        closing(WorkerPool([places[0]] * 3, heard.append)) as pool,
    ):
        for number, worker in enumerate(pool.living):
            worker.actor.make.remote(partial(Picky, number))
        yield pool


TOO_LITTLE = RunError("too little memory")


def test_who_asks_after_the_stop_begins_no_ray(monkeypatch, tmp_path):
    needs_ray()
    quiet(monkeypatch, tmp_path)
    import ray

    with begun_alone(), workers_on(["cpu"], "", print) as stopped:
        [worker] = stopped.living
    late = (
        lambda: stopped.ask("ready"),
        lambda: stopped.tell(worker, "ready"),
        lambda: stopped.lend(worker.place),
        lambda: stopped.each(lambda one: one.actor.ready.remote()),
    )
    for asked in late:
        with pytest.raises(RunError, match="the workers were stopped"):
            asked()
    assert not ray.is_initialized()


def test_what_all_refuse_is_raised_and_nobody_is_left_out(pool, heard):
    with pytest.raises(RunError, match="too little memory"):
        pool.ask("work", [0, 1, 2], TOO_LITTLE, near=pool.living[1])
    with pytest.raises(RunError, match="too little memory"):
        pool.each(lambda worker: worker.actor.answer.remote("work", [0, 1, 2], TOO_LITTLE))
    assert (len(pool.living), heard) == (3, [])


def test_what_is_wrong_with_the_question_is_raised_by_the_first(pool, heard):
    with pytest.raises(InputError, match="no story"):
        pool.ask("work", [2], InputError("rain.toml", ["no story"]), near=pool.living[2])
    assert (len(pool.living), heard) == (3, [])


def test_who_has_answered_works_on_before_the_answer_is_fetched(pool):
    first = pool.living[2]
    answers = []
    for _ in range(3):
        worker, fetch = pool.ask_ahead("paint", near=first)
        assert worker == first
        answers.append(fetch)
    assert [fetch()[-1] for fetch in answers] == [2, 2, 2]


def test_who_is_not_able_to_is_left_out_as_soon_as_another_is(pool, heard):
    small = pool.living[0]
    worker, answer = pool.ask("work", [0], TOO_LITTLE, near=small)
    assert worker == pool.living[answer - 1]
    assert heard == ["127.0.0.1 cpu is left out: too little memory"]
    assert len(pool.living) == 2


def test_one_that_refuses_what_it_is_sent_ends_nothing_while_the_sender_is_there(pool, heard):
    reader, _ = pool.living
    assert pool.each(lambda worker: worker.actor.answer.remote("work", [2], TOO_LITTLE), [reader]) == {}
    assert pool.living == [reader]
    with pytest.raises(RunError, match="too little memory"):
        pool.ask("work", [1], TOO_LITTLE)
    assert pool.ask("work", [], None) == (reader, 1)
    assert len(heard) == 2


def test_of_workers_that_end_at_once_none_is_said_to_do_anothers_work(pool):
    said = []
    with closing(WorkerPool([pool.living[0].place] * 2, said.append)) as dying:
        processes = dying.each(lambda worker: worker.actor.__ray_call__.remote(lambda _: os.getpid()))
        for process in processes.values():
            os.kill(process, signal.SIGKILL)
        with pytest.raises(RunError, match=r"no worker is left: .*; run the same command to go on"):
            dying.make(lambda place: partial(Picky, 0), lambda *_: [])
    assert said == ["127.0.0.1 cpu has ended: its process was killed"] * 2
