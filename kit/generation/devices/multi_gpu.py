"""The painters that share a run's batches: one in this process, or one for each of several GPUs."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from kit.errors import WeightsError
from kit.generation.painter import ALONE, CompileShare, Painter
from kit.messages import mark, tr
from kit.models.bases.base_parts import BaseChoice
from kit.models.bases.pipeline_class import pipeline_folder
from kit.workers.endings import heard_as_warning
from kit.workers.worker_pool import Heard


@contextmanager
def painters_on(
    base: BaseChoice, devices: str, cluster: str = "", heard: Heard = heard_as_warning
) -> Iterator[list[Painter]]:
    """Yield a painter for each device; one alone draws in this process, several through Ray.

    Args:
        base: as `load_painter` takes it.
        devices: as `pick_devices` takes them.
        cluster: the address of a cluster of Ray that draws in place of this machine; empty: none.
        heard: is told which of several has ended.
    """
    from kit.workers.devices import pick_devices

    picked = [] if cluster else pick_devices(devices)
    if len(picked) == 1:
        yield [load_painter(base, picked[0])]
        return
    from kit.generation.devices.ray_painter import ray_painters

    with ray_painters(base, picked, cluster, heard) as painters:
        yield painters


def load_painter(base: BaseChoice, device: str = "auto", compile_share: CompileShare = ALONE) -> Painter:
    """Return the painter of a base.

    Args:
        base: "mini", "kolors", a folder's path, or the parts.
        device: "cpu", "cuda", one GPU of several such as "cuda:1", or "auto" for CUDA where there is one.
        compile_share: what it compiles before other workers do, should it compile.
    """
    if (folder := pipeline_folder(base)) is not None:
        if find_spec("diffusers") is None:
            told = mark("{folder} is drawn by diffusers, which is not installed: pip install storykit[bases]")
            raise WeightsError(tr(told, folder=folder))
        from kit.generation.diffusers_painter import load_diffusers_painter

        return load_diffusers_painter(base, device)
    from kit.generation.kolors.kolors_painter import KolorsPainter
    from kit.models.base import load_base

    return KolorsPainter(load_base(base), device, compile_share)
