"""Scorers on several GPUs: pictures go, batch after batch, to whoever is free."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers, device, load_scorers
from eval.scorers.protocols import Inscription, Metric, Stamp
from kit.embedded import EMBEDDED
from kit.generation.devices.processor import cpu_arithmetic
from kit.messages import Message, tr
from kit.workers.endings import heard_as_warning
from kit.workers.ray_session import WorkerPlace
from kit.workers.surroundings import Surroundings, strangeness, surroundings
from kit.workers.worker_pool import Heard, WorkerPool, workers_on

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.scorers.aesthetic import AestheticScorer
    from eval.scorers.preprocess import Preparation
    from kit.generation.painter import Painter

Part = Literal["aesthetic", "encoder", "tower", "reader"]
"""What of `Scorers` is asked."""
OF_SCORERS = ("open_clip_torch", "rapidocr", "onnxruntime")
"""Packages that measure, beside those that draw."""


class Load(Protocol):
    """What loads scorers on a device."""

    def __call__(self, *, on: str = "auto") -> Scorers:
        """Return them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerFacts:
    """What decides the numbers that a worker gives."""

    surroundings: Surroundings
    device: str
    metric: Metric
    encoder: Stamp
    one_tower: bool
    reader: Stamp | None
    calibration: Calibration | None
    preparation: "Preparation | None"
    """Makes what the aesthetic predictor sees of a picture, wherever it is; none where it sees all."""


class ScoringWorker:
    """Scorers in another process."""

    def __init__(self, load: Load, device: str, threads: int) -> None:
        """Load them.

        Args:
            load: loads them.
            device: "cuda" or "cpu".
            threads: that compute on a CPU; the last bits of a number hang on them.
        """
        import torch

        torch.set_num_threads(threads)
        self._tools, self._device = load(on=device), device

    @property
    def facts(self) -> ScorerFacts:
        """What decides its numbers."""
        tools = self._tools
        return ScorerFacts(
            surroundings=_surroundings_on(self._device),
            device=self._device,
            metric=tools.aesthetic.metric,
            encoder=tools.encoder.stamp,
            one_tower=tools.tower is not None,
            reader=tools.reader.stamp if tools.reader else None,
            calibration=tools.calibration,
            preparation=getattr(tools.aesthetic, "preparation", None),
        )

    def measured(self, part: Part, name: str, items: Sequence[object]) -> object:
        """Return what a part of the scorers answers."""
        return getattr(getattr(self._tools, part), name)(items)


def _surroundings_on(device: str, threads: int | None = None) -> Surroundings:
    return surroundings(OF_SCORERS, cpu_arithmetic(threads=threads) if device == "cpu" else None)


def differences(one: ScorerFacts, first: ScorerFacts | None, threads: int | None = None) -> Iterator[Message]:
    """Yield why a worker would not give the numbers that this process and the first worker would.

    Args:
        one: a worker.
        first: whose weights count; None: this one's.
        threads: that are to compute on a CPU; None: as many as do in this process.
    """
    yield from strangeness(one.surroundings, _surroundings_on(one.device, threads))
    if first is None:
        return
    stamps = (
        ("aesthetic", one.metric.stamp, first.metric.stamp),
        ("clip", one.encoder, first.encoder),
        ("letters", one.reader, first.reader),
    )
    for name, theirs, ours in stamps:
        if theirs != ours:
            yield tr("the weights of {name} are others than at the first", name=name)
    if one.calibration != first.calibration:
        yield tr("the calibration is another one than at the first")


@contextmanager
def scorers_on(
    load: Load, devices: str, cluster: str = "", heard: Heard = heard_as_warning
) -> Iterator[Scorers]:
    """Yield scorers on one device, or shared by several.

    Args:
        load: loads them.
        devices: as `pick_devices` takes them.
        cluster: the address of a cluster of Ray in place of this machine; empty: none.
        heard: is told which of several workers is left out or has ended.
    """
    picked = devices_picked(devices, cluster)
    if len(picked) == 1:
        yield load(on=picked[0])
        return
    with shared_scorers(load, picked, cluster, heard) as scorers:
        yield scorers


def devices_picked(devices: str, cluster: str) -> list[str]:
    """Return who of this machine measures: one, several, or none beside a cluster.

    Args:
        devices: as `pick_devices` takes them; "auto" is left to who loads scorers.
        cluster: the address of a cluster of Ray; empty: none.
    """
    if cluster:
        return []
    if devices == "auto":  # without importing the networks that draw
        return [devices]
    from kit.workers.devices import pick_devices

    return pick_devices(devices)


