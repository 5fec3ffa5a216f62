"""Checks of a bundle's files one by one: are they what their names say, and do they betray anything."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image
from pydantic_core import from_json

from kit.experiment.drawing.draw_settings import OF_KOLORS, USUALLY
from kit.experiment.identity import settings_of_finals
from kit.experiment.references.reference_pictures import MOST_KEPT
from kit.experiment.steps import mask_file, side_after, sides_in, step_told
from kit.files.encodings import canonical_json, json_bytes, sha256_bytes
from kit.files.text.library_words import reason_of
from kit.images.png_metadata import PARAMETERS, RECIPE, parameters_of
from kit.messages import joined, tr
from submissions.bundle.bundle import Bundle, order_of
from submissions.bundle.manifest import (
    COMPARISON,
    Manifest,
    PanelRecord,
    map_files,
    mask_files,
    reference_files,
)
from submissions.bundle.mosaic import GRIDS
from submissions.faults import FINISH, Fault, shortened
from submissions.untrusted.lora_reader import lora_faults
from submissions.untrusted.png_reader import (
    MAX_PIXELS,
    form_problem,
    picture_texts,
    square_faults,
    stated_size,
)
from submissions.untrusted.secret_scan import find_leaks

DRAWN_UP = "comfyui/"
"""Where large files lie that follow from the manifest alone."""
_MODEL_HASH = re.compile(r"(?<=, )Model hash: [0-9a-f]+, (?=Model: [^,\n]+(, Lora hashes|$))")
_MOSAICS = frozenset(grid.file for grid in GRIDS)
_NOISE = re.compile(r"portable|contest on \w{1,20}")
_VERSION = re.compile(r"None|\d[\w.+]{0,39}")
"""Of the storykit that drew a panel, which may be another one than the one that packed it."""
SCORED_FOLDER = "panels/"
"""What an organiser scores as a folder: every file in it counts."""
MAX_ALL_PIXELS = 40 << 20
"""Of panels and mosaics together: eight panels of 2048 x 2048 and the mosaics have 40 million. Of all masks
together as much, of all maps and of all characters' pictures."""
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
            case _ if bundle.manifest and name.startswith(DRAWN_UP):
                pass  # it must be what the manifest gives, whose own texts are searched
            case _:
                yield from _text_faults(name, data)
    yield from _order_faults(bundle)
    problem = tr("lies in the folder that the contest scores, where panels alone belong")
    for name in bundle.files if bundle.panels else ():
        if name.startswith(SCORED_FOLDER) and name not in bundle.panels:
            yield Fault(name, problem, tr("take it out, it moves the score"))


def _order_faults(bundle: Bundle) -> Iterator[Fault]:
    """Yield whether the files stand in the zip in another order than pack gives them."""
    known = list(order_of(bundle.manifest)) if bundle.manifest else []
    found = [name for name in bundle.digests if name in known]
    if found != [name for name in known if name in found]:
        problem = tr("is not as storykit wrote it: its files stand in another order")
        yield Fault("bundle", problem, tr("hand in the zip that `storykit pack` wrote"))


