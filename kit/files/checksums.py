"""A checksum cache: the sha256 of a folder's files, noted in it, so that gigabytes are hashed once."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from kit.errors import RunError, WeightsError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_of
from kit.files.regular_files import read_file
from kit.messages import joined, tr

RECORD = "storykit.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileStamp:
    """A file when it was hashed."""

    sha256: str
    size: int
    mtime_ns: int


Record = TypeAdapter(dict[str, FileStamp])


def checked_sha256(
    folder: Path, files: Sequence[str], remedy: str, *, replaced: bool = False, record: Path | None = None
) -> dict[str, str]:
    """Return the sha256 of each file; only files that are new or touched since the last call are read.

    Args:
        folder: where they are.
        files: relative to the folder.
        remedy: what the user can do when a file is missing or damaged.
        replaced: whether the files were just fetched, so that the record knows others of their names.
        record: where the record is kept; by default in the folder.

    Raises:
        WeightsError: naming all missing files, or the first whose content is no longer what was recorded.
    """
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise WeightsError(
            tr(
                "{folder} lacks {missing}; {remedy}",
                folder=folder,
                missing=joined(missing, tr(", ")),
                remedy=remedy,
            )
        )
    record = record or folder / RECORD
    before = {} if replaced else read_record(record)
    now = {file: _stamp(folder, file, before.get(file)) for file in files}
    for file, stamp in now.items():
        if file in before and stamp.sha256 != before[file].sha256:
            raise WeightsError(
                tr(
                    "{file} is damaged: its content is not what was recorded; {remedy}; "
                    "if you changed it yourself, delete {record}",
                    file=folder / file,
                    remedy=remedy,
                    record=record,
                )
            )
    if now != before:
        with suppress(RunError):  # in someone else's folder: hashed again next time
            write_atomic(record, Record.dump_json(read_record(record) | now, indent=1))
    return {file: stamp.sha256 for file, stamp in now.items()}


def noted_sha256(paths: Sequence[Path], record: Path) -> list[str]:
    """Return the sha256 of files that are the user's own to change; only what was touched since is read.

    Args:
        paths: whole or from the working folder.
        record: where all such files are noted, by their whole paths.

    Raises:
        RunError: one of them cannot be read.
    """
    before = read_record(record)
    now = {
        str(path): _stamp(path.parent, path.name, before.get(str(path))) for path in map(Path.absolute, paths)
    }
    if any(before.get(path) != stamp for path, stamp in now.items()):
        with suppress(RunError):  # hashed again next time
            write_atomic(record, Record.dump_json(read_record(record) | now, indent=1))
    return [stamp.sha256 for stamp in now.values()]


def read_record(record: Path) -> dict[str, FileStamp]:
    """Return what is noted of a folder's files; nothing where there is no record that can be read."""
    try:
        return Record.validate_json(read_file(record))
    except (OSError, ValidationError):
        return {}


def _stamp(folder: Path, file: str, before: FileStamp | None) -> FileStamp:
    stat = (folder / file).stat()
    if before is not None and (before.size, before.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        return before
    return FileStamp(sha256=sha256_of(folder / file), size=stat.st_size, mtime_ns=stat.st_mtime_ns)
