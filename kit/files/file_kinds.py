"""What a file is by its first bytes or its name's end, and what to do where another kind was wanted."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal

HEAD_BYTES = 512
"""Enough of a file to tell what it is."""
Wanted = Literal["picture", "LoRA", "text"]
"""What a file should be."""
POINTER = "a Git LFS pointer"
PAGE = "a web page"
NOTE = "a Mac's note about another file"
SVG = "an SVG picture"
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"II+\0": "a TIFF picture",
    b"MM\0+": "a TIFF picture",
    b"%!PS": "an EPS picture",
    b"\xc5\xd0\xd3\xc6": "an EPS picture",
    b"8BPS": "a Photoshop picture (PSD)",
    b"\0\0\0\x0cjP  \r\n": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\0\0\0\x0cJXL \r\n": "a JPEG XL picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"gimp xcf": "a GIMP picture (XCF)",
    b"DDS \x7c\0\0\0": "a DDS picture",
    b"qoif\0": "a QOI picture",
    b"\0\0\1\0": "an ICO picture",
    b"\0\5\x16\7": NOTE,
    b"PK\3\4": "a zip archive",
    b"Rar!\x1a": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"version https://git-lfs": POINTER,
    b"version https://hawser": POINTER,
    b"%PDF": "a PDF",
    b"{\\rtf": "an RTF document",
    b"\xd0\xcf\x11\xe0": "an old Office document (.doc, .xls)",
    b"SQLite format 3": "a database",
    b"GGUF": "a GGUF model",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
}
"""How files begin."""
_BRANDS: Mapping[bytes, str] = {
    **dict.fromkeys((b"avif", b"avis"), "an AVIF picture"),
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"hevc"), "a HEIC picture"),
}
"""What stands behind `ftyp` in the pictures of phones; other files that have it are films."""
_SUFFIXES: Mapping[str, str] = {
    **dict.fromkeys((".heic", ".heif"), "a HEIC picture"),
    **dict.fromkeys((".jp2", ".j2k", ".jpf"), "a JPEG 2000 picture"),
    **dict.fromkeys((".eps", ".ps", ".ai"), "an EPS picture"),
    **dict.fromkeys(
        (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), "a camera's raw picture"
    ),
    ".avif": "an AVIF picture",
    ".jxl": "a JPEG XL picture",
    ".psd": "a Photoshop picture (PSD)",
    ".xcf": "a GIMP picture (XCF)",
    ".svg": SVG,
    ".pdf": "a PDF",
    ".tga": "a TGA picture",
    ".ico": "an ICO picture",
    ".exr": "an OpenEXR picture",
    ".zip": "a zip archive",
    ".rar": "a RAR archive",
    ".7z": "a 7z archive",
}
"""How files that people keep beside pictures are called."""
_PARTIAL = (".part", ".crdownload", ".download", ".partial", ".aria2", ".tmp", ".!ut", ".opdownload")
"""Endings that programs give a file while they download it."""
_READ = ("PNG", "JPEG", "GIF", "TIFF")
"""Formats of pictures that are opened here and told by _BEGINNINGS, as Pillow calls them."""
_MENDS: Mapping[Wanted, str] = {
    "picture": "save it as PNG or JPEG",
    "LoRA": "download the LoRA file itself again",
    "text": "copy the words into a plain text file",
}
_UNPACK: Mapping[Wanted, str] = {
    "picture": "take out the pictures",
    "LoRA": "unpack it and give the .safetensors file in it",
    "text": "if it is Word's, copy the words into a plain text file; if it is Excel's, save it as CSV UTF-8",
}
_OTHER_MENDS: Mapping[str, str] = {
    POINTER: "fetch the file itself with `git lfs pull`, or download it again",
    PAGE: "log in where you found it and download the file itself",
    NOTE: "leave it out",
    **dict.fromkeys(("a GGUF model", "an HDF5 file", "a NumPy file"), "give it as .safetensors"),
}
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f")


def kind_of(head: bytes) -> str:
    """Return what a file is by its first HEAD_BYTES, in words; empty where that is not known, as of text.

    >>> kind_of(b"%!PS-Adobe-3.0 EPSF-3.0"), kind_of(b"a cat")
    ('an EPS picture', '')
    """
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a film")
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI ", b"WAVE"):
        return "a WebP picture" if head[8:12] == b"WEBP" else "a film or a sound"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "a BMP picture"
    text = _start_of(head)
    if text.startswith((b"<!doctype html", b"<html", b"<svg", b"<?xml")):
        return SVG if b"<svg" in text else PAGE
    return next((kind for start, kind in _BEGINNINGS.items() if head.startswith(start)), "")


def picture_format(head: bytes) -> str:
    """Return which of the formats that are read here a file begins as, in Pillow's word; empty for none.

    >>> picture_format(b"GIF89a"), picture_format(b"%!PS-Adobe")
    ('GIF', '')
    """
    kind = kind_of(head)
    special = {"a WebP picture": "WEBP", "a BMP picture": "BMP"}.get(kind, "")
    return special or next((name for name in _READ if kind == f"a {name} picture"), "")


def kind_of_name(path: PurePath) -> str:
    """Return what a file is by its name's end, empty where that is not known.

    >>> kind_of_name(PurePath("cat.HEIC")), kind_of_name(PurePath("cat.png"))
    ('a HEIC picture', '')
    """
    return _SUFFIXES.get(path.suffix.lower(), "")


def is_partial(path: PurePath) -> bool:
    """Return whether a file is named as a download that has not ended.

    >>> is_partial(PurePath("a.safetensors.crdownload"))
    True
    """
    return path.suffix.lower() in _PARTIAL


def refusal_of(kind: str, wanted: Wanted) -> str:
    """Return why a kind of file is not taken for what was wanted, and what to do.

    >>> refusal_of("a PDF", "text")
    'is a PDF, no text: copy the words into a plain text file'
    """
    but = "which is not opened here" if wanted == "picture" and "picture" in kind else f"no {wanted}"
    return f"is {kind}, {but}: {mend_of(kind, wanted)}"


def mend_of(kind: str, wanted: Wanted) -> str:
    """Return what to do with a kind of file that is not taken for what was wanted."""
    mends = _UNPACK if kind.endswith("archive") else _MENDS
    return _OTHER_MENDS.get(kind, mends[wanted])


def why_no_tensors(head: bytes) -> str:
    """Return why a file that begins like this holds no tensors, and what to do; else empty."""
    if not head:
        return f"is empty: {_MENDS['LoRA']}"
    if not head.strip(b"\x00"):
        return f"is nothing but zeros, as a broken download leaves it: {_MENDS['LoRA']}"
    if kind := kind_of(head):
        return refusal_of(kind, "LoRA")
    if _start_of(head)[:1] == b"<":
        return refusal_of(PAGE, "LoRA")
    if _start_of(head)[:1] in (b"{", b"["):
        return f"is a JSON text, perhaps a site's answer: {_MENDS['LoRA']}"
    return "" if _CONTROL.intersection(head) else refusal_of("a text", "LoRA")


def _start_of(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
