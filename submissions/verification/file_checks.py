"""Checks of a bundle's files one by one: are they what their names say, and do they betray anything."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image
from pydantic_core import from_json

from kit.files.encodings import canonical_json, sha256_bytes
from kit.images.png_metadata import PARAMETERS, RECIPE, parameters_of
from submissions.bundle.manifest import Manifest, PanelRecord
from submissions.faults import Fault
from submissions.untrusted.lora_reader import lora_data_faults
from submissions.untrusted.png_reader import MAX_PIXELS, picture_texts, read_picture, stated_size
from submissions.untrusted.secret_scan import find_leaks

DRAWN_UP = ("comfyui/kijai.json", "comfyui/mz.json")
"""Large files that follow from the manifest alone."""
SCORED_FOLDER = "panels/"
"""What an organiser scores as a folder: every file in it counts."""
MAX_ALL_PIXELS = 40 << 20
"""Of all pictures together: eight panels of 2048 x 2048 and the mosaics have 40 million."""
MAX_PICTURE_TEXT = 64 << 10
"""Characters of text in one picture; a recipe and the parameters have one thousand."""


def file_faults(files: Mapping[str, bytes], manifest: Manifest | None) -> list[Fault]:
    """Return what is wrong with each file by itself, or with a panel by its record in the manifest."""
    album = PanelPictures(manifest)
    faults: list[Fault] = []
    for name, data in files.items():
        match Path(name).suffix:
            case ".png":
                faults += album.faults_of(name, data)
            case ".safetensors":
                faults += lora_data_faults(name, data)
            case ".ckpt":
                pass  # never opened: it must be what the safetensors file gives, byte by byte
            case _ if manifest and name in DRAWN_UP:
                pass  # it must be what the manifest gives, whose own texts are searched
            case _:
                faults += _text_faults(name, data)
    return faults + album.stray_faults(files)


class PanelPictures:
    """The pictures of a bundle, looked at one after the other."""

    def __init__(self, manifest: Manifest | None) -> None:
        """Take the manifest, if the bundle has one."""
        self._panels = {panel.file: panel for panel in manifest.panels} if manifest else {}
        self._manifest = manifest
        self._known: dict[str, str] = {}
        """The panels seen so far, by the sha256 of their pixels."""
        self._pixels = 0

    def faults_of(self, name: str, data: bytes) -> list[Fault]:
        """Return what is wrong with a picture."""
        panel = self._panels.get(name)
        width, height = stated_size(data) or (0, 0)
        self._pixels += width * height
        if self._pixels > MAX_ALL_PIXELS and width * height <= MAX_PIXELS:
            problem = f"is one too many: all pictures together may have {MAX_ALL_PIXELS} pixels"
            return [Fault(place=name, problem=problem)]
        side = self._manifest.settings.size if self._manifest and panel else None
        picture, faults = read_picture(name, data, side)
        if picture is None:
            return faults
        texts = "\n".join(picture_texts(picture))
        if len(texts) > MAX_PICTURE_TEXT:
            problem = f"carries {len(texts)} characters of text, {MAX_PICTURE_TEXT} are the most"
            return [*faults, Fault(place=name, problem=problem)]
        faults += find_leaks(f"{name} text", texts)
        if panel is None:
            return faults
        twin = self._known.setdefault(sha256_bytes(picture.tobytes()), name)
        if twin != name:
            faults.append(Fault(place=name, problem=f"is the same picture as {twin}"))
        assert self._manifest is not None, "who has panels has a manifest"
        return (
            faults
            + _panel_faults(picture, panel)
            + _recipe_faults(picture.info.get(RECIPE), panel, self._manifest)
        )

    def stray_faults(self, names: Iterable[str]) -> list[Fault]:
        """Return which files lie among the panels and are none."""
        problem = "lies in the folder that the contest scores, where panels alone belong"
        return [
            Fault(place=name, problem=problem, mend="take it out, it moves the score")
            for name in names
            if self._panels and name.startswith(SCORED_FOLDER) and name not in self._panels
        ]


def _panel_faults(picture: Image.Image, panel: PanelRecord) -> list[Fault]:
    """Return what a panel has that a scorer and a viewer would see differently."""
    faults = []
    if picture.mode != "RGB":
        problem = f"must be an RGB picture, got {picture.mode}: a scorer and a viewer see it differently"
        faults.append(Fault(place=panel.file, problem=problem, mend="draw it again"))
    told = picture.info.get(PARAMETERS)
    recipe = picture.info.get(RECIPE)
    if told is not None and isinstance(recipe, str) and told != _parameters(recipe):
        faults.append(
            Fault(place=panel.file, problem="says other settings in its parameters than in its recipe")
        )
    return faults


def _parameters(recipe: str) -> str | None:
    """Return what A1111's chunk must say beside a recipe; None where the recipe says too little."""
    try:
        return parameters_of(from_json(recipe))
    except (ValueError, LookupError, TypeError):
        return None


def _recipe_faults(recipe: object, panel: PanelRecord, manifest: Manifest) -> list[Fault]:
    """Return where the recipe inside a panel's PNG differs from the manifest."""
    if not isinstance(recipe, str):
        return [
            Fault(place=panel.file, problem="must hold its recipe, as storykit wrote it", mend="draw again")
        ]
    try:
        made = from_json(recipe, allow_inf_nan=False)
    except ValueError as error:
        return [Fault(place=panel.file, problem=f"holds a recipe that is no JSON: {str(error)[:100]}")]
    if not isinstance(made, dict):
        return [Fault(place=panel.file, problem="holds a recipe that is no table")]
    wrong = [
        f"another {name} than the manifest's"
        for name, value in _told(panel, manifest).items()
        if canonical_json(made.get(name)) != canonical_json(value)
    ]
    noise = str(made.get("noise", "")).split(" ")[0]
    if noise != manifest.settings.noise:
        wrong.append("another noise than the manifest's")
    shaping = {name: value for name, value in made.items() if name not in ("storykit", "key")}
    if sha256_bytes(canonical_json(shaping)) != made.get("key"):
        wrong.append("a key that is not the sha256 of the rest")
    return [Fault(place=panel.file, problem=f"holds a recipe with {what}") for what in wrong]


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
        return [Fault(place=name, problem=f"must be UTF-8 text, byte {error.start} is none")]
    if not text.strip():
        return [Fault(place=name, problem="is empty")]
    return find_leaks(name, text)
