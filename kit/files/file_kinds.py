"""What a file is by its first bytes or its name's end, and what to do where another kind was wanted."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal

from kit.messages import mark, tr

HEAD_BYTES = 512
"""Enough of a file to tell what it is."""
Wanted = Literal["picture", "weights", "text"]
"""What a file should be."""
POINTER = mark("a Git LFS pointer")
PAGE = mark("a web page")
NOTE = mark("a Mac's note about another file")
SVG = mark("an SVG picture")
_WEBP = mark("a WebP picture")
_BMP = mark("a BMP picture")
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG": mark("a PNG picture"),
    b"\xff\xd8\xff": mark("a JPEG picture"),
    b"GIF8": mark("a GIF picture"),
    b"II*\0": mark("a TIFF picture"),
    b"MM\0*": mark("a TIFF picture"),
    b"II+\0": mark("a TIFF picture"),
    b"MM\0+": mark("a TIFF picture"),
    b"%!PS": mark("an EPS picture"),
    b"\xc5\xd0\xd3\xc6": mark("an EPS picture"),
    b"8BPS": mark("a Photoshop picture (PSD)"),
    b"\0\0\0\x0cjP  \r\n": mark("a JPEG 2000 picture"),
    b"\xff\x4f\xff\x51": mark("a JPEG 2000 picture"),
    b"\0\0\0\x0cJXL \r\n": mark("a JPEG XL picture"),
    b"\xff\x0a": mark("a JPEG XL picture"),
    b"\x76\x2f\x31\x01": mark("an OpenEXR picture"),
    b"#?RADIANCE": mark("a Radiance HDR picture"),
    b"gimp xcf": mark("a GIMP picture (XCF)"),
    b"DDS \x7c\0\0\0": mark("a DDS picture"),
    b"qoif\0": mark("a QOI picture"),
    b"\0\0\1\0": mark("an ICO picture"),
    b"\0\5\x16\7": NOTE,
    b"PK\3\4": mark("a zip archive"),
    b"Rar!\x1a": mark("a RAR archive"),
    b"7z\xbc\xaf\x27\x1c": mark("a 7z archive"),
    b"\x1f\x8b": mark("a gzip archive"),
    b"BZh": mark("a bzip2 archive"),
    b"\xfd7zXZ": mark("an xz archive"),
    b"\x28\xb5\x2f\xfd": mark("a zstd archive"),
    b"version https://git-lfs": POINTER,
    b"version https://hawser": POINTER,
    b"%PDF": mark("a PDF"),
    b"{\\rtf": mark("an RTF document"),
    b"\xd0\xcf\x11\xe0": mark("an old Office document (.doc, .xls)"),
    b"SQLite format 3": mark("a database"),
    b"GGUF": mark("a GGUF model"),
    b"\x89HDF": mark("an HDF5 file"),
    b"\x93NUMPY": mark("a NumPy file"),
}
"""How files begin."""
_BRANDS: Mapping[bytes, str] = {
    **dict.fromkeys((b"avif", b"avis"), mark("an AVIF picture")),
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"hevc"), mark("a HEIC picture")),
}
"""What stands behind `ftyp` in the pictures of phones; other files that have it are films."""
_SUFFIXES: Mapping[str, str] = {
    **dict.fromkeys((".heic", ".heif"), mark("a HEIC picture")),
    **dict.fromkeys((".jp2", ".j2k", ".jpf"), mark("a JPEG 2000 picture")),
    **dict.fromkeys((".eps", ".ps", ".ai"), mark("an EPS picture")),
    **dict.fromkeys(
        (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), mark("a camera's raw picture")
    ),
    ".avif": mark("an AVIF picture"),
    ".jxl": mark("a JPEG XL picture"),
    ".psd": mark("a Photoshop picture (PSD)"),
    ".xcf": mark("a GIMP picture (XCF)"),
    ".svg": SVG,
    ".pdf": mark("a PDF"),
    ".tga": mark("a TGA picture"),
    ".ico": mark("an ICO picture"),
    ".exr": mark("an OpenEXR picture"),
    ".zip": mark("a zip archive"),
    ".rar": mark("a RAR archive"),
    ".7z": mark("a 7z archive"),
}
"""How files that people keep beside pictures are called."""
_PARTIAL = (".part", ".crdownload", ".download", ".partial", ".aria2", ".tmp", ".!ut", ".opdownload")
"""Endings that programs give a file while they download it."""
_READ = ("PNG", "JPEG", "GIF", "TIFF")
"""Formats of pictures that are opened here and told by _BEGINNINGS, as Pillow calls them."""
_MENDS: Mapping[Wanted, str] = {
    "picture": mark("save it as PNG or JPEG"),
    "weights": mark("download the file itself again"),
    "text": mark("copy the words into a plain text file"),
}
_UNPACK: Mapping[Wanted, str] = {
    "picture": mark("take out the pictures"),
    "weights": mark("unpack it and give the .safetensors file in it"),
    "text": mark(
        "if it is Word's, copy the words into a plain text file; if it is Excel's, save it as CSV UTF-8"
    ),
}
_OTHER_MENDS: Mapping[str, str] = {
    POINTER: mark("fetch the file itself with `git lfs pull`, or download it again"),
    PAGE: mark("log in where you found it and download the file itself"),
    NOTE: mark("leave it out"),
    **dict.fromkeys(("a GGUF model", "an HDF5 file", "a NumPy file"), mark("give it as .safetensors")),
}
_NONE_SUCH: Mapping[Wanted, str] = {
    "picture": mark("is {kind}, no picture: {mend}"),
    "weights": mark("is {kind}, no file of weights: {mend}"),
    "text": mark("is {kind}, no text: {mend}"),
}
_UNOPENED = mark("is {kind}, which is not opened here: {mend}")
_BARE: Mapping[str, str] = {
    SVG: mark("SVG picture"),
    "an EPS picture": mark("EPS picture"),
    "a Photoshop picture (PSD)": mark("Photoshop picture (PSD)"),
    "a JPEG 2000 picture": mark("JPEG 2000 picture"),
    "a JPEG XL picture": mark("JPEG XL picture"),
    "an OpenEXR picture": mark("OpenEXR picture"),
    "a Radiance HDR picture": mark("Radiance HDR picture"),
    "a GIMP picture (XCF)": mark("GIMP picture (XCF)"),
    "a DDS picture": mark("DDS picture"),
    "a QOI picture": mark("QOI picture"),
    "an ICO picture": mark("ICO picture"),
    "an AVIF picture": mark("AVIF picture"),
    "a HEIC picture": mark("HEIC picture"),
    "a camera's raw picture": mark("camera's raw picture"),
    "a TGA picture": mark("TGA picture"),
}
"""Pictures that are not opened here, without their articles."""
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f")


def kind_of(head: bytes) -> str:
    """Return what a file is by its first HEAD_BYTES, in English words that `tr` translates; empty for text.

    >>> kind_of(b"%!PS-Adobe-3.0 EPSF-3.0"), kind_of(b"a cat")
    ('an EPS picture', '')
    """
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], mark("a film"))
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI ", b"WAVE"):
        return _WEBP if head[8:12] == b"WEBP" else mark("a film or a sound")
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return _BMP
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
    special = {_WEBP: "WEBP", _BMP: "BMP"}.get(kind, "")
    return special or next((name for name in _READ if kind == f"a {name} picture"), "")


def kind_of_name(path: PurePath) -> str:
    """Return what a file is by its name's end, as `kind_of` does; empty where that is not known.

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
    unopened = wanted == "picture" and "picture" in kind
    template = _UNOPENED if unopened else _NONE_SUCH[wanted]
    return tr(template, kind=tr(kind), mend=mend_of(kind, wanted))