class _PictureChecks:
    """The pictures of a bundle, looked at one after the other."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._known: dict[str, str] = {}
        """The panels seen so far, by the sha256 of their pixels."""
        self._masks = mask_files(bundle.manifest) if bundle.manifest else {}
        self._maps = map_files(bundle.manifest) if bundle.manifest else {}
        self._references = reference_files(bundle.manifest) if bundle.manifest else {}
        self._pixels = Counter[str]()
        """So far, of each kind and of others."""

    def faults_of(self, name: str) -> Iterator[Fault]:
        """Yield what is wrong with a picture."""
        width, height = stated_size(self._bundle.files[name]) or (0, 0)
        kinds = {"mask": self._masks, "map": self._maps, "reference": self._references}
        kind = next((kind for kind, files in kinds.items() if name in files), "")
        self._pixels[kind] += width * height
        if self._pixels[kind] > MAX_ALL_PIXELS and width * height <= MAX_PIXELS:
            yield Fault(
                name,
                tr(
                    "is one too many: all pictures together may have {most} pixels",
                    most=MAX_ALL_PIXELS,
                ),
            )
            return
        picture, faults = self._bundle.picture(name)
        if picture is not None:
            texts = picture_texts(self._bundle.files[name])
            faults = list(self._content_faults(name, picture, texts))
        yield from faults
        panel = self._bundle.panels.get(name)
        if picture is not None and not faults and (panel or name in _MOSAICS or kind):
            may_say = (RECIPE, PARAMETERS) if panel else ()
            wanted = {key: texts[key] for key in may_say if key in texts}
            if problem := form_problem(self._bundle.files[name], picture, wanted):
                yield Fault(name, problem, tr("put back the picture that storykit wrote"))

    def _content_faults(self, name: str, picture: Image.Image, texts: Mapping[str, str]) -> Iterator[Fault]:
        """Yield what is wrong with what a picture shows and says."""
        panel, manifest = self._bundle.panels.get(name), self._bundle.manifest
        if panel and manifest:
            yield from square_faults(name, picture, side_after(manifest.settings.size, panel.chain))
        if manifest:
            yield from self._named_faults(name, picture, manifest)
        told = "\n".join(f"{key}\n{text}" for key, text in texts.items())
        if len(told) > MAX_PICTURE_TEXT:
            yield Fault(
                name,
                tr(
                    "carries {number} characters of text, {most} are the most",
                    number=len(told),
                    most=MAX_PICTURE_TEXT,
                ),
            )
            return
        yield from find_leaks(tr("{file} text", file=name), told)
        if panel and manifest:
            twin = self._known.setdefault(sha256_bytes(picture.tobytes()), name)
            if twin != name:
                yield Fault(name, tr("is the same picture as {twin}", twin=twin))
            yield from _parameter_faults(texts, panel, manifest)
            yield from _recipe_faults(texts.get(RECIPE), panel, manifest)

    def _named_faults(self, name: str, picture: Image.Image, manifest: Manifest) -> Iterator[Fault]:
        """Yield what is wrong with a mask, a map or a character's picture, named by their sha256."""
        if name in self._masks:
            for side in _mask_sides(manifest)[name]:
                yield from square_faults(name, picture, side)
            yield from self._mask_faults(name, picture)
        if name in self._maps:
            yield from square_faults(name, picture, manifest.settings.size)
            if sha256_bytes(self._bundle.files[name]) != self._maps[name]:
                yield Fault(name, tr("is not the map that the panel was held to"), tr("pack again"))
        if name in self._references:
            yield from square_faults(name, picture, min(picture.width, MOST_KEPT))
            if sha256_bytes(self._bundle.files[name]) != self._references[name]:
                yield Fault(name, tr("is not the picture that the panel was drawn with"), tr("pack again"))

    def _mask_faults(self, name: str, picture: Image.Image) -> Iterator[Fault]:
        """Yield whether a mask is another one, or none that every program reads alike."""
        grey = picture.convert("L")
        if sha256_bytes(self._bundle.files[name]) != self._masks[name]:
            yield Fault(name, tr("is not the mask that the panel was repaired with"), tr("pack again"))
        if grey.convert("RGB").tobytes() != picture.tobytes() or grey.getbbox() is None:
            yield Fault(name, tr("must be a mask of greys, white where the panel is drawn again"))


def _mask_sides(manifest: Manifest) -> dict[str, set[int]]:
    """Return the sides that each mask must have, by its file: of the pictures before its steps."""
    sides: dict[str, set[int]] = {}
    for panel in manifest.panels:
        for step, side in zip(panel.chain, sides_in(manifest.settings.size, panel.chain), strict=False):
            if step.mask:
                sides.setdefault(mask_file(step.mask), set()).add(side)
    return sides


def _parameter_faults(texts: Mapping[str, str], panel: PanelRecord, manifest: Manifest) -> Iterator[Fault]:
    """Yield whether a panel's parameters, for galleries, are lost or say other things than its recipe."""
    told, recipe = texts.get(PARAMETERS), texts.get(RECIPE)
    if told is None:
        problem = tr("must hold its settings for galleries, the PNG text parameters, as storykit wrote it")
        yield Fault(panel.file, problem, tr("draw again"))
    elif recipe is not None and told not in _parameters(recipe, manifest):
        yield Fault(panel.file, tr("says other settings in its parameters than in its recipe"))


def _parameters(recipe: str, manifest: Manifest) -> tuple[str, ...]:
    """Return what A1111's chunk may say beside a recipe; nothing where the recipe says too little.

    Pictures from before the LoRA's short hash call it by its sha256, and older ones of Kolors name no hash of
    the model.
    """
    names = ("", manifest.lora.source_hash) if manifest.lora else ("",)
    try:
        texts = tuple(parameters_of(from_json(recipe), name) for name in names)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ()
    return texts + tuple(_MODEL_HASH.sub("", text) for text in texts)


