"""Pictures of foreign origin: decoded with care, upright, in sRGB, without anything else their files hold."""

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, ImageStat, UnidentifiedImageError

from kit.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""What is decoded; others, EPS among them, run programs or are rare."""
MOST_PIXELS = 2**27
"""134 million, 400 MB decoded; a picture beyond it is not decoded."""
MOST_BYTES = 2**29
"""A file beyond it is not read."""
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    LookupError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged or hostile pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedPicture:
    """A picture as training is to see it."""

    picture: Image.Image
    """RGB in sRGB, upright; carries nothing but pixels."""
    jpeg: bytes | None
    """The file, if it is a JPEG of these very pixels."""


def decode_picture(path: Path) -> DecodedPicture:
    """Return a picture's first frame, or raise InputError with the reason.

    What is transparent becomes white. 16 bit become 8; colours are converted by the file's own profile.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ValueError(f"has {size} bytes, {MOST_BYTES} are the most")
        return _open(path.read_bytes())
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise InputError(str(path), [f"is not a picture of a known format ({known})"]) from error
    except DECODE_ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(str(path), [f"cannot be used: {reason}"]) from error


def _open(data: bytes) -> DecodedPicture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"has {width} x {height} pixels, {MOST_PIXELS} are the most")
            picture.load()
            upright = picture.getexif().get(ExifTags.Base.Orientation, 1) == 1
            profile = _profile_of(picture)
            copied = picture.format in ("JPEG", "MPO") and picture.mode == "RGB" and upright
            decoded = _in_srgb(_on_white(ImageOps.exif_transpose(picture)), profile)
    decoded.info.clear()
    return DecodedPicture(picture=decoded, jpeg=data if copied and profile is None else None)


def _profile_of(picture: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the colour profile to convert by, None where there is none or it is sRGB."""
    data = picture.info.get("icc_profile")
    if not data or picture.mode not in ("RGB", "RGBA", "P", "CMYK"):
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        return None if "srgb" in ImageCms.getProfileDescription(profile).lower() else profile
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError("its colour profile is damaged") from error


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture without transparency: grey, RGB or CMYK of 8 bit."""
    if picture.mode in ("I", "F"):
        raise ValueError("which of its 32-bit values is white is not known")
    if picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        return white.convert("RGB")
    return picture if picture.mode == "CMYK" else picture.convert("RGB")


def _in_srgb(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image:
    if profile is None:
        return picture.convert("RGB")
    try:
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
    except ImageCms.PyCMSError as error:
        raise ValueError(f"its colour profile is not for {picture.mode}") from error
    assert converted is not None, "it is not converted in place"
    return converted


FLAT = 2.0
"""Standard deviation of the strongest colour channel, of 255, below which a picture shows nothing."""


def is_flat(picture: Image.Image) -> bool:
    """Return whether all of the picture has one colour, as when the decoder overflowed."""
    return max(ImageStat.Stat(picture).stddev) < FLAT
