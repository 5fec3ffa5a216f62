"""The pictures of a folder: those that its table lists, else every one with the caption beside it."""

from pathlib import Path

from kit.dataset.captions import CAPTION_SUFFIXES, CaptionFiles
from kit.dataset.listed import Caption, FoundPicture, files_of, name_in, resolve_listed
from kit.dataset.tables import SUFFIXES, pictures_in_table, table_of
from kit.files.file_kinds import kind_of_name, refusal_of
from kit.messages import tr

_OTHER_TABLES = (".xlsx", ".xls", ".ods", ".numbers", ".tsv", ".parquet", ".json", ".txt")


def find_pictures(folder: Path) -> list[FoundPicture]:
    """Return the pictures of a folder: those that its table lists, else every one with the caption beside it.

    Raises InputError when the folder or its table cannot be read as a whole.
    """
    table = table_of(folder)
    return _in_table(table) if table else _with_captions(folder)


def _in_table(table: Path) -> list[FoundPicture]:
    """Return the pictures of a table, and those beside it that it does not list, as faults."""
    found, folder = pictures_in_table(table), table.parent
    known = {_resolved(one.path) for one in found}
    rest = (path for path in files_of(folder) if path != table and _resolved(path) not in known)
    return found + [
        FoundPicture(
            name=name_in(folder, path),
            path=path,
            sample=number,
            fault=tr("is not listed in {table}", table=table.name),
        )
        for number, path in enumerate(rest, len(found))
    ]


def _with_captions(folder: Path) -> list[FoundPicture]:
    files = list(files_of(folder))
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    unopened = [path for path in files if "picture" in kind_of_name(path)]
    captions = CaptionFiles(folder, files, [*pictures, *unopened])
    tables = [path for path in files if _is_other_table(path) and not captions.used]
    unread = [
        Caption(
            "", tr("has no caption: {place} {fault}", place=path.name, fault=_stray(path, kind_of_name(path)))
        )
        for path in tables[:1]
    ]
    shown, found = set(pictures), list[FoundPicture]()
    for path in (path for path in files if path not in captions.used):
        name, number = name_in(folder, path), len(found)
        if path in shown:
            _, fault = resolve_listed(folder, str(path.relative_to(folder)))
            caption = unread[0] if unread else captions.of(path)
            one = FoundPicture(name=name, path=path, sample=number, caption=caption, fault=fault)
        else:
            kind = kind_of_name(path)
            one = FoundPicture(
                name=name,
                path=path,
                sample=number,
                fault=_stray(path, kind),
                is_picture=False,
                unopened=kind if "picture" in kind else "",
            )
        found.append(one)
    return found


def _stray(path: Path, kind: str) -> str:
    """Return why a file that is not called a picture is none."""
    suffix = path.suffix.lower()
    if _is_other_table(path):
        return tr("is a table that is not read here: save it as metadata.csv (CSV UTF-8)")
    if suffix in CAPTION_SUFFIXES:
        return tr("is a caption without a picture")
    return refusal_of(kind, "picture") if kind else tr("is not called a picture")


def _is_other_table(path: Path) -> bool:
    return path.stem.lower() == "metadata" and path.suffix.lower() in _OTHER_TABLES


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path
