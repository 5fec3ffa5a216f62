"""A folder of pictures with captions, in the contest's layout: metadata.csv with file_name and text."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from kit.dataset.captions import caption_warnings
from kit.dataset.listed import FoundPicture
from kit.dataset.tables import METADATA, pictures_in_table, table_of
from kit.errors import InputError
from kit.images.decode import decode_picture
from kit.messages import tr

_MOST_FAULTS = 20
"""Faults that are named; of more, how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionedPicture:
    """A picture of a dataset and what it shows."""

    path: Path
    text: str


def read_dataset(folder: Path) -> list[CaptionedPicture]:
    """Return the pictures that the table of a folder, or of the one folder in it, lists (`file_name,text`).

    Raises InputError with every fault.
    """
    table, listed = _listed(folder)
    faults = [_with_place(one, fault) for one in listed if (fault := _fault(one))]
    if not listed:
        faults.append(tr("must list at least one picture"))
    if len(faults) > _MOST_FAULTS:
        faults[_MOST_FAULTS:] = [tr("and {n} more like these", n=len(faults) - _MOST_FAULTS)]
    if faults:
        raise InputError(str(table), faults)
    return [CaptionedPicture(path=one.path, text=one.caption.text) for one in listed]


def dataset_notes(folder: Path) -> list[str]:
    """Return what is to be minded of a dataset's captions; no picture is opened."""
    _, listed = _listed(folder)
    return caption_warnings([one.caption for one in listed])


def _listed(folder: Path) -> tuple[Path, list[FoundPicture]]:
    table = table_of(folder)
    if table is None:
        problem = tr(
            "file does not exist; `storykit dataset prepare` makes it from pictures with captions beside them"
        )
        raise InputError(str(folder / METADATA), [problem])
    return table, pictures_in_table(table)


def _with_place(one: FoundPicture, fault: str) -> str:
    """Return a fault of a picture behind its line, and its name where it has one."""
    line = one.place.values["line"] if one.place else 0
    if one.name == one.place:
        return tr("line {line}: {fault}", line=line, fault=fault)
    return tr("line {line}: {name} {fault}", line=line, name=one.name, fault=fault)


def _fault(one: FoundPicture) -> str:
    if one.fault or one.caption.fault:
        return one.fault or one.caption.fault
    try:
        decode_picture(one.path)
    except InputError as error:
        return error.faults[0]
    return ""


def open_cropped(path: Path, side: tuple[int, int]) -> Image.Image:
    """Return the middle of a picture in RGB, as large as its shape allows, scaled to (height, width).

    It is turned as its camera noted, and on white where it is transparent.
    """
    return ImageOps.fit(decode_picture(path).picture, side[::-1], Image.Resampling.LANCZOS)
