"""A prepared dataset: a folder in the contest's layout, written whole and known again when it is met."""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL.Image import Image, Resampling

from kit.dataset.augmentation.changes import Change, words_of
from kit.dataset.filters import FilteredPictures, SourcePicture
from kit.dataset.listed import BACKUP
from kit.dataset.tables import COLUMNS, METADATA, pictures_in_table
from kit.errors import InputError
from kit.files.atomic_write import replaced_folder, write_atomic
from kit.files.encodings import canonical_json, guarded, sha256_bytes, sha256_of
from kit.files.folder_lock import LOCK, lock_folder
from kit.files.regular_files import read_file
from kit.images.contact_sheet import CELL, draw_contact_sheet, evenly_spaced
from kit.images.decode import DecodedPicture, decode_picture
from kit.images.strip_metadata import strip_metadata
from kit.messages import in_english, tr

TRAIN, DROPPED, RECORD, SHEET = "train", "dropped.csv", "dataset.json", "contact-sheet.png"
FORMAT = "storykit-dataset-1"
_OURS = re.compile(
    r"dropped\.csv|dataset\.json|contact-sheet\.png"
    r"|(train/)?\.[0-9a-f]{16}\.part|train/\.storykit\.lock"  # left by those who were killed
    r"|train(/(metadata\.csv|[0-9]{5,}(-[0-9]+-(mirror|crop|turn|colour))?\.(png|jpg)))?"
)


class DatasetEntry(NamedTuple):
    """A picture of a dataset, and what is made of it."""

    picture: SourcePicture
    caption: str
    changes: Sequence[Change]
    """One a copy."""


class _WrittenFile(NamedTuple):
    """A row of metadata.csv; the text is last, where a reader needs no quotes around its commas."""

    file_name: str
    source: str
    change: str
    text: str


def check_out_folder(out: Path, sources: Sequence[Path]) -> None:
    """Raise InputError unless a folder is new, empty or a prepared dataset, and apart from the sources."""
    here = out.resolve()
    for source in sources:
        there = source.resolve()
        if here.is_relative_to(there) or there.is_relative_to(here):
            problem = tr(
                "must lie apart from the source, got {source}; choose a folder outside it", source=source
            )
            raise InputError(str(out), [problem])
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(str(out), [tr("must be a folder")])
    if "captioned" in _record(out):
        problem = tr(
            "has captions that `storykit dataset caption` wrote, which would be lost: move the folder away, "
            "or give another --out"
        )
        raise InputError(str(out), [problem])
    if out.exists() and (others := _others(out)):
        raise InputError(str(out), [_told_of(others)])
    if (out / TRAIN).is_dir() and _record(out).get("sha256", "") not in ("", _sha256_of(out / TRAIN)):
        problem = tr(
            "has captions or pictures that were changed since it was prepared, which would be lost: move the "
            "folder away, or give another --out"
        )
        raise InputError(str(out), [problem])


def _told_of(others: Sequence[str]) -> str:
    """Return why a folder with such things in it is not written over."""
    if backups := [name for name in others if BACKUP.fullmatch(name.rpartition("/")[2])]:
        return tr("has {name} in it: move it away, it holds captions", name=backups[0])
    return tr("must be empty or a prepared dataset, got {name} in it; choose another folder", name=others[0])


def _others(out: Path) -> list[str]:
    """Return what in a folder is not of a prepared dataset."""
    paths = sorted([*(path for path in out.iterdir() if path.name != LOCK), *(out / TRAIN).glob("*")])
    names = [path.relative_to(out).as_posix() for path in paths]
    return [name for name in names if not _OURS.fullmatch(name)] if _record(out) else names


def _record(out: Path) -> dict[str, object]:
    """Return the record of a prepared dataset; empty for any other folder."""
    try:
        written = json.loads(read_file(out / RECORD))
    except (OSError, ValueError, RecursionError):
        return {}
    return written if isinstance(written, dict) and written.get("format") == FORMAT else {}


