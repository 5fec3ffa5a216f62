"""Work done in threads, a batch ahead of whoever takes it; needs no torch."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

AT_ONCE = min(32, os.cpu_count() or 1)
Item = TypeVar("Item")
Made = TypeVar("Made")


def batches_ahead(work: Callable[[Item], Made], items: Iterable[Item], size: int) -> Iterator[list[Made]]:
    """Yield the work's results in order, `size` at a time; the next batch is worked at meanwhile, in threads.

    The work should be such that lets other threads run, as Pillow's is.
    """
    waiting = iter(items)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        coming = [pool.submit(work, item) for item in islice(waiting, size)]
        while coming:
            now, coming = coming, [pool.submit(work, item) for item in islice(waiting, size)]
            yield [one.result() for one in now]
