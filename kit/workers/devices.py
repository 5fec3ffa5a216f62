"""The devices of this machine that work may be given to."""

import torch

from kit.errors import WeightsError
from kit.messages import joined, tr


def pick_device(device: str) -> str:
    """Return "cpu" or "cuda" for "auto", else the device itself if this machine has it."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    here = ["cpu", "cuda", *_gpus()] if torch.cuda.is_available() else ["cpu"]
    if device not in here:
        raise WeightsError(
            tr(
                "device {device!r}: this machine has {devices}; or use auto",
                device=device,
                devices=joined(here, tr(", ")),
            )
        )
    return device


def hardware_of(device: str) -> str:
    """Return "cpu" or the name of the GPU."""
    return "cpu" if device == "cpu" else torch.cuda.get_device_name(device)


def pick_devices(devices: str) -> list[str]:
    """Return "all" GPUs of this machine, or its CPU where there are none, else the devices in a list.

    Raises WeightsError for a device that is not here or is named twice.
    """
    if devices == "all":
        return _gpus() or ["cpu"]
    picked = [pick_device(device.strip()) for device in devices.split(",")]
    if len(set(picked)) < len(picked):
        raise WeightsError(tr("devices {devices!r}: each must be named once", devices=devices))
    return picked


def _gpus() -> list[str]:
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
