"""Where a folder keeps its captions: in its table, or in a text file beside each picture."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from kit.dataset.captions import CaptionFiles
from kit.dataset.listed import Caption, FoundPicture, files_of, name_in, resolve_listed
from kit.dataset.tables import SUFFIXES, pictures_in_table, table_of, table_with
from kit.dataset.write import dataset_of, pictures_of
from kit.errors import InputError, RunError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_of
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
    clash: str = ""
    """Why no caption of its own can be written."""


class CaptionPlaces(Protocol):
    """Where captions are kept."""

    @property
    def root(self) -> Path:
        """The folder in which they lie."""

    @property
    def pictures(self) -> Sequence[HeldPicture]:
        """Every picture, with the caption that it has."""

    def changed(self, numbers: Iterable[int]) -> Path | None:
        """Return a file of these pictures' captions that is not as it was read or written, None for none."""

    def write(self, captions: Mapping[int, str]) -> None:
        """Write captions beside those that stay, each file whole at any time.

        Args:
            captions: by the picture's place in `pictures`.
        """


class TableOfCaptions:
    """A metadata.csv or metadata.jsonl."""

    def __init__(self, table: Path) -> None:
        """Read the table; raises InputError where it is none."""
        self._read = _state_of(table)
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

    def changed(self, numbers: Iterable[int]) -> Path | None:
        """Return the table where it is another one by now."""
        return self.table if _state_of(self.table) != self._read else None

    def write(self, captions: Mapping[int, str]) -> None:
        """Write the table with these captions; other columns and rows stay as they are."""
        write_atomic(self.table, table_with(self.table, captions))
        self._read = _state_of(self.table)


class CaptionsBeside:
    """A text file beside each picture."""

    def __init__(self, folder: Path) -> None:
        """Find the pictures of a folder and of those in it, and their captions."""
        files = list(files_of(folder))
        paths = [path for path in files if path.suffix.lower() in SUFFIXES]
        captions = CaptionFiles(folder, files, paths)
        self.root, self._readers = folder, _readers(paths)
        self._places = [captions.places_of(path) or [self._new_place(path)] for path in paths]
        self._read = [[_state_of(place) for place in places] for places in self._places]
        self.pictures = [
            HeldPicture(
                name_in(folder, path), path, captions.of(path), _fault(folder, path), self._clash(places)
            )
            for path, places in zip(paths, self._places, strict=True)
        ]

    def changed(self, numbers: Iterable[int]) -> Path | None:
        """Return a caption that is new, gone or another one by now, or a table that came."""
        if table := table_of(self.root):
            return table
        now = CaptionsBeside(self.root)
        there = {one.path: number for number, one in enumerate(now.pictures)}
        for number in numbers:
            at = there.get(self.pictures[number].path)
            if at is None:
                return self.pictures[number].path
            if (now._places[at], now._read[at]) != (self._places[number], self._read[number]):
                return now._places[at][0]
        return None

    def write(self, captions: Mapping[int, str]) -> None:
        """Write the text files of these captions; where several said the same, all do again."""
        for number, text in captions.items():
            for place in self._places[number]:
                write_atomic(place, f"{text}\n".encode())
            self._read[number] = [_state_of(place) for place in self._places[number]]

    def _new_place(self, picture: Path) -> Path:
        """Return where a picture's caption goes: a.txt, but a.png.txt where there is an a.jpg, too."""
        place = picture.with_suffix(".txt")
        return place if len(self._readers[_key(place)]) == 1 else picture.with_name(f"{picture.name}.txt")

    def _clash(self, places: Sequence[Path]) -> str:
        """Return why other pictures would get a picture's caption, too; empty where none would."""
        for place in places:
            if len(readers := self._readers[_key(place)]) > 1:
                one, other = (name_in(self.root, path) for path in readers[:2])
                return tr(
                    "{file} is the caption of both {one} and {other}: name them apart",
                    file=name_in(self.root, place),
                    one=one,
                    other=other,
                )
        return ""


def _state_of(path: Path) -> str:
    """Return the sha256 of a caption's file or a table, empty where there is none that can be read."""
    with suppress(OSError, RunError):
        if path.is_file():
            return sha256_of(path)
    return ""


def folder_of_captions(folder: Path) -> Path:
    """Return the folder whose lock keeps others from the captions: of a prepared dataset all of it.

    Raises InputError where there is no such folder.
    """
    place, table = _pictures_in(folder)
    root = table.parent if table else place
    return dataset_of(root) or root


def caption_places(folder: Path) -> CaptionPlaces:
    """Return where a folder keeps its captions: the table of it or of the one folder in it, else beside.

    Raises InputError where there is no such folder, or no picture in it.
    """
    place, table = _pictures_in(folder)
    places: CaptionPlaces = TableOfCaptions(table) if table else CaptionsBeside(place)
    if not places.pictures:
        raise InputError(str(place), [tr("has no picture in it: give a folder with PNG or JPEG files")])
    return places


def _pictures_in(folder: Path) -> tuple[Path, Path | None]:
    """Return where the pictures of a folder lie, and their table."""
    if kind_at(folder) == "run":
        raise InputError(str(folder), [mistaken(folder, "pictures")])
    if not folder.is_dir():
        raise InputError(str(folder), [mistaken(folder, "pictures") or missing_folder(folder)])
    folder = pictures_of(folder)
    return folder, table_of(folder)


def _readers(pictures: Sequence[Path]) -> dict[tuple[Path, str], list[Path]]:
    """Return which pictures read a caption, by its folder and its name without ending."""
    readers: dict[tuple[Path, str], list[Path]] = {}
    for path in pictures:
        for name in (path.stem, path.name):
            readers.setdefault((path.parent, name.casefold()), []).append(path)
    return readers


def _key(caption: Path) -> tuple[Path, str]:
    return caption.parent, caption.stem.casefold()


def _held(one: FoundPicture) -> HeldPicture:
    return HeldPicture(one.name, one.path, one.caption, one.fault)


def _fault(folder: Path, path: Path) -> str:
    return resolve_listed(folder, str(path.relative_to(folder)))[1]
