"""The pictures of characters that stories name: found, checked, and kept in a run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from kit.errors import InputError, printable
from kit.experiment.references.image_prompt_record import REFERENCES, reference_file
from kit.experiment.references.kept_pictures import kept_png, size_or_fault
from kit.files.encodings import sha256_bytes
from kit.files.user_paths import user_path
from kit.images.decode import decode_picture, is_flat
from kit.messages import tr
from kit.story.story import LoadedStory

LEAST_SIDE = 256
"""Of a picture's longer side in pixels: less shows no face."""
MOST_KEPT = 1024
"""Of the kept square's side: as much as panels have."""
GROUND = "white"
"""Beside a picture that is not square."""


def reference_faults(stories: Sequence[LoadedStory]) -> Iterator[str]:
    """Yield the pictures of characters that are not there, or are none, or too small."""
    for number, story in enumerate(stories, 1):
        for name, character in story.story.characters.items():
            told = character.reference
            if told and (fault := _fault(told, user_path(story.path.parent, told))):
                place = f"stories[{number}] {story.name}: characters.{name}.reference"
                yield tr("{place}: {fault}", place=place, fault=fault)


def _fault(text: str, path: Path) -> str:
    """Return what is wrong with a picture by its head; empty where nothing is."""
    size = size_or_fault(text, path)
    if isinstance(size, str):
        return size
    width, height = size
    if max(size) >= LEAST_SIDE:
        return ""
    return tr(
        "{file} has {width} x {height} pixels, a picture of a character needs {least} along its longer side: "
        "take a larger one",
        file=printable(text),
        width=width,
        height=height,
        least=LEAST_SIDE,
    )


def read_reference(path: Path) -> Image.Image:
    """Return the picture of a character, RGB and a square of at most 1024 pixels a side.

    It is whole: beside one that is not square is white, as where it is transparent.

    Raises InputError where it is none, too small or of one colour.
    """
    if fault := _fault(str(path), path):
        raise InputError(str(path), [fault])
    picture = decode_picture(path).picture
    if is_flat(picture):
        raise InputError(str(path), [tr("has one colour all over and shows nobody: take another picture")])
    side = min(max(picture.size), MOST_KEPT)
    if side < max(picture.size):  # first, for a long strip's square has far more pixels than the strip
        width, height = (max(1, round(one * side / max(picture.size))) for one in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (side, side), GROUND)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def kept_references(stories: Sequence[LoadedStory]) -> tuple[tuple[LoadedStory, ...], dict[str, bytes]]:
    """Return stories whose characters' pictures are named as a run has them, and these by their sha256."""
    pictures: dict[str, bytes] = {}

    def kept(story: LoadedStory) -> LoadedStory:
        characters = dict(story.story.characters)
        for name, character in characters.items():
            if character.reference:
                path = user_path(story.path.parent, character.reference)
                data = kept_png(path, REFERENCES, read_reference)
                sha256 = sha256_bytes(data)
                pictures[sha256] = data
                characters[name] = character.model_copy(update={"reference": f"../{reference_file(sha256)}"})
        if characters == story.story.characters:
            return story
        return replace(story, story=story.story.model_copy(update={"characters": characters}))

    return tuple(map(kept, stories)), pictures
