"""Painters on several GPUs: each question goes to a worker that is free, texts are read by one of them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast, overload
from weakref import WeakValueDictionary

from PIL import Image

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.devices.painter_worker import (
    BARE,
    Lent,
    LentLora,
    PainterWorker,
    Pixels,
    WorkerFacts,
    differences,
)
from kit.generation.painter import BatchPlan, CompileShare, DrawFailure, DrawResult, Painter, PanelRequest
from kit.models.bases.base_parts import BaseChoice
from kit.workers.ray_session import Worker, WorkerGone, WorkerPlace
from kit.workers.worker_pool import Heard, WorkerPool, workers_on

if TYPE_CHECKING:
    from kit.lora.lora import LoadedLora

SENT_TOGETHER = 16
"""Texts that are sent to the others at once; what Kolors reads of one takes 2 MB."""
LONGEST_NAME = 100
"""Letters of the GPUs' names, as a bundle takes them."""
_WEARING = ("plan_batches", "redraw", "mask_of")
"""What is done with the LoRA that was set."""


@contextmanager
def ray_painters(
    base: BaseChoice, devices: Sequence[str], address: str, heard: Heard
) -> Iterator[list[Painter]]:
    """Yield as many painters as there are workers; each goes on with another worker where one ends.

    Args:
        base: as `load_painter` takes it; it is looked for on each worker's machine.
        devices: of this machine, one worker each.
        address: of a cluster, whose devices are all taken in place of these; empty: none.
        heard: is told which worker is left out or has ended.

    Raises:
        RunError: Ray is missing or does not begin, or no worker draws as this process would.
        StorykitError: what the base is refused for by all.
    """
    with workers_on(devices, address, heard) as pool:
        studio = _Studio(pool, _begun(pool, base))
        try:
            yield [cast(Painter, RayPainter(studio, worker)) for worker in pool.living]
        finally:
            studio.take_back()


def _begun(pool: WorkerPool, base: BaseChoice) -> WorkerFacts:
    """Have the base looked for by all, leave out who would draw otherwise, and return what the rest are."""
    import torch

    threads = torch.get_num_threads()
    machines = [worker.place.node for worker in pool.living]
    numbers = {machine: count() for machine in machines}

    def maker(place: WorkerPlace) -> partial[PainterWorker]:
        share = CompileShare(next(numbers[place.node]), machines.count(place.node))
        return partial(PainterWorker, base, place.device, threads, share)

    told = pool.make(maker, differences)
    kinds = sorted({facts.hardware for facts in told})
    return replace(told[0], hardware=" + ".join(kinds)[:LONGEST_NAME])


class _Studio:
    """What painters share: the workers, what was read, and the LoRAs that lie ready for them."""

    def __init__(self, pool: WorkerPool, facts: WorkerFacts) -> None:
        self.pool, self.facts = pool, facts
        self._read: set[str] = set()
        self._lock = threading.Lock()
        self._worn: WeakValueDictionary[tuple[object, ...], Lent] = WeakValueDictionary()

    def worn(self, lora: "LoadedLora | None", strength: float) -> LentLora:
        """Return a LoRA that lies ready for all workers as long as one painter wears it."""
        if lora is None:
            return BARE
        key = (lora.sha256, lora.alpha)
        with self._lock:
            there = self._worn.get(key)
            if there is None:
                there = self._worn[key] = Lent(self.pool.lend(lora))
        return LentLora((*key, strength), there, strength)

    def take_back(self) -> None:
        """Lend nothing any more."""
        for loan in self._worn.values():
            loan.reference = None

    def read(self, texts: Sequence[str]) -> None:
        """Have each text that was not read yet read by one worker, and sent to the others."""
        with self._lock:
            unread = [text for text in dict.fromkeys(texts) if text not in self._read]
            while unread:
                reader, _ = self.pool.ask("asked", "encode_prompts", unread)
                try:
                    self._share(reader, unread)
                except WorkerGone:
                    continue
                self._read.update(unread)
                return

    def _share(self, reader: Worker, texts: Sequence[str]) -> None:
        for first in range(0, len(texts), SENT_TOGETHER):
            part = texts[first : first + SENT_TOGETHER]
            if states := self.pool.tell(reader, "asked", "read_states", part):
                self._ask_all("take_states", self.pool.lend(states), but=[reader])
        self._ask_all("encode_prompts", texts, but=[reader])  # what is not to be sent, or was lost

    def unload(self) -> None:
        """Have all workers free what drawing takes."""
        self._ask_all("unload")

    def _ask_all(self, name: str, *arguments: object, but: Sequence[Worker] = ()) -> None:
        self.pool.each(lambda worker: worker.actor.answer.remote("asked", name, *arguments), but)


class _UnfetchedPictures(Sequence[DrawResult]):
    """The pictures of a batch, which stay where they were drawn until one is looked at."""

    def __init__(self, count: int, fetch: Callable[[], Sequence[Pixels | DrawFailure]]) -> None:
        """Say how many there are, and what fetches them."""
        self._count, self._fetch = count, fetch

    @cached_property
    def _all(self) -> list[DrawResult]:
        return [one if isinstance(one, DrawFailure) else Image.fromarray(one) for one in self._fetch()]

    @overload
    def __getitem__(self, number: int) -> DrawResult: ...

    @overload
    def __getitem__(self, number: slice) -> list[DrawResult]: ...

    def __getitem__(self, number: int | slice) -> "DrawResult | list[DrawResult]":
        """Return one, or some."""
        return self._all[number]

    def __len__(self) -> int:
        """Return how many there are, failures too."""
        return self._count


class RayPainter:
    """Whatever `Painter` names, asked of a worker; what that refuses is raised here."""

    def __init__(self, studio: _Studio, worker: Worker) -> None:
        """Take the worker that is asked by preference."""
        self._studio, self._near, self._worn = studio, worker, BARE
        self.pool = studio.pool
        told = studio.facts
        self.device, self.hardware, self.identity = told.device, told.hardware, told.identity
        self.prompt_tokens = told.prompt_tokens

    def set_lora(self, lora: "LoadedLora | None", strength: float) -> None:
        """Draw with this LoRA from now on; raises LoraError if it does not fit."""
        worn = self._studio.worn(lora, strength)
        if worn.lora is not None:
            self._ask("check", worn.lora.reference)
        self._worn = worn

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Have each prompt encoded that was not encoded for any painter."""
        self._studio.read(prompts)

    def unload(self) -> None:
        """Free what drawing takes of all devices."""
        self._studio.unload()

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> Sequence[DrawResult]:
        """Return the pictures of a batch, fetched when one is looked at: the next is drawn meanwhile."""
        asked = ("drawn", self._worn, requests, settings, plan)
        self._near, fetch = self.pool.ask_ahead(*asked, near=self._near)
        return _UnfetchedPictures(len(requests), fetch)

    def __getattr__(self, name: str) -> Any:
        """Return what a property is there, asked once, or a method that asks each time it is called."""
        if name not in vars(Painter):
            raise AttributeError(f"a painter has no {name}")
        if not isinstance(vars(Painter)[name], property):
            return partial(self._ask, name)
        vars(self)[name] = self._ask(name)
        return vars(self)[name]

    def _ask(self, name: str, *arguments: object) -> Any:
        asked = ("asked_wearing", self._worn, name) if name in _WEARING else ("asked", name)
        self._near, answer = self.pool.ask(*asked, *arguments, near=self._near)
        return answer
