"""The list of files in a foreign zip: read before any file is, and judged by names, kinds and sizes."""

import re
import stat
import struct
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kit.experiment.candidates.candidate import EMBEDDINGS
from kit.experiment.steps import FINISHERS
from kit.finishing.kept_networks import MOST_KEPT_BYTES
from kit.messages import tr
from submissions.faults import Fault

MAX_ENTRIES = 192
"""A bundle has about 20 files, a mask for each of the 16 steps of eight panels at most, and few networks."""
MAX_LORA_BYTES = 480 << 20
"""A LoRA of Kolors at rank 64 in fp32 has 355 MiB, at rank 128 in fp16 as well. One is held in memory."""
MAX_PICTURE_BYTES = 32 << 20
"""A picture of 1024 x 1024 has 1 to 3 MiB."""
MAX_PICTURES_BYTES = 128 << 20
"""All pictures together: 40 million pixels that cannot be compressed have 120 MiB."""
MAX_TEXT_BYTES = 1 << 20
"""Every other file is text of a few KiB; a comparison has tens."""
MAX_TEXTS_BYTES = 2 << 20
"""All texts together: each is searched for secrets, which takes up to half a second of CPU a mebibyte."""
MAX_NETWORKS_BYTES = MOST_KEPT_BYTES
"""All networks together that panels were finished with. They are held in memory, too."""
MAX_BUNDLE_BYTES = 2 * MAX_LORA_BYTES + MAX_NETWORKS_BYTES + (256 << 20)
"""All files together: the LoRA in two forms, networks, pictures and texts."""

_LIMITS = {".safetensors": MAX_LORA_BYTES, ".ckpt": MAX_LORA_BYTES, ".png": MAX_PICTURE_BYTES}
_LINE = struct.Struct("<4s6H3L5H2L")
_LINE_MARK = b"PK\x01\x02"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9-][A-Za-z0-9._-]{0,199}){0,3}")
_MAC = re.compile(r"__MACOSX/.*|(?:.*/)?\.DS_Store", re.DOTALL)


class Listed(NamedTuple):
    """A line of the zip's list of files."""

    name: str
    flags: int
    method: int
    crc: int
    size_bytes: int
    """Of the file itself; how much of the zip it takes is not believed, nothing compressed is read."""
    mode: int
    start: int

    @property
    def is_stored(self) -> bool:
        """Return whether it is not compressed."""
        return self.method == _STORED

    @property
    def is_mac_stray(self) -> bool:
        """Return whether Finder put it there beside what it was given."""
        return _MAC.fullmatch(self.name) is not None

    @property
    def is_plain_folder(self) -> bool:
        """Return whether it only names a folder, as other zip tools add them."""
        return self.name.endswith("/") and not self.size_bytes and _NAME.fullmatch(self.name[:-1]) is not None


def read_list(directory: bytes) -> list[Listed] | None:
    """Return the lines of a zip's list of files; None where it is broken or too long."""
    place, found = 0, list[Listed]()
    while place < len(directory):
        if len(directory) - place < _LINE.size or len(found) > MAX_ENTRIES:
            return None
        line = _LINE.unpack_from(directory, place)
        mark, _, _, flags, method, _, _, crc, _, size, name, extra, comment, _, _, mode, start = line
        place += _LINE.size
        told = directory[place : place + name].decode("utf-8", "backslashreplace")
        place += name + extra + comment
        if mark != _LINE_MARK or place > len(directory):
            return None
        found.append(Listed(told, flags, method, crc, size, mode >> 16, start))
    return found


def judge(listed: Sequence[Listed]) -> tuple[list[Listed], list[Fault]]:
    """Return the files that may be read, and what is wrong with the others.

    What is compressed, a folder, or Finder's is neither: the zip as a whole is at fault then.
    """
    readable, faults, seen = [], [], set[str]()
    for one in listed:
        if one.is_mac_stray or one.is_plain_folder:
            continue
        wrong = _problems(one, seen)
        seen.add(one.name.casefold())
        faults += [Fault(one.name[:100], problem) for problem in wrong]
        if not wrong and one.is_stored:
            readable.append(one)
    return readable, faults


def size_limit(name: str) -> int:
    """Return how many bytes a file of this name may have; an embedding has no more than a text."""
    if name.startswith(f"{EMBEDDINGS}/"):
        return MAX_TEXT_BYTES
    return _LIMITS.get(Path(name).suffix, MAX_TEXT_BYTES)


def is_weights(name: str) -> bool:
    """Return whether a file of this name holds a LoRA, or a network that finishes pictures."""
    return size_limit(name) == MAX_LORA_BYTES


def sum_problem(sizes: Mapping[str, int]) -> str:
    """Return which kind of files is too large taken together; empty when none is."""
    finishing = sum(size for name, size in sizes.items() if name.startswith(f"{FINISHERS}/"))
    told = sum(size for name, size in sizes.items() if size_limit(name) == MAX_TEXT_BYTES)
    shown = sum(size for name, size in sizes.items() if size_limit(name) == MAX_PICTURE_BYTES)
    if told > MAX_TEXTS_BYTES:
        return tr(
            "holds {size} bytes of texts, {most} are the most",
            size=told,
            most=MAX_TEXTS_BYTES,
        )
    if shown > MAX_PICTURES_BYTES:
        return tr(
            "holds {size} bytes of pictures, {most} are the most",
            size=shown,
            most=MAX_PICTURES_BYTES,
        )
    return networks_problem(finishing)


def networks_problem(size: int) -> str:
    """Return why networks have too many bytes, taken together; empty where they do not."""
    if size <= MAX_NETWORKS_BYTES:
        return ""
    told = {"size": size >> 20, "most": MAX_NETWORKS_BYTES >> 20}
    return tr("holds {size} MiB of networks that finish pictures, {most} are the most", **told)


def _problems(one: Listed, seen: Collection[str]) -> list[str]:
    """Return why a file must not be read."""
    limit = size_limit(one.name)
    problems = {
        tr("is encrypted"): bool(one.flags & _ENCRYPTED),
        tr("is a link or another special file"): bool(stat.S_IFMT(one.mode)) and not stat.S_ISREG(one.mode),
        tr("is packed in a way other than stored or deflated"): one.method not in (_STORED, _DEFLATED),
        tr("unpacks to {size} bytes, {most} are the most", size=one.size_bytes, most=limit): (
            one.size_bytes > limit
        ),
        tr("is there twice"): one.name.casefold() in seen,
    }
    return [problem for problem, holds in problems.items() if holds] + _name_problems(one.name)


def _name_problems(name: str) -> list[str]:
    """Return why a name must not be read."""
    if _NAME.fullmatch(name) and ".." not in name:
        return []
    parts = re.split(r"[/\\]", name)
    if ".." in parts:
        return [tr("leads out of the bundle")]
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return [tr("has an absolute name")]
    return [tr("has a name other than letters, digits, dots, dashes and slashes")]