@contextmanager
def predictor_on(
    weights: str, devices: str, cluster: str, heard: Heard
) -> Iterator["AestheticScorer | _SharedScorer"]:
    """Yield the aesthetic predictor alone, on one device or shared by several.

    Args:
        weights: its folder, or "mini".
        devices: as `pick_devices` takes them.
        cluster: the address of a cluster of Ray in place of this machine; empty: none.
        heard: is told which of several workers is left out or has ended.
    """
    picked = devices_picked(devices, cluster)
    if len(picked) == 1:
        from eval.scorers.aesthetic import AestheticScorer

        yield AestheticScorer.load(weights, device() if picked == ["auto"] else picked[0])
        return
    with shared_scorers(partial(load_scorers, weights, EMBEDDED), picked, cluster, heard) as scorers:
        yield cast(_SharedScorer, scorers.aesthetic)


def scorers_beside(load: Load, painters: "Sequence[Painter]") -> Scorers:
    """Return scorers where painters draw: in the processes of these, or on the device of one that draws here.

    A worker that cannot load them is left out, and draws no more.

    Args:
        load: loads them.
        painters: as `painters_on` yields them.
    """
    from kit.generation.devices.ray_painter import RayPainter

    first = painters[0]
    return _pooled(load, first.pool) if isinstance(first, RayPainter) else load(on=first.device)


@contextmanager
def shared_scorers(load: Load, devices: Sequence[str], cluster: str, heard: Heard) -> Iterator[Scorers]:
    """Yield scorers whose every batch is measured by one of several workers.

    Args:
        load: loads them; it is sent to each worker.
        devices: of this machine, one worker each.
        cluster: the address of a cluster of Ray in place of these; empty: none.
        heard: is told which worker is left out or has ended.
    """
    with workers_on(devices, cluster, heard) as pool:
        yield _pooled(load, pool)


def _pooled(load: Load, pool: WorkerPool) -> Scorers:
    """Have workers load scorers, and return what asks them."""
    import torch

    threads = torch.get_num_threads()

    def maker(place: WorkerPlace) -> Callable[[], object]:
        return partial(ScoringWorker, load, place.device, threads)

    first = pool.make(maker, differences)[0]
    scorer = _SharedScorer(pool, first.metric, first.preparation)
    return Scorers(
        aesthetic=scorer,
        encoder=_SharedEncoder(pool, first.encoder),
        tower=scorer if first.one_tower else None,
        calibration=first.calibration,
        reader=_SharedReader(pool, first.reader) if first.reader else None,
        at_once=len(pool.living),
    )


def _asked(pool: WorkerPool, part: Part, name: str, items: Sequence[object]) -> Any:
    return pool.ask("measured", part, name, items)[1]


class _SharedScorer(NamedTuple):
    pool: WorkerPool
    metric: Metric
    preparation: "Preparation | None"

    @property
    def at_once(self) -> int:
        """Batches that are scored at the same time: one by each worker."""
        return max(1, len(self.pool.living))

    def seen(self, picture: "Image") -> "Image":
        """Return what the network sees of one picture, and what is to be sent of it."""
        return self.preparation.seen(picture) if self.preparation else picture

    def score(self, panels: "Sequence[Image]") -> list[float]:
        """Return one finite number per picture, in order."""
        scores: list[float] = _asked(self.pool, "aesthetic", "score", panels)
        return scores

    def look(self, panels: "Sequence[Image]") -> tuple[list[float], NDArray[np.float32]]:
        """Return one score and one row of unit length per picture, in order."""
        seen: tuple[list[float], NDArray[np.float32]] = _asked(self.pool, "tower", "look", panels)
        return seen


class _SharedEncoder(NamedTuple):
    pool: WorkerPool
    stamp: Stamp

    def pictures(self, panels: "Sequence[Image]") -> NDArray[np.float32]:
        """Return (pictures, dim) rows of unit length."""
        rows: NDArray[np.float32] = _asked(self.pool, "encoder", "pictures", panels)
        return rows

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, dim) rows of unit length."""
        rows: NDArray[np.float32] = _asked(self.pool, "encoder", "texts", texts)
        return rows


class _SharedReader(NamedTuple):
    pool: WorkerPool
    stamp: Stamp

    def read(self, panels: "Sequence[Image]") -> list[tuple[Inscription, ...]]:
        """Return what is legible in each picture, in order."""
        read: list[tuple[Inscription, ...]] = _asked(self.pool, "reader", "read", panels)
        return read
