"""What a file is by its first bytes, named in words, where it is no picture that is read here."""

_KINDS = (
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\5\x16\7", "a Mac's note about another file"),
    (b"PK\3\4", "a zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
"""How files begin."""
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIC",
    b"hevc": "HEIC",
}
"""What stands behind `ftyp` in the files of phones, else they are films."""
_FORMATS = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_SUFFIXES = {
    **dict.fromkeys((".heic", ".heif"), "HEIC"),
    **dict.fromkeys((".jp2", ".j2k", ".jpf"), "JPEG 2000"),
    **dict.fromkeys((".eps", ".ps", ".ai"), "EPS"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), "a camera's raw file"),
    ".avif": "AVIF",
    ".jxl": "JPEG XL",
    ".psd": "Photoshop (PSD)",
    ".xcf": "GIMP (XCF)",
    ".svg": "SVG",
    ".pdf": "PDF",
    ".tga": "TGA",
    ".ico": "ICO",
    ".exr": "OpenEXR",
    ".zip": "a zip archive",
    ".rar": "a RAR archive",
    ".7z": "a 7z archive",
}
"""How such files are called."""
_REMEDIES = {
    "a Git LFS pointer": "get the picture itself with `git lfs pull`",
    "a web page": "download the picture itself",
    "a Mac's note about another file": "leave it out",
}


def picture_format(head: bytes) -> str:
    """Return which of the formats that are read here a file begins as, empty for none.

    >>> picture_format(b"GIF89a"), picture_format(b"%!PS-Adobe")
    ('GIF', '')
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for start, name in _FORMATS if head.startswith(start)), "")


def kind_of(head: bytes) -> str:
    """Return what a file is by its first bytes (64 are enough), empty where that is not known.

    >>> kind_of(b"%!PS-Adobe-3.0 EPSF-3.0"), kind_of(b"a cat")
    ('EPS', '')
    """
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a film")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if text.startswith((b"<svg", b"<?xml")):
        return "SVG"
    return next((kind for start, kind in _KINDS if head.startswith(start)), "")


def kind_of_suffix(suffix: str) -> str:
    """Return what a file is by its name's end, empty where that is not known.

    >>> kind_of_suffix(".HEIC"), kind_of_suffix(".png")
    ('HEIC', '')
    """
    return _SUFFIXES.get(suffix.lower(), "")


def refusal_of(kind: str) -> str:
    """Return why a kind of file is not opened, and what to do.

    >>> refusal_of("AVIF")
    'is AVIF, which is not opened here: save it as PNG or JPEG'
    """
    named = kind.startswith("a ")
    remedy = _REMEDIES.get(kind, "take out the pictures" if "archive" in kind else "save it as PNG or JPEG")
    return f"is {kind}{', no picture' if named else ', which is not opened here'}: {remedy}"
