"""The zip of a bundle: written so that its bytes follow from its content, read so that it can do no harm."""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError
from submissions.faults import Fault

MAX_ENTRIES = 64
"""A bundle has about 20 files."""
MAX_DIRECTORY_BYTES = MAX_ENTRIES * 1024
"""The zip's list of entries, read before anything else is trusted."""
MAX_LORA_BYTES = 480 << 20
"""A LoRA of Kolors at rank 64 in fp32 has 355 MiB, at rank 128 in fp16 as well."""
MAX_PICTURE_BYTES = 32 << 20
"""A picture of 1024 x 1024 has 1 to 3 MiB."""
MAX_TEXT_BYTES = 1 << 20
"""Every other file is text of a few KiB; a comparison has tens."""
MAX_TEXTS_BYTES = 3 << 20
"""All texts together: each is searched for secrets."""
MAX_SLACK_BYTES = 64
"""What other tools add to an entry: extra fields, a descriptor."""
MAX_RATIO = {".safetensors": 3, ".ckpt": 3}
"""How many times smaller than its content an entry may be; beyond that it is a bomb."""
MAX_TEXT_RATIO = 100
MAX_BUNDLE_BYTES = 2 * MAX_LORA_BYTES + (256 << 20)
"""All files together, unpacked: the LoRA in two forms, pictures and texts."""
FREE_BYTES = 64 << 20
"""What any zip may unpack to; beyond that it must be large itself, by a third."""

_LIMITS = {".safetensors": MAX_LORA_BYTES, ".ckpt": MAX_LORA_BYTES, ".png": MAX_PICTURE_BYTES}
_LOCAL_BYTES = 30
"""What stands in front of an entry beside its name."""
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_ZIP64_MARK = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9-][A-Za-z0-9._-]{0,199}){0,3}")
_ZIP_TROUBLE = (
    zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError, ArithmeticError,
    LookupError, OSError,
)  # fmt: skip
"""What Python's zipfile raises on damaged or hostile input."""


class ZipContents(NamedTuple):
    """What could be read of a bundle."""

    files: Mapping[str, bytes]
    """File name to bytes; a file with a fault is left out."""
    faults: tuple[Fault, ...]


def size_limit(name: str) -> int:
    """Return how many bytes a file of this name may have."""
    return _LIMITS.get(Path(name).suffix, MAX_TEXT_BYTES)


def _is_text(name: str) -> bool:
    """Return whether a file of this name is read as text."""
    return Path(name).suffix not in _LIMITS


def read_zip(path: Path) -> ZipContents:
    """Return the files of a zip with every fault of its form; nothing is written to disk.

    Sizes, names and kinds are checked on the list of entries, before any entry is unpacked.

    Raises:
        BundleError: there is no such file, or it cannot be read at all.
    """
    if not path.is_file():
        raise BundleError(f"a bundle must be a zip file, there is none at {path.name or path}")
    try:
        if damage := tuple(_end_faults(path)):
            return ZipContents({}, damage)
        with zipfile.ZipFile(path) as archive:
            return _read_entries(archive)
    except PermissionError as error:
        raise BundleError(f"{path.name} cannot be read: {error.strerror}") from error
    except _ZIP_TROUBLE as error:
        return ZipContents({}, (_bundle_fault(f"is damaged or not a zip: {error}"),))


def size_faults(files: Mapping[str, bytes]) -> Iterator[Fault]:
    """Yield what of a bundle's files is too large to be read again."""
    for name, data in files.items():
        if len(data) > size_limit(name):
            yield Fault(name, f"has {len(data)} bytes, {size_limit(name)} are the most")
    told = sum(len(data) for name, data in files.items() if _is_text(name))
    if told > MAX_TEXTS_BYTES:
        yield _bundle_fault(f"holds {told} bytes of texts, {MAX_TEXTS_BYTES} are the most")


def _bundle_fault(problem: str, mend: str = "") -> Fault:
    """Return a fault of the zip as a whole."""
    return Fault("bundle", problem, mend)


