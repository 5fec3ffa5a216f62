"""Pictures read and prepared in threads, a batch ahead of the network that looks at them."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_threads(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """Return the work's results in order; it should be such that lets other threads run, as Pillow's is."""
    with _pool() as pool:
        return list(pool.map(work, items))


def batches_ahead(work: Callable[[Item], Made], items: Iterable[Item], size: int) -> Iterator[list[Made]]:
    """Yield the work's results in order, `size` at a time; the next batch is worked at meanwhile."""
    waiting = iter(items)
    with _pool() as pool:
        coming = [pool.submit(work, item) for item in islice(waiting, size)]
        while coming:
            now, coming = coming, [pool.submit(work, item) for item in islice(waiting, size)]
            yield [one.result() for one in now]


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)))
