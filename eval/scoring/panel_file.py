"""What a picture file holds: a picture that can be scored, or a fault with its reason."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image

from kit.errors import ScoreError
from kit.files.encodings import sha256_bytes
from kit.images.decode import PANEL_FORMATS, PictureError, is_flat, open_picture, read_picture_file
from kit.messages import tr

Status = Literal["ok", "missing", "damaged", "blank", "wrong-size"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelFile:
    """A panel's file as it was found; `picture` is RGB, and there only if the status is ok."""

    status: Status
    reason: str = ""
    """What must hold and what was found; empty if the status is ok."""
    sha256: str = ""
    """Of the file, where there is one."""
    picture: Image.Image | None = None
    finished: bool = False
    """Whether it was made larger or cleaner of another one."""


def read_picture(source: Path | bytes) -> Image.Image:
    """Return a panel, whole and as RGB, from its file or what it holds; raises ScoreError if it is none."""
    try:
        picture = open_picture(source, PANEL_FORMATS)
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    except PictureError as error:
        raise ScoreError(tr("must be a picture that can be decoded, but {error}", error=error)) from error


def through_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """Return the picture as it comes back from a JPEG file."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return read_picture(file.getvalue())


def read_panel(path: Path, sha256: str | None, size: int, fault: str = "") -> PanelFile:
    """Return what a panel's file holds.

    Args:
        path: the picture.
        sha256: what the run recorded when it was drawn; None if it never was.
        size: the side in pixels that the run asks for.
        fault: why it could not be drawn when that was last tried; then the file is an older picture.
    """
    if fault or sha256 is None:
        return PanelFile(status="missing", reason=fault or tr("has not been drawn"))
    try:
        data = read_picture_file(path)
    except PictureError as error:
        gone = isinstance(error.__cause__, FileNotFoundError)
        return PanelFile(
            status="missing" if gone else "damaged", reason=tr("its file is gone") if gone else str(error)
        )
    found = sha256_bytes(data)
    if found != sha256:
        return PanelFile(status="damaged", reason=tr("its file has changed since it was drawn"), sha256=found)
    return _judge(data, found, size)


def _judge(data: bytes, sha256: str, size: int) -> PanelFile:
    try:
        picture = read_picture(data)
    except ScoreError as error:
        return PanelFile(status="damaged", reason=str(error), sha256=sha256)
    if picture.size != (size, size):
        width, height = picture.size
        reason = tr(
            "must be {size} x {size} pixels, got {width} x {height}", size=size, width=width, height=height
        )
        return PanelFile(status="wrong-size", reason=reason, sha256=sha256)
    if is_flat(picture):
        return PanelFile(status="blank", reason=tr("has one colour all over"), sha256=sha256)
    return PanelFile(status="ok", sha256=sha256, picture=picture)