def mend_of(kind: str, wanted: Wanted) -> str:
    """Return what to do with a kind of file that is not taken for what was wanted."""
    mends = _UNPACK if kind.endswith("archive") else _MENDS
    return tr(_OTHER_MENDS.get(kind, mends[wanted]))


def bare_kind(kind: str) -> str:
    """Return a kind of picture without its article, to be counted.

    >>> bare_kind("a HEIC picture")
    'HEIC picture'
    """
    return tr(_BARE.get(kind, kind))


def why_no_tensors(head: bytes) -> str:
    """Return why a file that begins like this holds no tensors, and what to do; else empty."""
    mend = tr(_MENDS["weights"])
    if not head:
        return tr("is empty: {mend}", mend=mend)
    if not head.strip(b"\x00"):
        return tr("is nothing but zeros, as a broken download leaves it: {mend}", mend=mend)
    if kind := kind_of(head):
        return refusal_of(kind, "weights")
    if _start_of(head)[:1] == b"<":
        return refusal_of(PAGE, "weights")
    if _start_of(head)[:1] in (b"{", b"["):
        return tr("is a JSON text, perhaps a site's answer: {mend}", mend=mend)
    return "" if _CONTROL.intersection(head) else refusal_of(mark("a text"), "weights")


def _start_of(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
