"""A job's state as server-sent events: a piece of a page when it changes, and one event at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

EVERY_S = 0.5
"""Between two looks at a job's files; no thread waits in between."""
OVER = "over"
"""The event at the end: the page then asks for what came out."""


def events_of(
    pieces: Callable[[], Mapping[str, str] | None], closing: Callable[[], bool]
) -> StreamingResponse:
    """Return an answer that lasts until a job is over, its page is left or the board is closed.

    Args:
        pieces: returns HTML by the name of its event; None once the job is over.
        closing: whether the board is being closed.
    """
    kept = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_told(pieces, closing), media_type="text/event-stream", headers=kept)


async def _told(
    pieces: Callable[[], Mapping[str, str] | None], closing: Callable[[], bool]
) -> AsyncIterator[str]:
    last: dict[str, str] = {}
    while (now := await run_in_threadpool(pieces)) is not None:
        for name, html in now.items():
            if last.get(name) != html:
                yield _event(name, html)
        last.update(now)
        await asyncio.sleep(EVERY_S)
        if closing():
            return
    yield _event(OVER, "")


def _event(name: str, html: str) -> str:
    r"""Return an event as the stream has it.

    >>> _event("log", "a\nb")
    'event: log\ndata: a\ndata: b\n\n'
    """
    data = "\n".join(f"data: {line}" for line in html.split("\n"))
    return f"event: {name}\n{data}\n\n"