def write_prepared(
    out: Path,
    filtered: FilteredPictures,
    entries: Sequence[DatasetEntry],
    notes: Mapping[str, object],
    written: Callable[[], None],
) -> None:
    """Write a dataset so that `out` holds all of it or what it held before.

    Args:
        out: as `check_out_folder` lets pass.
        filtered: the pictures.
        entries: what is written of the kept pictures.
        notes: how it was made and what to mind, for the record.
        written: called behind each picture with its copies.

    Raises:
        InputError: somebody put something into `out` meanwhile that would be lost.
        RunError: the folder cannot be written.
    """
    drops = filtered.drops
    with lock_folder(out, "prepared"), replaced_folder(out) as folder:
        rows = list(_write_pictures(folder / TRAIN, entries, written))
        _write_csv(folder / TRAIN / METADATA, _table(rows))
        dropped = [guarded(in_english(filtered.found[number].name)) for number in drops]
        reasons = [guarded(in_english(drop.reason)) for drop in drops.values()]
        _write_csv(folder / DROPPED, {"file": dropped, "reason": reasons})
        sheet = _sheet(folder, [row.file_name for row in rows], [row.text for row in rows])
        (folder / SHEET).write_bytes(sheet)
        record = {
            "format": FORMAT,
            "sha256": _sha256_of(folder / TRAIN),
            "pictures": len(entries),
            "dropped": dict(sorted(Counter(drop.kind for drop in drops.values()).items())),
            **notes,
        }
        (folder / RECORD).write_bytes(_record_bytes(record))
        check_out_folder(out, [])  # again: preparing may take long, and meanwhile captions are mended


def pictures_of(folder: Path) -> Path:
    """Return where the pictures of a prepared dataset lie; of any other folder itself."""
    return folder / TRAIN if _record(folder) and (folder / TRAIN).is_dir() else folder


def dataset_of(pictures: Path) -> Path | None:
    """Return the prepared dataset whose pictures lie in a folder, None where it is of none."""
    train = pictures.resolve()
    return train.parent if train.name == TRAIN and _record(train.parent) else None


def note_captions(pictures: Path, notes: Mapping[str, object]) -> None:
    """Draw the contact sheet of a prepared dataset anew and note its new captions; nothing where it is none.

    Args:
        pictures: the folder of the pictures.
        notes: how the captions were made.
    """
    out = dataset_of(pictures)
    if out is None:
        return
    listed = pictures_in_table(out / TRAIN / METADATA)
    record = _record(out) | {"sha256": _sha256_of(out / TRAIN), "captioned": notes}
    if sheet := _sheet(out, [one.path.name for one in listed], [one.caption.text for one in listed]):
        write_atomic(out / SHEET, sheet)
    write_atomic(out / RECORD, _record_bytes(record))


def _sha256_of(train: Path) -> str:
    """Return the sha256 of a dataset: of its pictures and their table, whatever else is kept beside them."""
    beside = re.compile(rf"\..*|{BACKUP.pattern}")  # locks, what those who were killed left, backups
    paths = [path for path in sorted(train.iterdir()) if not beside.fullmatch(path.name)]
    return sha256_bytes(canonical_json({path.name: sha256_of(path) for path in paths}))


def _record_bytes(record: Mapping[str, object]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()


def _write_pictures(
    folder: Path, entries: Sequence[DatasetEntry], written: Callable[[], None]
) -> Iterator[_WrittenFile]:
    """Write each picture, its copies behind it, and yield a row for each file."""
    folder.mkdir()
    for number, entry in enumerate(entries, 1):
        decoded = decode_picture(entry.picture.found.path)
        suffix, data = strip_metadata(decoded)
        original = f"{number:05}{suffix}"
        (folder / original).write_bytes(data)
        yield _WrittenFile(original, "", "", entry.caption)
        for place, change in enumerate(entry.changes, 1):
            copy = DecodedPicture(picture=change.apply(decoded.picture), jpeg=None)
            suffix, data = strip_metadata(copy)
            name = f"{number:05}-{place}-{change.kind}{suffix}"
            (folder / name).write_bytes(data)
            yield _WrittenFile(name, original, words_of(change), entry.caption)
        written()


def _table(rows: Sequence[_WrittenFile]) -> dict[str, list[str]]:
    """Return the columns of metadata.csv; where there are no copies, those of the contest alone."""
    columns = {name: [getattr(row, name) for row in rows] for name in _WrittenFile._fields}
    return columns if any(columns["change"]) else {name: columns[name] for name in COLUMNS}


def _write_csv(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Write a table as the contest's own are: UTF-8 with a byte order mark, which Excel needs."""
    import pandas as pd

    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\r\n", encoding="utf-8-sig")


def _sheet(folder: Path, names: Sequence[str], captions: Sequence[str]) -> bytes:
    """Return a contact sheet of the pictures that can be opened; empty where none can."""
    pictures: dict[int, Image] = {}
    for number in evenly_spaced(len(names)):
        with suppress(InputError):
            pictures[number] = decode_picture(folder / TRAIN / names[number]).picture
            pictures[number].thumbnail((CELL, CELL), Resampling.LANCZOS)
    file = io.BytesIO()
    if pictures:
        texts = [names[n] for n in pictures], [captions[n] for n in pictures]
        draw_contact_sheet(pictures.values(), *texts).save(file, "PNG")
    return file.getvalue()
