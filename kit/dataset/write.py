"""A prepared dataset: a folder in the contest's layout, written whole and known again when it is met."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kit.dataset.filters import FilteredPictures, SourcePicture
from kit.dataset.tables import COLUMNS, METADATA
from kit.errors import InputError
from kit.files.atomic_write import replaced_folder
from kit.files.encodings import canonical_json, guarded, sha256_bytes, sha256_of
from kit.files.folder_lock import LOCK, lock_folder
from kit.images.contact_sheet import draw_contact_sheet, evenly_spaced
from kit.images.decode import decode_picture
from kit.images.strip_metadata import strip_metadata
from kit.messages import in_english, tr

TRAIN, DROPPED, RECORD, SHEET = "train", "dropped.csv", "dataset.json", "contact-sheet.png"
FORMAT = "storykit-dataset-1"
_OURS = re.compile(
    r"dropped\.csv|dataset\.json|contact-sheet\.png|train(/(metadata\.csv|[0-9]{5,}\.(png|jpg)))?"
)


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
    if out.exists() and (others := _others(out)):
        problem = tr(
            "must be empty or a prepared dataset, got {name} in it; choose another folder", name=others[0]
        )
        raise InputError(str(out), [problem])


def _others(out: Path) -> list[str]:
    """Return what in a folder is not of a prepared dataset."""
    paths = sorted([*(path for path in out.iterdir() if path.name != LOCK), *(out / TRAIN).glob("*")])
    names = [path.relative_to(out).as_posix() for path in paths]
    return [name for name in names if not _OURS.fullmatch(name)] if _is_prepared(out / RECORD) else names


def _is_prepared(record: Path) -> bool:
    try:
        written = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(written, dict) and written.get("format") == FORMAT


def write_prepared(
    out: Path,
    filtered: FilteredPictures,
    captions: Sequence[str],
    notes: Mapping[str, object],
    written: Callable[[], None],
) -> None:
    """Write a dataset so that `out` holds all of it or what it held before.

    Args:
        out: as `check_out_folder` lets pass.
        filtered: the pictures.
        captions: one a kept picture.
        notes: how it was made and what to mind, for the record.
        written: called behind each picture.
    """
    drops = filtered.drops
    with lock_folder(out, "prepared"), replaced_folder(out) as folder:
        names = _write_pictures(folder / TRAIN, filtered.kept, written)
        _write_csv(folder / TRAIN / METADATA, dict(zip(COLUMNS, (names, captions), strict=True)))
        dropped = [guarded(in_english(filtered.found[number].name)) for number in drops]
        reasons = [guarded(in_english(drop.reason)) for drop in drops.values()]
        _write_csv(folder / DROPPED, {"file": dropped, "reason": reasons})
        _write_sheet(folder, names, captions)
        files = {path.name: sha256_of(path) for path in sorted((folder / TRAIN).iterdir())}
        record = {
            "format": FORMAT,
            "sha256": sha256_bytes(canonical_json(files)),
            "pictures": len(captions),
            "dropped": dict(sorted(Counter(drop.kind for drop in drops.values()).items())),
            **notes,
        }
        text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        (folder / RECORD).write_text(text, encoding="utf-8")


def _write_pictures(
    folder: Path, pictures: Sequence[SourcePicture], written: Callable[[], None]
) -> list[str]:
    folder.mkdir()
    names = []
    for number, picture in enumerate(pictures, 1):
        suffix, data = strip_metadata(decode_picture(picture.found.path))
        names.append(f"{number:05}{suffix}")
        (folder / names[-1]).write_bytes(data)
        written()
    return names


def _write_csv(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Write a table as the contest's own are: UTF-8 with a byte order mark, which Excel needs."""
    import pandas as pd

    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\r\n", encoding="utf-8-sig")


def _write_sheet(folder: Path, names: Sequence[str], captions: Sequence[str]) -> None:
    shown = evenly_spaced(len(names))
    pictures = (decode_picture(folder / TRAIN / names[number]).picture for number in shown)
    sheet = draw_contact_sheet(pictures, [names[n] for n in shown], [captions[n] for n in shown])
    sheet.save(folder / SHEET, "PNG")
