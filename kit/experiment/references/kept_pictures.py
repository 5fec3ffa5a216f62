"""Pictures that stories name by a path of theirs: looked at by their head, kept in runs by their sha256."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from kit.errors import RunError, printable
from kit.files.encodings import sha256_bytes
from kit.files.user_paths import why_not_there
from kit.images.decode import PANEL_FORMATS, PictureError, open_picture, picture_size, read_picture_file
from kit.images.png_metadata import QUICK, encoded
from kit.messages import tr


def size_or_fault(text: str, path: Path) -> tuple[int, int] | str:
    """Return a picture's width and height by its head, or what is wrong with it.

    Args:
        text: the path as it is written.
        path: where that is.
    """
    try:
        return picture_size(path, PANEL_FORMATS)
    except PictureError as error:
        if "\0" not in str(path) and not path.is_file():
            return tr("file {path} {why}", path=printable(text), why=why_not_there(text, path))
        return tr("{file} {error}", file=printable(text), error=str(error))


def kept_bytes(path: Path, sha256: str, changed: str) -> bytes:
    """Return the file of a picture that a run keeps.

    Args:
        path: where it is.
        sha256: what it is known by.
        changed: a template of what is said where {file} is another one.

    Raises RunError where it is not there or another one.
    """
    try:
        data = read_picture_file(path)
    except PictureError as error:
        raise RunError(tr("{file} {error}", file=path, error=str(error))) from error
    if sha256_bytes(data) != sha256:
        raise RunError(tr(changed, file=path))
    return data


def kept_png(path: Path, folder: str, read: Callable[[Path], Image.Image]) -> bytes:
    """Return a picture as a run keeps it: the file's own bytes where a run has kept it before.

    Args:
        path: the file.
        folder: of the run, where it is kept.
        read: opens it, or raises InputError.
    """
    picture = read(path)
    if path.parent.name == folder:
        data = read_picture_file(path)
        if sha256_bytes(data) == path.stem and _holds(data, picture):
            return data
    return encoded(picture, level=QUICK)


def _holds(data: bytes, picture: Image.Image) -> bool:
    """Return whether a file is a PNG of these very pixels and of nothing else."""
    try:
        kept = open_picture(data, ("PNG",))
        same = kept.mode == "RGB" and kept.size == picture.size and not kept.info
        return same and kept.tobytes() == picture.tobytes()
    except (PictureError, OSError):
        return False
