"""A painter in another process: what it says of itself, and in what two of them differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kit.generation.devices.multi_gpu import load_painter
from kit.generation.devices.processor import cpu_arithmetic
from kit.generation.painter import CompileShare, DrawFailure
from kit.messages import Message, tr
from kit.models.bases.base_parts import BaseChoice
from kit.workers.ray_session import fetched
from kit.workers.surroundings import Surroundings, strangeness, surroundings

Pixels: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) of a picture, RGB."""
OF_PIPELINES = ("diffusers", "compel")
"""Packages that draw with other bases than Kolors."""
_SHOWN = 12
"""Letters of a sha256 that a message shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerFacts:
    """What decides the pictures that a worker draws, and what `Painter` says of it."""

    surroundings: Surroundings
    device: str
    hardware: str
    identity: Mapping[str, object]
    prompt_tokens: int


@dataclass(eq=False)
class Lent:
    """A LoRA that lies ready for the workers as long as this is held."""

    reference: Any
    """Ray's; None when all is ended, else its end would be that of another's in Ray's next session."""


class LentLora(NamedTuple):
    """A LoRA to draw with, known by a key; none for the base alone."""

    key: tuple[object, ...]
    lora: Lent | None
    strength: float


BARE = LentLora((), None, 1.0)


class PainterWorker:
    """Draws whatever it is asked for, with the LoRA that is named beside."""

    def __init__(self, base: BaseChoice, device: str, threads: int, compile_share: CompileShare) -> None:
        """Take a base, which is looked for on this machine.

        Args:
            base: as `load_painter` takes it.
            device: "cpu" or "cuda".
            threads: that compute on a CPU; its last bits hang on them.
            compile_share: what it compiles before others do.
        """
        import torch

        torch.set_num_threads(threads)
        self._painter, self._worn = load_painter(base, device, compile_share), BARE.key

    @property
    def facts(self) -> WorkerFacts:
        """What decides its pictures."""
        painter = self._painter
        return WorkerFacts(
            surroundings=surroundings_of(painter.identity, painter.hardware),
            device=painter.device,
            hardware=painter.hardware,
            identity=painter.identity,
            prompt_tokens=painter.prompt_tokens,
        )

    def asked(self, name: str, *arguments: object) -> object:
        """Return what the painter answers."""
        asked: Any = getattr(self._painter, name)
        return asked(*arguments) if callable(asked) else asked

    def asked_wearing(self, worn: LentLora, name: str, *arguments: object) -> object:
        """Return what the painter answers when it wears a LoRA."""
        if worn.key != self._worn:
            lora = fetched(worn.lora.reference) if worn.lora else None
            self._painter.set_lora(lora, worn.strength)
            self._worn = worn.key
        return self.asked(name, *arguments)

    def drawn(self, worn: LentLora, *arguments: object) -> list[Pixels | DrawFailure]:
        """Return what `draw` answers, as numbers: these are sent as they lie in memory, pictures are not."""
        pictures: Any = self.asked_wearing(worn, "draw", *arguments)
        return [one if isinstance(one, DrawFailure) else np.array(one) for one in pictures]


def surroundings_of(identity: Mapping[str, object], hardware: str) -> Surroundings:
    """Return what this process runs with where it draws with a base.

    Args:
        identity: of the base.
        hardware: "cpu" or the name of the GPU.
    """
    more = OF_PIPELINES if "pipeline" in identity else ()
    return surroundings(more, cpu_arithmetic() if hardware == "cpu" else None)


def differences(one: WorkerFacts, first: WorkerFacts | None) -> Iterator[Message]:
    """Yield why a worker would not draw what this process and the first worker would.

    Args:
        one: a worker.
        first: whose base is the one that is drawn with; None: this one's.
    """
    yield from strangeness(one.surroundings, surroundings_of(one.identity, one.hardware))
    if first is None:
        return
    theirs, ours = dict(one.identity), dict(first.identity)
    yield from _file_differences(_table(theirs.pop("sha256", {})), _table(ours.pop("sha256", {})))
    for name in dict.fromkeys([*ours, *theirs]):
        if theirs.get(name) != ours.get(name):
            yield tr(
                "the base's {name} is {theirs} there, {ours} at the first",
                name=name,
                theirs=str(theirs.get(name)),
                ours=str(ours.get(name)),
            )


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _file_differences(theirs: Mapping[str, object], ours: Mapping[str, object]) -> Iterator[Message]:
    for file in dict.fromkeys([*ours, *theirs]):
        if theirs.get(file) != ours.get(file):
            yield tr(
                "the base's {file} has sha256 {theirs} there, {ours} at the first",
                file=file,
                theirs=str(theirs.get(file, ""))[:_SHOWN] or tr("missing"),
                ours=str(ours.get(file, ""))[:_SHOWN] or tr("missing"),
            )
            return
