"""A base found by its name."""

import os
from pathlib import Path

from kit.embedded import EMBEDDED
from kit.errors import WeightsError
from kit.hub.repository import kolors_folder
from kit.messages import mark, tr
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.bases.pipeline_class import INDEX, json_in, pipeline_class, pipeline_folder
from kit.models.layouts.model_folder import model_folder
from kit.models.layouts.open_kolors import open_parts, open_published
from kit.models.layouts.weight_files import PARTS, UNET_FOLDER
from kit.models.mini_layout import open_embedded
from kit.models.networks import Base

NOT_FETCHED = mark(
    "Kolors is not on this machine yet: `storykit download kolors` fetches it (18 GB;"
    ' drawing wants a GPU); to practise without, write base = "mini"'
)
"""Said where Kolors is asked for by its name and nothing of it was ever fetched."""


def load_base(name: BaseChoice | Path) -> Base:
    """Return a base whose files are all there.

    Args:
        name: "mini", "kolors" for the downloaded one, or a folder: Kolors as it is published, in diffusers'
            layout too and where a hub keeps it, or one laid out like the embedded base; or Kolors in parts.

    Raises:
        WeightsError: naming the file that is missing or damaged, and what mends it.
    """
    if isinstance(name, BaseParts):
        return open_parts(name)
    if (pipeline := pipeline_folder(str(name))) is not None:
        told = {"folder": pipeline, "pipeline": pipeline_class(pipeline)}
        raise WeightsError(tr("{folder} is a {pipeline}, and this takes Kolors or the embedded base", **told))
    folder = model_folder(name)
    index = json_in(folder / INDEX)
    if os.path.lexists(folder / INDEX) and not (index and isinstance(index.get("_class_name", ""), str)):
        raise WeightsError(
            tr("{file} is no whole JSON; {mend}", file=folder / INDEX, mend=tr("download it again"))
        )
    if not is_fetched(name):
        raise WeightsError(tr(NOT_FETCHED))
    if name == "kolors" or (folder / UNET_FOLDER).is_dir():
        return open_published(folder)
    if (folder / "config.json").is_file():
        return open_embedded(folder)
    raise WeightsError(
        tr(
            "base {name!r}: must be {embedded}, kolors, or a folder that has {folder}/ "
            "(Kolors as it is published) or config.json (laid out like {embedded}); there is "
            "neither",
            name=str(name),
            embedded=EMBEDDED,
            folder=UNET_FOLDER,
        )
    )


def is_fetched(name: BaseChoice | Path) -> bool:
    """Return False for Kolors asked for by its name where nothing of it was ever fetched."""
    return name != "kolors" or any((kolors_folder() / part).exists() for part in PARTS)
