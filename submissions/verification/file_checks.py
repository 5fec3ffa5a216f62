"""Checks of a bundle's files one by one: are they what their names say, and do they betray anything."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from pydantic_core import from_json

from kit.files.encodings import canonical_json, sha256_bytes
from kit.images.png_metadata import PARAMETERS, RECIPE, parameters_of
from submissions.bundle.bundle import Bundle, order_of
from submissions.bundle.manifest import Manifest, PanelRecord
from submissions.faults import Fault
from submissions.untrusted.lora_reader import lora_faults
from submissions.untrusted.png_reader import MAX_PIXELS, picture_texts, square_faults, stated_size
from submissions.untrusted.secret_scan import find_leaks

DRAWN_UP = ("comfyui/kijai.json", "comfyui/mz.json")
"""Large files that follow from the manifest alone."""
SCORED_FOLDER = "panels/"
"""What an organiser scores as a folder: every file in it counts."""
MAX_ALL_PIXELS = 40 << 20
"""Of all pictures together: eight panels of 2048 x 2048 and the mosaics have 40 million."""
MAX_PICTURE_TEXT = 64 << 10
"""Characters of text in one picture; a recipe and the parameters have one thousand."""


def file_faults(bundle: Bundle) -> Iterator[Fault]:
    """Yield what is wrong with each file by itself, or with a panel by its record in the manifest."""
    pictures = _PictureChecks(bundle)
    for name, data in bundle.files.items():
        match Path(name).suffix:
            case ".png":
                yield from pictures.faults_of(name)
            case ".safetensors" | ".ckpt":
                if bundle.lora and data is bundle.lora.data:
                    yield from lora_faults(name, bundle.lora)
                # the other forms are never opened: they must be what this one gives, byte by byte
            case _ if bundle.manifest and name in DRAWN_UP:
                pass  # it must be what the manifest gives, whose own texts are searched
            case _:
                yield from _text_faults(name, data)
    yield from _order_faults(bundle)
    problem = "lies in the folder that the contest scores, where panels alone belong"
    for name in bundle.files if bundle.panels else ():
        if name.startswith(SCORED_FOLDER) and name not in bundle.panels:
            yield Fault(name, problem, "take it out, it moves the score")


def _order_faults(bundle: Bundle) -> Iterator[Fault]:
    """Yield whether the files stand in the zip in another order than pack gives them."""
    known = list(order_of(bundle.manifest)) if bundle.manifest else []
    found = [name for name in bundle.digests if name in known]
    if found != [name for name in known if name in found]:
        problem = "is not as storykit wrote it: its files stand in another order"
        yield Fault("bundle", problem, "hand in the zip that `storykit pack` wrote")


class _PictureChecks:
    """The pictures of a bundle, looked at one after the other."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._known: dict[str, str] = {}
        """The panels seen so far, by the sha256 of their pixels."""
        self._pixels = 0

    def faults_of(self, name: str) -> Iterator[Fault]:
        """Yield what is wrong with a picture."""
        width, height = stated_size(self._bundle.files[name]) or (0, 0)
        self._pixels += width * height
        if self._pixels > MAX_ALL_PIXELS and width * height <= MAX_PIXELS:
            yield Fault(name, f"is one too many: all pictures together may have {MAX_ALL_PIXELS} pixels")
            return
        picture, faults = self._bundle.picture(name)
        yield from faults
        if picture is None:
            return
        panel, manifest = self._bundle.panels.get(name), self._bundle.manifest
        yield from square_faults(name, picture, manifest.settings.size if manifest and panel else None)
        texts = "\n".join(picture_texts(picture))
        if len(texts) > MAX_PICTURE_TEXT:
            yield Fault(name, f"carries {len(texts)} characters of text, {MAX_PICTURE_TEXT} are the most")
            return
        yield from find_leaks(f"{name} text", texts)
        if panel and manifest:
            twin = self._known.setdefault(sha256_bytes(picture.tobytes()), name)
            if twin != name:
                yield Fault(name, f"is the same picture as {twin}")
            yield from _panel_faults(picture, panel)
            yield from _recipe_faults(picture.info.get(RECIPE), panel, manifest)


def _panel_faults(picture: Image.Image, panel: PanelRecord) -> Iterator[Fault]:
    """Yield what a panel has that a scorer and a viewer would see differently."""
    if picture.mode != "RGB":
        problem = f"must be an RGB picture, got {picture.mode}: a scorer and a viewer see it differently"
        yield Fault(panel.file, problem, "draw it again")
    told, recipe = picture.info.get(PARAMETERS), picture.info.get(RECIPE)
    if told is not None and isinstance(recipe, str) and told != _parameters(recipe):
        yield Fault(panel.file, "says other settings in its parameters than in its recipe")


def _parameters(recipe: str) -> str | None:
    """Return what A1111's chunk must say beside a recipe; None where the recipe says too little."""
    try:
        return parameters_of(from_json(recipe))
    except (ValueError, LookupError, TypeError):
        return None


def _recipe_faults(recipe: object, panel: PanelRecord, manifest: Manifest) -> Iterator[Fault]:
    """Yield where the recipe inside a panel's PNG differs from the manifest."""
    if not isinstance(recipe, str):
        yield Fault(panel.file, "must hold its recipe, as storykit wrote it", "draw again")
        return
    try:
        made = from_json(recipe, allow_inf_nan=False)
    except ValueError as error:
        yield Fault(panel.file, f"holds a recipe that is no JSON: {str(error)[:100]}")
        return
    if not isinstance(made, dict):
        yield Fault(panel.file, "holds a recipe that is no table")
        return
    for name, value in _told(panel, manifest).items():
        if canonical_json(made.get(name)) != canonical_json(value):
            yield Fault(panel.file, f"holds a recipe with another {name} than the manifest's")
    if str(made.get("noise", "")).split(" ")[0] != manifest.settings.noise:
        yield Fault(panel.file, "holds a recipe with another noise than the manifest's")
    shaping = {name: value for name, value in made.items() if name not in ("storykit", "key")}
    if sha256_bytes(canonical_json(shaping)) != made.get("key"):
        yield Fault(panel.file, "holds a recipe with a key that is not the sha256 of the rest")


def _told(panel: PanelRecord, manifest: Manifest) -> dict[str, object]:
    """Return what a panel's recipe must say, but for the noise, by the manifest."""
    how, lora = manifest.settings, manifest.lora
    worn = lora and {"lora_sha256": lora.source_sha256, "alpha": lora.alpha, "strength": lora.strength}
    return {
        "key": panel.key,
        "prompt": panel.prompt,
        "negative": panel.negative if how.cfg != 1 else "",
        "seed": panel.seed,
        "base": manifest.base,
        "lora": worn,
        "steps": how.steps,
        "cfg": how.cfg,
        "size": how.size,
    }


def _text_faults(name: str, data: bytes) -> list[Fault]:
    """Return what is wrong with a text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [Fault(name, f"must be UTF-8 text, byte {error.start} is none")]
    return find_leaks(name, text) if text.strip() else [Fault(name, "is empty")]