def _recipe_faults(recipe: str | None, panel: PanelRecord, manifest: Manifest) -> Iterator[Fault]:
    """Yield where the recipe inside a panel's PNG differs from the manifest."""
    if recipe is None:
        yield Fault(panel.file, tr("must hold its recipe, as storykit wrote it"), tr("draw again"))
        return
    try:
        made = _read_recipe(recipe)
    except ValueError as error:
        yield Fault(panel.file, tr("holds a recipe that {error}", error=shortened(str(error), 100)))
        return
    for name, value in _told(panel, manifest).items():
        if canonical_json(made.get(name)) != canonical_json(value):
            yield Fault(panel.file, tr("holds a recipe with another {key} than the manifest's", key=name))
    if str(made.get("noise", "")).split(" ")[0] != manifest.settings.noise:
        yield Fault(panel.file, tr("holds a recipe with another {key} than the manifest's", key="noise"))
    yield from _draft_faults(made, panel, manifest)
    shaping = {name: value for name, value in made.items() if name not in ("storykit", "key")}
    if sha256_bytes(canonical_json(shaping)) != made.get("key"):
        yield Fault(panel.file, tr("holds a recipe with a key that is not the sha256 of the rest"))
    if not _is_plain(made, panel, manifest) or canonical_json(made) != recipe.encode():
        yield Fault(
            panel.file, tr("holds a recipe that is not written as storykit writes it"), tr("draw again")
        )


def _draft_faults(made: Mapping[str, object], panel: PanelRecord, manifest: Manifest) -> Iterator[Fault]:
    """Yield whether a recipe says what drafts alone are drawn with."""
    if unlike := [f"{name} {made[name]}" for name in settings_of_finals(manifest.base) if name in made]:
        told = shortened(joined(unlike, tr(", ")), 100)
        yield Fault(panel.file, tr("is a draft, by its recipe: {settings}", settings=told), tr(FINISH))


def _read_recipe(text: str) -> dict[str, object]:
    """Return a recipe as a table; ValueError says what it is instead."""
    try:
        made = from_json(text, allow_inf_nan=False)
        canonical_json(made)  # what is too large for a number becomes infinite
    except ValueError as error:
        raise ValueError(tr("is no JSON: {error}", error=reason_of(error))) from error
    if not isinstance(made, dict):
        raise ValueError(tr("is no table"))
    return made


def _is_plain(made: Mapping[str, object], panel: PanelRecord, manifest: Manifest) -> bool:
    """Return whether a recipe says nothing that no recipe says."""
    known = {*_told(panel, manifest), *USUALLY, "noise", "storykit"}
    return made.keys() <= known and (
        _VERSION.fullmatch(str(made.get("storykit"))) is not None
        and _NOISE.fullmatch(str(made.get("noise"))) is not None
    )


def _told(panel: PanelRecord, manifest: Manifest) -> dict[str, object]:
    """Return what a panel's recipe must say, but for the noise, by the manifest."""
    how, lora = manifest.settings, manifest.lora
    worn = lora and {"lora_sha256": lora.source_sha256, "alpha": lora.alpha, "strength": lora.strength}
    matched: dict[str, object] = {
        "consistency": panel.consistency,
        "anchors": [anchor.model_dump() for anchor in panel.anchors],
    }
    if panel.bystanders:
        matched["bystanders"] = list(panel.bystanders)
    held = {"control": [one.shaping for one in panel.control]} if panel.control else {}
    if panel.image_prompts:
        held["image_prompts"] = [one.shaping for one in panel.image_prompts]
    repaired = {"chain": [step_told(step) for step in panel.chain]} if panel.chain else {}
    return (
        (matched if panel.anchors or panel.bystanders else {})
        | held
        | ({"embeddings": [one.model_dump() for one in manifest.embeddings]} if manifest.embeddings else {})
        | repaired
        | {
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
        | {name: value for name, usual in OF_KOLORS.items() if (value := getattr(how, name)) != usual}
    )


def _text_faults(name: str, data: bytes) -> list[Fault]:
    """Return what is wrong with a text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [Fault(name, tr("must be UTF-8 text, byte {byte} is none", byte=error.start))]
    if name == COMPARISON and not _is_written_json(data):
        return [
            Fault(name, tr("is not JSON as storykit writes it"), tr("run `storykit compare` and pack again"))
        ]
    return find_leaks(name, text) if text.strip() else [Fault(name, tr("is empty"))]


def _is_written_json(data: bytes) -> bool:
    """Return whether a JSON file is to the byte what storykit writes of what it says."""
    try:
        return json_bytes(from_json(data, allow_inf_nan=False)) == data
    except ValueError:
        return False
