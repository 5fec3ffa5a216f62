"""What a device's memory lets be drawn together; a little above what was measured (docs/benchmarks.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

from kit.errors import RunError
from kit.finishing.memory import free_bytes
from kit.messages import tr

if TYPE_CHECKING:
    from kit.experiment.drawing.draw_settings import DrawSettings

CPU_BATCH = 4
"""Panels at once without a GPU; on two cores more are not faster."""
BATCHES = (8, 4, 2)
WEIGHTS_GIB, DECODING_GIB, PANEL_GIB = 5.4, 3.8, 0.2
"""What drawing Kolors takes of a GPU, the last two at 1024 pixels."""
CONTROLNET_GIB = 2.5
"""What each of Kolors' ControlNets takes more."""
LOW_GIB = 6.5
"""What memory = "low" takes, with an anchor and PyTorch's own context."""
TILES = (1024, 768, 512)
"""Pixels of the parts' sides."""
SEEN_BEYOND = 256
"""Pixels that a part of the middle sees beyond its side, on both of its ends together."""
USUAL_SIDE = 1024
"""Pixels of a panel's side at which it was measured."""


def needed_gib(panels: int, size: int = USUAL_SIDE) -> float:
    """Return what drawing so many panels of Kolors at once takes of a GPU, in GiB."""
    return WEIGHTS_GIB + (DECODING_GIB + panels * PANEL_GIB) * (size / USUAL_SIDE) ** 2


def panels_that_fit(free_gib: float, size: int = USUAL_SIDE) -> int:
    """Return how many panels are drawn at once where so much of a GPU is free; 1 where not even that fits.

    >>> panels_that_fit(24), panels_that_fit(10.1), panels_that_fit(6)
    (8, 4, 1)
    """
    return next((panels for panels in BATCHES if needed_gib(panels, size) <= free_gib), 1)


def tile_that_fits(free_gib: float, size: int) -> int:
    """Return the side of the parts that a picture is refined in where so much of a GPU is free; 0: whole.

    Where not even the smallest part fits, its side, so that drawing says what is lacking.

    >>> tile_that_fits(48, 2048), tile_that_fits(16, 2048), tile_that_fits(8, 2048)
    (0, 1024, 512)
    """
    if needed_gib(1, size) <= free_gib:
        return 0
    return next((tile for tile in TILES if needed_gib(1, tile + SEEN_BEYOND) <= free_gib), TILES[-1])


def too_little_memory(hardware: str, size: int) -> RunError:
    """Return what is said where not even one panel of so many pixels a side fits."""
    return RunError(
        tr(
            "{hardware} has too little memory for one panel of {size} pixels: close "
            "other programs that use it, or take a smaller size",
            hardware=hardware,
            size=size,
        )
    )


@contextmanager
def enough_memory(hardware: str, size: int) -> Iterator[None]:
    """Say in a line where a panel of so many pixels a side takes more memory than there is."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise too_little_memory(hardware, size) from error


def take_over(device: str) -> str:
    """Have this process draw on a device, with all its memory; return "cpu" or the name of the GPU."""
    import torch

    if device == "cpu":
        return device
    if ":" in device:
        torch.cuda.set_device(device)
    # 2 GiB less are held; the public way is an environment variable, which torch reads only at import
    torch._C._accelerator_setAllocatorSettings("expandable_segments:True")
    return torch.cuda.get_device_name()


def free_gib(device: str) -> float | None:
    """Return how much of a device's memory is free, in GiB; None on a CPU."""
    import torch

    return None if device == "cpu" else free_bytes(torch.device(device)) / 2**30


def panels_at_once(device: str, settings: "DrawSettings", controlnets: int = 0) -> int:
    """Return how many panels are drawn at once with what is free of a device's memory.

    Args:
        device: that draws.
        settings: how.
        controlnets: that take of the memory too.
    """
    import torch

    if device == "cpu":
        return CPU_BATCH
    if settings.memory == "low":
        return max(BATCHES)
    free = torch.cuda.mem_get_info()[0] / 2**30
    return panels_that_fit(free - controlnets * CONTROLNET_GIB, settings.size)


class Allowed(NamedTuple):
    """How Kolors is drawn with what is free of a GPU."""

    memory: Literal["auto", "low"] | None
    """What the experiment must say; None where it is too little for either."""
    panels: int
    """Drawn at once."""


def allowed_by(free_gib: float) -> Allowed:
    """Return how Kolors can be drawn with what is free of a GPU.

    >>> allowed_by(16).panels, allowed_by(8).memory, allowed_by(4).memory
    (8, 'low', None)
    """
    if free_gib >= needed_gib(1):
        return Allowed("auto", panels_that_fit(free_gib))
    return Allowed("low", max(BATCHES)) if free_gib >= LOW_GIB else Allowed(None, 0)
