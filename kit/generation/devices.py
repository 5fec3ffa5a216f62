"""Several GPUs: a painter for each, in a process of its own.

A pipe and no executor: that one waits for the batch in hand when the user presses ctrl-c, leaves its process
on the GPU when this one is killed, does not say how a process ended, and sends tensors through shared memory.
"""

import multiprocessing
import pickle
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from kit.errors import RunError, StorykitError
from kit.experiment.config import DrawSettings
from kit.generation.painter import BatchPlan, DrawFailure, Painter, PanelRequest
from kit.library_warnings import hide_pynvml_warning

if TYPE_CHECKING:
    from PIL.Image import Image

    from kit.lora.lora import LoadedLora

PATIENCE_S = 10.0
"""How long a process that has closed its end may take to be gone."""


@contextmanager
def painters_on(base: str, devices: str) -> Iterator[list[Painter]]:
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
    crew = [RemotePainter(base, device) for device in picked]
    try:
        yield [*crew]
    finally:
        for painter in crew:
            painter.close()


class RemotePainter:
    """A painter in another process; what it refuses is raised here."""

    def __init__(self, base: str, device: str) -> None:
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

    @cached_property
    def device(self) -> str:
        """Return "cpu" or "cuda"."""
        return str(self._ask("device"))

    @cached_property
    def hardware(self) -> str:
        """Return "cpu" or the name of the GPU."""
        return str(self._ask("hardware"))

    @cached_property
    def identity(self) -> Mapping[str, object]:
        """Return what shapes every picture."""
        return dict(self._ask("identity"))

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each distinct prompt once."""
        self._ask("encode_prompts", prompts)

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""
        return str(self._ask("truncated_tail", prompt))

    def check(self, lora: "LoadedLora | None") -> None:
        """Raise LoraError if the LoRA does not fit the base."""
        self._ask("check", lora)

    def set_lora(self, lora: "LoadedLora | None", strength: float) -> None:
        """Draw with this LoRA from now on."""
        self._ask("set_lora", lora, strength)

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return how these pictures are best drawn there."""
        plan: BatchPlan = self._ask("plan_batches", requests, settings)
        return plan

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> "list[Image | DrawFailure]":
        """Return one RGB picture a request, or why there is none."""
        return list(self._ask("draw", requests, settings, plan))

    def unload(self) -> None:
        """Free what drawing takes of the device's memory."""
        self._ask("unload")

    def _ask(self, name: str, *arguments: object) -> Any:
        """Return what the painter there answers; raises what it refuses, and RunError when it is gone."""
        try:
            self._pipe.send_bytes(pickle.dumps((name, arguments)))  # not `send`: shared memory may be scarce
            answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            self._process.join(PATIENCE_S)
            raise RunError(
                f"the process that draws on {self._name} has ended, with code {self._process.exitcode}; "
                "run the same command to go on"
            ) from error
        if isinstance(answer, StorykitError):
            raise answer
        return answer


def _serve(pipe: Connection, base: str, device: str) -> None:
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


def load_painter(base: str, device: str = "auto") -> Painter:
    """Return the painter of a base.

    Args:
        base: "mini", "kolors" or a folder's path.
        device: "cpu", "cuda", one GPU of several such as "cuda:1", or "auto" for CUDA where there is one.
    """
    from kit.generation.kolors_painter import KolorsPainter
    from kit.models.base import load_base

    return KolorsPainter(load_base(base), device)