def _end_faults(path: Path) -> Iterator[Fault]:
    """Yield what is wrong with the zip's end record, which says how long the list of entries is."""
    size = path.stat().st_size
    if size > MAX_BUNDLE_BYTES + MAX_DIRECTORY_BYTES:
        yield _bundle_fault(f"has {size} bytes, {MAX_BUNDLE_BYTES} are the most")
        return
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_BYTES))
        tail = file.read()
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(_END_MARK):
        yield _bundle_fault("is damaged or not a zip: it does not end with a zip's end record", "pack again")
        return
    _, _, _, _, entries, directory, start, comment = _END.unpack(end)
    if tail[: -_END.size].startswith(_ZIP64_MARK):
        yield _bundle_fault("is a zip64, which no bundle needs")
    if comment:
        yield _bundle_fault("is damaged: its end record promises a comment that is not there")
    if entries > MAX_ENTRIES or directory > MAX_DIRECTORY_BYTES:
        yield _bundle_fault(f"lists {entries} entries in {directory} bytes, {MAX_ENTRIES} are the most")
    elif start + directory + _END.size != size:
        yield _bundle_fault("holds bytes before its first file or behind its list of files")


def _read_entries(archive: zipfile.ZipFile) -> ZipContents:
    """Return the sound entries' bytes and the faults of the others."""
    entries = [entry for entry in archive.infolist() if not _is_plain_folder(entry)]
    if problem := _total_problem(entries, archive.start_dir):
        return ZipContents({}, (_bundle_fault(problem),))
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    seen: set[str] = set()
    for entry in entries:
        wrong = _entry_faults(entry, seen)
        seen.add(entry.filename.casefold())
        faults += wrong
        if wrong:
            continue
        try:
            files[entry.filename] = archive.read(entry)
        except _ZIP_TROUBLE as error:
            faults.append(Fault(entry.filename, f"is damaged: {error}", "pack again"))
    return ZipContents(files, tuple(faults))


def _total_problem(entries: Sequence[zipfile.ZipInfo], end: int) -> str:
    """Return why none of the entries must be unpacked; empty when nothing speaks against it."""
    total = sum(entry.file_size for entry in entries)
    most = min(MAX_BUNDLE_BYTES, FREE_BYTES + 3 * sum(entry.compress_size for entry in entries))
    if len(entries) > MAX_ENTRIES or total > most:
        return (
            f"unpacks to {len(entries)} files of {total} bytes"
            f", {MAX_ENTRIES} files of {most} bytes are the most for a zip of its size"
        )
    told = sum(entry.file_size for entry in entries if _is_text(entry.filename))
    if told > MAX_TEXTS_BYTES:
        return f"holds {told} bytes of texts, {MAX_TEXTS_BYTES} are the most"
    used = (_LOCAL_BYTES + len(entry.orig_filename.encode()) + entry.compress_size for entry in entries)
    if end - sum(used) > MAX_ENTRIES * MAX_SLACK_BYTES:
        return "holds bytes that belong to no file"
    return ""


def _is_plain_folder(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry only names a folder, as other zip tools add them."""
    return entry.is_dir() and not entry.file_size and _NAME.fullmatch(entry.orig_filename[:-1]) is not None


def _entry_faults(entry: zipfile.ZipInfo, seen: set[str]) -> list[Fault]:
    """Return why an entry must not be unpacked."""
    mode = entry.external_attr >> 16
    limit = size_limit(entry.filename)
    ratio = MAX_RATIO.get(Path(entry.filename).suffix, MAX_TEXT_RATIO)
    problems = {
        "is encrypted": bool(entry.flag_bits & 0x1),
        "is a link or another special file": bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode),
        "is packed in a way other than stored or deflated": entry.compress_type
        not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
        f"unpacks to {entry.file_size} bytes, {limit} are the most": entry.file_size > limit,
        f"is a zip bomb: {entry.compress_size} bytes unpack to {entry.file_size}": entry.file_size
        > ratio * (entry.compress_size + 1),
        "is there twice": entry.filename.casefold() in seen,
    }
    found = [problem for problem, holds in problems.items() if holds] + _name_problems(entry.orig_filename)
    return [Fault(entry.orig_filename[:100], problem) for problem in found]


def _name_problems(name: str) -> list[str]:
    """Return why a name must not be unpacked."""
    if _NAME.fullmatch(name) and ".." not in name:
        return []
    parts = re.split(r"[/\\]", name)
    if ".." in parts:
        return ["leads out of the bundle"]
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return ["has an absolute name"]
    return ["has a name other than letters, digits, dots, dashes and slashes"]
