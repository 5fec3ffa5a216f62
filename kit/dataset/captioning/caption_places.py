"""Where a folder keeps its captions: in its table, or in a text file beside each picture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from kit.dataset.captions import CaptionFiles
from kit.dataset.listed import Caption, FoundPicture, files_of, name_in, resolve_listed
from kit.dataset.tables import SUFFIXES, pictures_in_table, table_of, table_with
from kit.dataset.write import pictures_of
from kit.errors import InputError
from kit.files.path_contents import kind_at, mistaken
from kit.files.user_paths import missing_folder
from kit.messages import tr


class HeldPicture(NamedTuple):
    """A picture, not opened yet, and its caption."""

    name: str
    path: Path
    caption: Caption
    fault: str
    """Why it must not be opened."""


class CaptionPlaces(Protocol):
    """Where captions are kept."""

    @property
    def root(self) -> Path:
        """The folder in which they lie."""

    @property
    def pictures(self) -> Sequence[HeldPicture]:
        """Every picture, with the caption that it has."""

    def files(self, captions: Mapping[int, str]) -> dict[Path, bytes]:
        """Return the files that hold these captions beside those that stay.

        Args:
            captions: by the picture's place in `pictures`.
        """


class TableOfCaptions:
    """A metadata.csv or metadata.jsonl."""

    def __init__(self, table: Path) -> None:
        """Read the table; raises InputError where it is none."""
        found = pictures_in_table(table)
        spoiled = [
            tr("line {line}: {fault}", line=one.place.values["line"], fault=one.fault)
            for one in found
            if one.place and one.name == one.place
        ]
        if spoiled:
            raise InputError(str(table), spoiled)
        self.table, self.root = table, table.parent
        self.pictures = [_held(one) for one in found]

    def files(self, captions: Mapping[int, str]) -> dict[Path, bytes]:
        """Return the table with these captions; other columns and rows stay as they are."""
        return {self.table: table_with(self.table, captions)}


class CaptionsBeside:
    """A text file beside each picture."""

    def __init__(self, folder: Path) -> None:
        """Find the pictures of a folder and of those in it, and their captions."""
        files = list(files_of(folder))
        paths = [path for path in files if path.suffix.lower() in SUFFIXES]
        captions = CaptionFiles(folder, files, paths)
        alike = Counter(path.with_suffix("") for path in paths)
        self._places = [
            captions.place_of(path) or _new_place(path, shared=alike[path.with_suffix("")] > 1)
            for path in paths
        ]
        self.root = folder
        self.pictures = [
            HeldPicture(name_in(folder, path), path, captions.of(path), _fault(folder, path))
            for path in paths
        ]

    def files(self, captions: Mapping[int, str]) -> dict[Path, bytes]:
        """Return the text files of these captions."""
        return {self._places[number]: f"{text}\n".encode() for number, text in captions.items()}


def caption_places(folder: Path) -> CaptionPlaces:
    """Return where a folder keeps its captions: the table of it or of the one folder in it, else beside.

    Raises InputError where there is no such folder, or no picture in it.
    """
    if kind_at(folder) == "run":
        raise InputError(str(folder), [mistaken(folder, "pictures")])
    if not folder.is_dir():
        raise InputError(str(folder), [mistaken(folder, "pictures") or missing_folder(folder)])
    folder = pictures_of(folder)
    table = table_of(folder)
    places: CaptionPlaces = TableOfCaptions(table) if table else CaptionsBeside(folder)
    if not places.pictures:
        raise InputError(str(folder), [tr("has no picture in it: give a folder with PNG or JPEG files")])
    return places


def _new_place(picture: Path, *, shared: bool) -> Path:
    """Return where a picture's caption goes: a.txt, but a.png.txt where there is an a.jpg, too."""
    return picture.with_name(f"{picture.name}.txt") if shared else picture.with_suffix(".txt")


def _held(one: FoundPicture) -> HeldPicture:
    return HeldPicture(one.name, one.path, one.caption, one.fault)


def _fault(folder: Path, path: Path) -> str:
    return resolve_listed(folder, str(path.relative_to(folder)))[1]
