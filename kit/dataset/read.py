"""A folder of pictures with captions, in the contest's layout: metadata.csv with file_name and text."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from PIL import Image, ImageOps

from kit.errors import InputError
from kit.files.documents import read_text
from kit.files.encodings import unguarded

METADATA = "metadata.csv"
COLUMNS = ("file_name", "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionedPicture:
    """A picture of a dataset and what it shows."""

    path: Path
    text: str


def read_dataset(folder: Path) -> list[CaptionedPicture]:
    """Return the pictures that metadata.csv lists (`file_name,text`); raises InputError with every fault."""
    import pandas as pd

    path = folder / METADATA
    text = StringIO(read_text(path))
    try:
        table = pd.read_csv(text, usecols=list(COLUMNS), dtype=str, na_filter=False, index_col=False)
    except ValueError as error:
        raise InputError(str(path), [f"must have the columns file_name and text: {error}"]) from error
    listed = [
        CaptionedPicture(path=folder / unguarded(name), text=unguarded(text))
        for name, text in zip(table["file_name"], table["text"], strict=True)
    ]
    faults = [fault for line, entry in enumerate(listed, 2) for fault in _faults(line, entry)]
    if not listed:
        faults.append("must list at least one picture")
    if faults:
        raise InputError(str(path), faults)
    return listed


def _faults(line: int, entry: CaptionedPicture) -> Iterator[str]:
    if entry.path.is_dir():
        yield f"line {line}: names no file"
        return
    if not entry.text.strip():
        yield f"line {line}: {entry.path.name} needs a text"
    try:
        with Image.open(entry.path) as picture:
            picture.load()
    except FileNotFoundError:
        yield f"line {line}: {entry.path.name} does not exist"
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        yield f"line {line}: {entry.path.name} is not a whole picture: {error}"


def open_cropped(path: Path, side: tuple[int, int]) -> Image.Image:
    """Return the middle of a picture in RGB, as large as its shape allows, scaled to (height, width).

    It is turned as its camera noted.
    """
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    return ImageOps.fit(upright, side[::-1], Image.Resampling.LANCZOS)
