"""Models that a hub's own tools have downloaded, found by the names the hub has for them."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kit.errors import WeightsError
from kit.files.regular_files import read_file
from kit.hub.repository import models_folder

_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]*)((?:/[A-Za-z0-9][\w.-]*)*)")
"""Owner, model, and a place inside it."""
_MOST = 200
"""Characters of what a hub may call a model."""


def hub_name(text: str) -> str:
    """Return the model that a text names as hubs do; empty where it is no such name.

    >>> hub_name("ByteDance/SDXL-Lightning/sdxl_lightning_4step_unet.safetensors"), hub_name("./mini")
    ('ByteDance/SDXL-Lightning', '')
    """
    found = _NAME.fullmatch(text)
    return f"{found[1]}/{found[2]}" if found else ""


def downloaded(name: str) -> Path | None:
    """Return what lies on this machine of a model by its hub's name, such as "AI-ModelScope/sdxl-turbo".

    A folder or file inside it may be named behind, "YorickHe/majicmixRealistic_v6/v7".

    Looks into our own folder of downloads, then where ModelScope and Hugging Face keep theirs.

    Returns:
        The folder or file; None where nothing of that name was downloaded, or it is no such name.
    """
    named = _NAME.fullmatch(name)
    if named is None or ".." in name or len(name) > _MOST:
        return None
    owner, model, inside = named.groups()
    places = (place / inside.strip("/") for place in _places(owner, model))
    return next((place for place in places if place.exists()), None)


def _places(owner: str, model: str) -> Iterator[Path]:
    try:
        yield models_folder() / owner / model
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except (WeightsError, RuntimeError):  # nobody's home
        return
    modelscope = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope" / "hub")
    for written in (model, model.replace(".", "___")):  # as ModelScope writes names with a dot
        yield modelscope / "models" / owner / written
        yield modelscope / owner / written
    hub = os.environ.get("HF_HUB_CACHE")
    home = Path(hub) if hub else Path(os.environ.get("HF_HOME") or caches / "huggingface") / "hub"
    yield from _snapshots(home / f"models--{owner}--{model}")


def _snapshots(folder: Path) -> Iterator[Path]:
    """Yield what Hugging Face keeps of a model, the newest of its branch "main" first."""
    with suppress(OSError, ValueError):
        yield folder / "snapshots" / read_file(folder / "refs" / "main").decode().strip()
    yield from sorted((folder / "snapshots").glob("*"))
