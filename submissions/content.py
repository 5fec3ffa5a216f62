"""Checks of a bundle's files one by one: are they what their names say, and do they betray anything."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic_core import from_json

from kit.files import canonical_json, sha256_bytes
from submissions.fault import Fault
from submissions.leaks import find_leaks
from submissions.lora_file import lora_data_faults
from submissions.manifest import Manifest, PanelRecord
from submissions.picture import MAX_PIXELS, picture_texts, read_picture, stated_size

PNG_CHUNK = "storykit"
"""The text chunk in which a panel carries its recipe."""
SCORED_FOLDER = "panels/"
"""What an organiser scores as a folder: every file in it counts."""
MAX_ALL_PIXELS = 40 << 20
"""Of all pictures together: eight panels of 2048 x 2048 and the mosaics have 38 million."""
MAX_PICTURE_TEXT = 64 << 10
"""Characters of text in one picture; a recipe has two thousand."""


def file_faults(files: Mapping[str, bytes], manifest: Manifest | None) -> list[Fault]:
    """Return what is wrong with each file by itself, or with a panel by its record in the manifest."""
    album = Album(manifest)
    faults: list[Fault] = []
    for name, data in files.items():
        match Path(name).suffix:
            case ".png":
                faults += album.faults_of(name, data)
            case ".safetensors":
                faults += lora_data_faults(name, data)
            case ".ckpt":
                pass  # never opened: it must be what the safetensors file gives, byte by byte
            case _:
                faults += _text_faults(name, data)
    return faults + album.stray_faults(files)


class Album:
    """The pictures of a bundle, looked at one after the other."""

    def __init__(self, manifest: Manifest | None) -> None:
        """Take the manifest, if the bundle has one."""
        self._panels = {panel.file: panel for panel in manifest.panels} if manifest else {}
        self._side = manifest.settings.size if manifest else None
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
        picture, faults = read_picture(name, data, self._side if panel else None)
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
        recipe = picture.info.get(PNG_CHUNK)
        return faults + (_recipe_faults(recipe, panel) if isinstance(recipe, str) else [])

    def stray_faults(self, names: Iterable[str]) -> list[Fault]:
        """Return which files lie among the panels and are none."""
        problem = "lies in the folder that the contest scores, where panels alone belong"
        return [
            Fault(place=name, problem=problem, mend="take it out, it moves the score")
            for name in names
            if self._panels and name.startswith(SCORED_FOLDER) and name not in self._panels
        ]


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
