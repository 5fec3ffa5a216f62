"""Several GPUs (multi-GPU): a painter for each, in a process of its own.

A pipe and no executor: that one waits for the batch in hand when the user presses ctrl-c, leaves its process
on the GPU when this one is killed, does not say how a process ended, and sends tensors through shared memory.
"""

import multiprocessing
import pickle
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any, cast

from kit.errors import RunError, StorykitError, WeightsError
from kit.generation.painter import Painter
from kit.library_warnings import hide_pynvml_warning
from kit.messages import mark, tr
from kit.models.bases.base_parts import BaseChoice
from kit.models.bases.pipeline_class import pipeline_folder

PATIENCE_S = 10.0
"""How long a process that has closed its end may take to be gone."""


@contextmanager
def painters_on(base: BaseChoice, devices: str) -> Iterator[list[Painter]]:
    """Yield a painter for each device; one alone draws in this process.

    Args:
        base: as `load_painter` takes it.
        devices: as `pick_devices` takes them.
    """
    from kit.models.base import pick_devices

    picked = pick_devices(devices)
    if len(picked) == 1:
        yield [load_painter(base, picked[0])]
        return
    with ExitStack() as stack:
        crew = [stack.enter_context(closing(RemotePainter(base, device))) for device in picked]
        yield [cast(Painter, painter) for painter in crew]


class RemotePainter:
    """Whatever `Painter` names, asked of one in another process; what that refuses is raised here."""

    def __init__(self, base: BaseChoice, device: str) -> None:
        """Start the process; the base is loaded while others are started."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, base, device), daemon=True)
        self._process.start()
        theirs.close()
        self._name = device

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.join()
        self._pipe.close()

    def __getattr__(self, name: str) -> Any:
        """Return what a property is there, asked once, or a method that asks each time it is called."""
        if name not in vars(Painter):
            raise AttributeError(f"a painter has no {name}")
        if not isinstance(vars(Painter)[name], property):
            return partial(self._ask, name)
        vars(self)[name] = self._ask(name)
        return vars(self)[name]

    def _ask(self, name: str, *arguments: object) -> Any:
        """Return what the painter there answers; raises what it refuses, and RunError when it is gone."""
        try:
            self._pipe.send_bytes(pickle.dumps((name, arguments)))  # not `send`: shared memory may be scarce
            answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            self._process.join(PATIENCE_S)
            raise RunError(
                tr(
                    "the process that draws on {device} has ended, with code {code}; run the same "
                    "command to go on",
                    device=self._name,
                    code=self._process.exitcode,
                )
            ) from error
        if isinstance(answer, StorykitError):
            raise answer
        return answer


def _serve(pipe: Connection, base: BaseChoice, device: str) -> None:
    """Answer until the other side is gone; ctrl-c is for that side to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hide_pynvml_warning()
    painter: Painter | None = None
    while True:
        try:
            name, arguments = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        answer: object
        try:
            painter = painter or load_painter(base, device)
            asked = getattr(painter, name)
            answer = asked(*arguments) if callable(asked) else asked
        except StorykitError as error:
            answer = error
        pipe.send_bytes(pickle.dumps(answer))


def load_painter(base: BaseChoice, device: str = "auto") -> Painter:
    """Return the painter of a base.

    Args:
        base: "mini", "kolors", a folder's path, or the parts.
        device: "cpu", "cuda", one GPU of several such as "cuda:1", or "auto" for CUDA where there is one.
    """
    if (folder := pipeline_folder(base)) is not None:
        if find_spec("diffusers") is None:
            told = mark("{folder} is drawn by diffusers, which is not installed: pip install storykit[bases]")
            raise WeightsError(tr(told, folder=folder))
        from kit.generation.diffusers_painter import load_diffusers_painter

        return load_diffusers_painter(base, device)
    from kit.generation.kolors_painter import KolorsPainter
    from kit.models.base import load_base

    return KolorsPainter(load_base(base), device)
