"""The one door to pictures: whatever their file claims, only known formats are decoded, within bounds.

No other module opens a picture; `make check` sees to it.
"""

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from threading import Lock

from PIL import Image, ImageStat, UnidentifiedImageError

from kit.errors import InputError
from kit.files.file_kinds import HEAD_BYTES, bare_kind, kind_of, mend_of, picture_format, refusal_of
from kit.files.regular_files import open_file
from kit.files.text.library_words import reason_of
from kit.images.srgb import profile_of, to_srgb, turn_of
from kit.messages import joined, tr

PANEL_FORMATS = ("PNG", "JPEG", "WEBP")
"""What a panel may be."""
FORMATS = (*PANEL_FORMATS, "GIF", "BMP", "TIFF")
"""What people bring; others, EPS among them, run programs or are rare."""
MOST_PIXELS = 2**26
"""67 million: a square of 8192. A picture beyond it is not decoded."""
MOST_SIDE = 2**15
"""More than any camera's or scanner's; JPEG could not hold twice as much."""
MOST_BYTES = 2**28
"""256 MiB; of a longer file nothing is read."""
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ZeroDivisionError,
    RecursionError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged or hostile pictures."""


class PictureError(ValueError):
    """Why a file is not opened as a picture, in words that follow its name."""


class UnopenedPictureError(PictureError):
    """A picture of a kind that other programs open."""

    def __init__(self, kind: str) -> None:
        """Take the kind as `kind_of` tells it."""
        super().__init__(refusal_of(kind, "picture"))
        self.kind = bare_kind(kind)
        """Without its article, as "HEIC picture"."""
        self.mend = mend_of(kind, "picture")
        """What to do about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedPicture:
    """A picture as training is to see it."""

    picture: Image.Image
    """RGB in sRGB, upright; carries nothing but pixels."""
    jpeg: bytes | None
    """The file, if it is a JPEG of these very pixels."""


def open_picture(source: Path | bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Return the first frame of a picture, decoded, in the mode and with the notes of its file.

    At most MOST_BYTES are read and MOST_PIXELS decoded, in at most 1.5 GiB of memory; other frames are
    never decoded. Raises PictureError with the reason for anything else, such as a folder or a device.

    Args:
        source: a file, or what it holds.
        formats: those of FORMATS that are wanted; the content counts, not the name.
    """
    data = source if isinstance(source, bytes) else read_picture_file(source)
    with _refusing(data[:HEAD_BYTES], formats), Image.open(BytesIO(data), formats=formats) as picture:
        _check_size(picture)
        picture.load()
        return picture


def picture_size(path: Path, formats: tuple[str, ...] = FORMATS) -> tuple[int, int]:
    """Return width and height as the file states them, decoding nothing; raises PictureError."""
    with _opened(path) as file:
        head = file.peek(HEAD_BYTES)[:HEAD_BYTES]
        with _refusing(head, formats), Image.open(file, formats=formats) as picture:
            _check_size(picture)
            return picture.size


def read_picture_file(path: Path) -> bytes:
    """Return the bytes of a picture's file, at most MOST_BYTES; raises PictureError."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise PictureError(tr("is an empty file"))
        if size > MOST_BYTES:
            raise PictureError(tr("has {size} bytes, {most} are the most", size=size, most=MOST_BYTES))
        return file.read(size)  # a bound of MOST_BYTES would make room for as many each time


def decode_picture(path: Path) -> DecodedPicture:
    """Return a picture's first frame as training is to see it, or raise InputError with the reason.

    What is transparent becomes white. 16 bit become 8; colours are converted by the file's own profile.
    """
    try:
        data = read_picture_file(path)
        picture = open_picture(data)
        with _refusing(b"", FORMATS):
            turn, profile = turn_of(picture), profile_of(picture)
            copied = picture.format in ("JPEG", "MPO") and picture.mode == "RGB" and turn is None
            decoded = to_srgb(picture, profile, turn)
    except PictureError as error:
        raise InputError(str(path), [str(error)]) from error
    return DecodedPicture(picture=decoded, jpeg=data if copied and profile is None else None)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Yield a file as `open_file` opens it; raises PictureError where it does not, or reading fails."""
    if "\0" in str(path):  # no system has such a name
        raise PictureError(tr("does not exist"))
    try:
        with open_file(path) as file:
            yield file
    except FileNotFoundError as error:
        raise PictureError(tr("does not exist")) from error
    except IsADirectoryError as error:
        raise PictureError(tr("is a folder, must be a file")) from error
    except OSError as error:
        raise PictureError(tr("cannot be read: {reason}", reason=reason_of(error))) from error


@contextmanager
def _refusing(head: bytes, formats: tuple[str, ...]) -> Iterator[None]:
    """Turn whatever Pillow raises into the reason in words, and keep its warnings from the user."""
    try:
        with _quiet():
            yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise _unknown(head, formats) from error
    except (MemoryError, Image.DecompressionBombError) as error:
        raise PictureError(
            tr("has too many pixels, {most} are the most: save it smaller", most=MOST_PIXELS)
        ) from error
    except DECODE_ERRORS as error:
        reason = reason_of(str(error)) or type(error).__name__
        raise PictureError(tr("is damaged: {reason}", reason=reason)) from error


def _unknown(head: bytes, formats: tuple[str, ...]) -> PictureError:
    """Return why a file that none of the formats fits is not opened."""
    known, kind = joined(formats, tr(", ")), kind_of(head)
    if not head:
        return PictureError(tr("is an empty file"))
    if found := picture_format(head):
        if found in formats:
            return PictureError(tr("is damaged"))
        return PictureError(tr("is {format}, must be one of {known}", format=found, known=known))
    if "picture" in kind:
        return UnopenedPictureError(kind)
    if kind:
        return PictureError(refusal_of(kind, "picture"))
    return PictureError(tr("is not a picture of a known format ({known})", known=known))


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise PictureError(
            tr(
                "has {width} x {height} pixels, {most} are the most: save it smaller",
                width=width,
                height=height,
                most=MOST_PIXELS,
            )
        )
    if max(width, height) > MOST_SIDE or not width * height:
        raise PictureError(
            tr(
                "has {width} x {height} pixels, sides of 1 to {most} are taken",
                width=width,
                height=height,
                most=MOST_SIDE,
            )
        )


class _Quiet:
    """Keeps warnings away while any thread decodes: Python's own context is one for all threads."""

    def __init__(self) -> None:
        self._lock, self._inside, self._context = Lock(), 0, warnings.catch_warnings()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._context = warnings.catch_warnings(action="ignore")
                self._context.__enter__()
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._context.__exit__(None, None, None)


_quiet = _Quiet()

FLAT = 2.0
"""Standard deviation of the strongest colour channel, of 255, below which a picture shows nothing."""


def is_flat(picture: Image.Image) -> bool:
    """Return whether all of the picture has one colour, as when the decoder overflowed."""
    return max(ImageStat.Stat(picture).stddev) < FLAT
