"""Which of diffusers' pipelines a folder is for, and what no network has, told by JSON files alone."""

import json
import re
from pathlib import Path
from typing import Literal

from kit.errors import WeightsError
from kit.files.encodings import finite_json
from kit.files.regular_files import read_file
from kit.messages import tr
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.layouts.model_folder import model_folder

INDEX = "model_index.json"
"""What diffusers writes into the folder of a pipeline: its class, and the class of each part."""
Family = Literal["sdxl", "sd", "cascade"]
"""SDXL and its distilled kin, Stable Diffusion 1.x and 2.x, Stable Cascade."""
PipelineName = Literal["StableDiffusionXLPipeline", "StableDiffusionPipeline", "StableCascadeDecoderPipeline"]
FAMILIES: dict[str, Family] = {
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusionPipeline": "sd",
    "StableCascadeDecoderPipeline": "cascade",
}
"""By the class that draws a picture from words."""
EDITORS: dict[str, Family] = {
    "StableDiffusionInstructPix2PixPipeline": "sd",
    "StableDiffusionXLInstructPix2PixPipeline": "sdxl",
}
"""By the class that edits a picture as an instruction says: the family that its networks are of."""
MOST_BYTES = 2**24
"""Of a JSON file that is read: an index of shards has a tenth of it."""
KOLORS = "KolorsPipeline"
"""Drawn by our own painter."""
_CHATGLM = "ChatGLMModel"
_LAYERS = re.compile(r'"(\w*layers\w*)": [\[\]\d, ]*?\d{4}')
"""A count of layers in a config, of a thousand or more."""


def json_in(path: Path) -> dict[str, object]:
    """Return what a JSON file holds; nothing where it is not there, is no object or far too large."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        found = finite_json(read_file(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def refuse_endless(file: Path, config: object) -> None:
    """Raise WeightsError for a config that asks for a thousand layers or more.

    They would be built for hours before the weights are seen not to have them.

    >>> refuse_endless(Path("c.json"), {"layers_per_block": [2, 10]})
    >>> refuse_endless(Path("c.json"), {"text": {"num_hidden_layers": 1000}})
    Traceback (most recent call last):
    kit.errors.WeightsError: c.json: its num_hidden_layers is larger than any network's; download it again
    """
    if found := _LAYERS.search(json.dumps(config)):
        told = {"file": file, "key": found[1]}
        raise WeightsError(tr("{file}: its {key} is larger than any network's; download it again", **told))


def pipeline_class(folder: Path) -> str:
    """Return the class of the pipeline that a folder is for; empty where it does not say.

    Kolors as it was first published calls itself StableDiffusionXLPipeline; its text encoder is ChatGLM's.
    """
    index = json_in(folder / INDEX)
    told, encoder = index.get("_class_name", ""), index.get("text_encoder")
    if isinstance(encoder, list) and _CHATGLM in encoder:
        return KOLORS
    return told if isinstance(told, str) else ""


def is_diffusers_kolors(folder: Path) -> bool:
    """Return whether a folder says that it is Kolors as diffusers lays it out."""
    return json_in(folder / INDEX).get("_class_name") == KOLORS


def pipeline_folder(base: BaseChoice) -> Path | None:
    """Return the folder of a base that diffusers draws with; None for one that our own painter draws with."""
    named = base.folder if isinstance(base, BaseParts) else base
    if named is None:
        return None
    folder = model_folder(named)
    return None if pipeline_class(folder) in ("", KOLORS) else folder


def family_of(folder: Path) -> Family | None:
    """Return the family of a pipeline's folder; None for one that we do not draw with."""
    return FAMILIES.get(pipeline_class(folder))
