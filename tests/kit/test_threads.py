import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest

from kit.messages import speaking, tr
from kit.threads import batches_ahead, results_in_turn


def test_batches_come_in_order_and_whole_and_an_error_comes_through() -> None:
    assert list(batches_ahead(lambda n: n * n, range(7), 3)) == [[0, 1, 4], [9, 16, 25], [36]]
    assert list(batches_ahead(str, [], 3)) == []
    with pytest.raises(ZeroDivisionError):
        list(batches_ahead(lambda n: 1 // n, [1, 0], 1))


def test_two_batches_are_worked_at_while_one_is_taken() -> None:
    worked = {number: Event() for number in range(8)}
    for batch in batches_ahead(lambda number: worked[number].set() or number, range(8), 2):
        assert all(worked[number].wait(10) for number in range(min(8, batch[-1] + 5)))


@pytest.mark.parametrize(("cores", "at_work"), [(1, 1), (2, 2), (16, 15)])
def test_of_many_cores_one_is_left_to_who_takes_the_results(
    monkeypatch: pytest.MonkeyPatch, cores: int, at_work: int
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: cores)
    working, freed = Semaphore(0), Event()

    def work(_: int) -> bool:
        working.release()
        return freed.wait(10)

    with ThreadPoolExecutor(1) as taker:
        taken = taker.submit(list, batches_ahead(work, range(64), 64))
        for _ in range(at_work):
            assert working.acquire(timeout=10)
        assert not working.acquire(timeout=0.05)
        freed.set()
        assert taken.result() == [[True] * 64]


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, ZeroDivisionError])
def test_what_is_stopped_begins_no_more_work(
    monkeypatch: pytest.MonkeyPatch, stopped: type[BaseException]
) -> None:
    monkeypatch.setattr("kit.threads._threads", lambda: 1)
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.02)

    def batches() -> None:
        for _ in batches_ahead(work, range(200), 50):
            raise stopped

    with pytest.raises(stopped):
        batches()
    assert len(begun) < 100, "of a hundred that had been asked for"


def test_threads_tell_things_in_the_language_of_who_asked() -> None:
    with speaking("zh"):
        assert (
            list(batches_ahead(lambda _: tr("has one colour all over"), [0, 1], 1))
            == [["整格只有一种颜色"]] * 2
        )
        in_turn = results_in_turn(lambda _: tr("has one colour all over"), range(5), 2)
        assert list(in_turn) == [(number, "整格只有一种颜色") for number in range(5)]
