"""What a file is by its first bytes, for people who were handed something else than they think."""

from pathlib import Path

HEAD_BYTES = 512
"""Enough of a file to tell what it is."""
_AGAIN = "download the LoRA file itself again"
_UNPACK = "unpack it and give the .safetensors file in it"
_POINTER = "a Git LFS pointer, not the file: fetch it with `git lfs pull`, or download it again"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", _POINTER),
    (b"version https://hawser", _POINTER),
    (b"Rar!", f"a RAR archive: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive: {_UNPACK}"),
    (b"\x1f\x8b", f"a gzip archive: {_UNPACK}"),
    (b"BZh", f"a bzip2 archive: {_UNPACK}"),
    (b"\xfd7zXZ", f"an xz archive: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"a zstd archive: {_UNPACK}"),
    (b"\x89PNG", f"a PNG picture: {_AGAIN}"),
    (b"\xff\xd8\xff", f"a JPEG picture: {_AGAIN}"),
    (b"GIF8", f"a GIF picture: {_AGAIN}"),
    (b"RIFF", f"a WebP picture or a video: {_AGAIN}"),
    (b"\x00\x00\x00\x1cftyp", f"a video: {_AGAIN}"),
    (b"\x00\x00\x00\x20ftyp", f"a video: {_AGAIN}"),
    (b"%PDF", f"a PDF: {_AGAIN}"),
    (b"GGUF", "a GGUF model: give the LoRA as .safetensors"),
    (b"\x89HDF", "an HDF5 file: give the LoRA as .safetensors"),
    (b"\x93NUMPY", "a NumPy file: give the LoRA as .safetensors"),
)  # fmt: skip
"""How files of other kinds begin, and what to say."""
PARTIAL = frozenset(
    {".part", ".crdownload", ".download", ".partial", ".aria2", ".tmp", ".!ut", ".opdownload"}
)
"""Endings that programs give a file while they download it."""
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f")


def foreign_kind(head: bytes) -> str:
    """Return what a file is that begins like this and what to do; empty when it may hold tensors.

    >>> foreign_kind(b"<!DOCTYPE html>")
    'a web page, not the file: log in where you found it and download the file again'
    """
    if not head:
        return f"an empty file: {_AGAIN}"
    if not head.strip(b"\x00"):
        return f"a file of zeros, as a broken download leaves it: {_AGAIN}"
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"<":
        return "a web page, not the file: log in where you found it and download the file again"
    if start[:1] in (b"{", b"["):
        return f"a JSON text, perhaps a site's answer: {_AGAIN}"
    if not _CONTROL.intersection(head):
        return f"a text: {_AGAIN}"
    return ""


def is_partial(path: Path) -> bool:
    """Return whether a file is named as a download that has not ended.

    >>> is_partial(Path("a.safetensors.crdownload"))
    True
    """
    return path.suffix.lower() in PARTIAL
