"""Checks of a bundle's files one by one: are they what their names say, and do they betray anything."""

from collections.abc import Mapping
from pathlib import Path

from pydantic_core import from_json

from kit.files import canonical_json, sha256_bytes
from submissions.fault import Fault
from submissions.leaks import find_leaks
from submissions.lora_file import lora_data_faults
from submissions.manifest import Manifest, PanelRecord
from submissions.picture import picture_texts, read_picture

PNG_CHUNK = "storykit"
"""The text chunk in which a panel carries its recipe."""


def file_faults(files: Mapping[str, bytes], manifest: Manifest | None) -> list[Fault]:
    """Return what is wrong with each file by itself, or with a panel by its record in the manifest."""
    faults: list[Fault] = []
    for name, data in files.items():
        match Path(name).suffix:
            case ".png":
                faults += _picture_faults(name, data, manifest)
            case ".safetensors":
                rank = manifest.lora.rank if manifest and manifest.lora else None
                faults += lora_data_faults(name, data, rank)
            case _:
                faults += _text_faults(name, data)
    return faults


def _picture_faults(name: str, data: bytes, manifest: Manifest | None) -> list[Fault]:
    """Return what is wrong with a picture."""
    panels = {panel.file: panel for panel in manifest.panels} if manifest else {}
    side = manifest.settings.size if manifest and name in panels else None
    picture, faults = read_picture(name, data, side)
    if picture is None:
        return faults
    faults += find_leaks(f"{name} text", "\n".join(picture_texts(picture)))
    recipe = picture.info.get(PNG_CHUNK)
    if name in panels and isinstance(recipe, str):
        faults += _recipe_faults(recipe, panels[name])
    return faults


def _recipe_faults(recipe: str, panel: PanelRecord) -> list[Fault]:
    """Return where the recipe inside a panel's PNG differs from the manifest."""
    try:
        made = from_json(recipe)
    except ValueError as error:
        return [Fault(place=panel.file, problem=f"holds a recipe that is no JSON: {error}")]
    if not isinstance(made, dict):
        return [Fault(place=panel.file, problem="holds a recipe that is no table")]
    told = {"key": panel.key, "prompt": panel.prompt, "seed": panel.seed}
    wrong = [f"another {name} than the manifest's" for name, value in told.items() if made.get(name) != value]
    shaping = {name: value for name, value in made.items() if name not in ("storykit", "key")}
    if sha256_bytes(canonical_json(shaping)) != made.get("key"):
        wrong.append("a key that is not the sha256 of the rest")
    return [Fault(place=panel.file, problem=f"holds a recipe with {what}") for what in wrong]


def _text_faults(name: str, data: bytes) -> list[Fault]:
    """Return what is wrong with a text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [Fault(place=name, problem=f"must be UTF-8 text, byte {error.start} is none")]
    if not text.strip():
        return [Fault(place=name, problem="is empty")]
    return find_leaks(name, text)
