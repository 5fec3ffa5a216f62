"""The zip of a bundle: read so that it can do no harm, and held against the one form that storykit writes.

Nothing in it is compressed, so nothing unpacks to more than it takes. Its list of files and what stands
before each file are compared, byte for byte, with what storykit writes of files of these names, sizes and
checksums: there is no room for a comment, a gap, an extra field or a second stream.

Bounds: each byte is read once. Texts, pictures, one LoRA and networks that finish pictures are held, 2, 128,
480 and 480 MiB at most; the LoRA's other forms pass by in pieces of 1 MiB.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from kit.errors import BundleError
from kit.files.encodings import ZipEntry, zip_end
from kit.files.regular_files import open_file
from kit.files.text.library_words import reason_of
from kit.files.user_paths import missing_file
from kit.messages import mark, tr
from submissions.faults import Fault
from submissions.untrusted.zip_list import (
    MAX_BUNDLE_BYTES,
    MAX_ENTRIES,
    Listed,
    is_weights,
    judge,
    read_list,
    sum_problem,
)

MAX_DIRECTORY_BYTES = MAX_ENTRIES * 1024
"""The zip's list of entries, read before anything else is trusted."""

T = TypeVar("T")
Keep = Callable[[Mapping[str, bytes]], Collection[str]]
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_ZIP64_MARK = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_AT_ONCE = 1 << 20
"""Bytes that are read at a time of a file that is not kept."""
_HAND_IN = mark("hand in the zip that `storykit pack` wrote")


class FileDigest(NamedTuple):
    """What is known of a file that was read once."""

    sha256: str
    size_bytes: int


class ZipContents(NamedTuple):
    """What could be read of a bundle, in the order of the zip; a file with a fault is left out."""

    files: Mapping[str, bytes]
    """File name to bytes."""
    faults: tuple[Fault, ...]
    digests: Mapping[str, FileDigest] = {}
    """Of every file that was read, also of those that were not kept."""


def read_zip(path: Path, keep: Keep | None = None) -> ZipContents:
    """Return the files of a zip with every fault of its form; nothing is written to disk.

    Args:
        path: The zip.
        keep: Told the pictures and texts, says which weights are kept in memory; of the others the digest is
            taken as they pass by. By default all are kept.

    Raises:
        BundleError: there is no such file, or it cannot be read at all.
    """
    if not path.is_file():
        told = tr("is no file") if path.exists() else missing_file(path)
        raise BundleError(
            tr("{file}: {problem}, must be the zip of a bundle", file=path.name or path, problem=told)
        )
    try:
        with open_file(path) as file:
            return _read(file, keep)
    except OSError as error:
        raise BundleError(
            tr("{file} cannot be read: {reason}", file=path.name, reason=reason_of(error))
        ) from error


def _read(file: BinaryIO, keep: Keep | None) -> ZipContents:
    """Return what an open zip holds."""
    size = os.fstat(file.fileno()).st_size
    end, damage = _read_end(file, size)
    if damage:
        return ZipContents({}, damage)
    listed = read_list(end[: -_END.size])
    if listed is None:
        return ZipContents({}, (_bundle_fault(tr("is damaged: its list of files is broken"), tr(_HAND_IN)),))
    readable, faults = judge(listed)
    if problem := _total_problem(listed, size):
        return ZipContents({}, (_bundle_fault(problem),))
    files, digests, spoilt = _read_entries(file, readable, keep)
    faults += spoilt
    strange = len(digests) + len(spoilt) < len(listed)
    if strange or not _is_ours(end, listed, size):
        faults.append(_form_fault(listed))
    return ZipContents(files, tuple(faults), digests)


def _read_end(file: BinaryIO, size: int) -> tuple[bytes, tuple[Fault, ...]]:
    """Return the list of files with the end record behind it, or what is wrong with them."""
    if size > MAX_BUNDLE_BYTES + MAX_DIRECTORY_BYTES:
        return b"", (
            _bundle_fault(
                tr(
                    "has {size} bytes, {most} are the most",
                    size=size,
                    most=MAX_BUNDLE_BYTES,
                )
            ),
        )
    file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_BYTES))
    tail = file.read(_END.size + _ZIP64_LOCATOR_BYTES)
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(_END_MARK):
        problem = tr("is damaged or not a zip: it does not end with a zip's end record")
        return b"", (_bundle_fault(problem, tr("pack again")),)
    _, _, _, _, entries, directory, start, comment = _END.unpack(end)
    problems = {
        tr("is a zip64, which no bundle needs"): tail[: -_END.size].startswith(_ZIP64_MARK),
        tr("is damaged: its end record promises a comment that is not there"): bool(comment),
        tr(
            "lists {entries} entries in {size} bytes, {most} are the most",
            entries=entries,
            size=directory,
            most=MAX_ENTRIES,
        ): (entries > MAX_ENTRIES or directory > MAX_DIRECTORY_BYTES),
        tr("holds bytes before its first file or behind its list of files"): (
            start + directory + _END.size != size
        ),
    }
    if faults := tuple(_bundle_fault(problem) for problem, holds in problems.items() if holds):
        return b"", faults
    file.seek(start)
    return file.read(directory + _END.size), ()


def _total_problem(entries: Sequence[Listed], size: int) -> str:
    """Return why none of the entries must be read; empty when nothing speaks against it."""
    stored = {one.name: one.size_bytes for one in entries if one.is_stored}
    total = sum(stored.values())
    if total > size:
        return tr(
            "unpacks to {number} files of {size} bytes, {most} files of {most_size} bytes are the most "
            "for a zip of its size",
            number=len(entries),
            size=total,
            most=MAX_ENTRIES,
            most_size=size,
        )
    return sum_problem(stored)


def _read_entries(
    file: BinaryIO, entries: Sequence[Listed], keep: Keep | None
) -> tuple[dict[str, bytes], dict[str, FileDigest], list[Fault]]:
    """Return the files to be kept, the digests of all, in their order, and what is wrong with others."""
    files: dict[str, bytes] = {}
    digests: dict[str, FileDigest] = {}
    faults: list[Fault] = []
    weights = [one for one in entries if is_weights(one.name)]
    for one in [one for one in entries if one not in weights] + weights:
        if one in weights[:1]:
            kept = keep(files) if keep else [each.name for each in weights]
        data, digest, problem = _read_entry(file, one, one not in weights or one.name in kept)
        if digest is None:
            faults += [Fault(one.name, problem, tr(_HAND_IN))] if problem else []
            continue
        digests[one.name] = digest
        if data is not None:
            files[one.name] = data
    order = [one.name for one in entries]
    return _in_order(files, order), _in_order(digests, order), faults


def _read_entry(file: BinaryIO, one: Listed, whole: bool) -> tuple[bytes | None, FileDigest | None, str]:
    """Return an entry's bytes if they are wanted whole, and its digest; or what is wrong with its bytes."""
    head = ZipEntry(one.name, one.size_bytes, one.crc).head
    file.seek(one.start)
    if file.read(len(head)) != head:
        return None, None, ""
    pieces, left, crc, sha256 = [], one.size_bytes, 0, hashlib.sha256()
    while left and (piece := file.read(left if whole else min(left, _AT_ONCE))):
        left -= len(piece)
        crc = zlib.crc32(piece, crc)
        sha256.update(piece)
        if whole:
            pieces.append(piece)
    if left or crc != one.crc:
        return None, None, tr("is damaged: the zip's checksum is of other bytes")
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return data if whole else None, FileDigest(sha256.hexdigest(), one.size_bytes), ""


def _is_ours(end: bytes, listed: Sequence[Listed], size: int) -> bool:
    """Return whether a zip's list of files is the one that storykit writes of these files in this order."""
    if sum(one.size_bytes for one in listed) > size:
        return False
    return end == zip_end([ZipEntry(one.name, one.size_bytes, one.crc) for one in listed])


def _form_fault(listed: Sequence[Listed]) -> Fault:
    """Return the fault of a zip that is not, to the last byte, what storykit writes of its files."""
    if strays := [one.name for one in listed if one.is_mac_stray]:
        told = mark("was packed anew on a Mac, which left files of its own in it: {first}")
        if strays[1:]:
            told = mark(
                "was packed anew on a Mac, which left files of its own in it: {first} and {more} more"
            )
        return _bundle_fault(tr(told, first=strays[0][:100], more=len(strays) - 1), tr(_HAND_IN))
    problem = tr("is not as storykit wrote it: another program packed it anew, or something is hidden in it")
    return _bundle_fault(problem, tr(_HAND_IN))


def _in_order(found: Mapping[str, T], order: Sequence[str]) -> dict[str, T]:
    return {name: found[name] for name in order if name in found}


def _bundle_fault(problem: str, mend: str = "") -> Fault:
    """Return a fault of the zip as a whole."""
    return Fault("bundle", problem, mend)
