"""A decoded picture as people see it: upright, in sRGB, on white, of 8 bit."""

import struct
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

from kit.messages import tr

_ROWS = 256
"""Rows converted at a time: what a conversion needs beside both pictures stays small."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets a picture upright, by the number that the camera noted."""
_EXIF_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    struct.error,
)
"""What Pillow raises on notes that are damaged; the pixels are sound all the same."""


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """Return how a picture must be turned to stand as its camera noted, None where no note can be read."""
    try:
        noted = picture.getexif().get(ExifTags.Base.Orientation)
    except _EXIF_ERRORS:
        return None
    return _TURNS.get(noted) if isinstance(noted, int) else None


def profile_of(picture: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the colour profile to convert by, None where there is none or it is sRGB; else ValueError."""
    data = picture.info.get("icc_profile")
    if not data or picture.mode not in ("RGB", "RGBA", "P", "CMYK"):
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        return None if "srgb" in ImageCms.getProfileDescription(profile).lower() else profile
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError(tr("its colour profile is damaged")) from error


def to_srgb(
    picture: Image.Image, profile: ImageCms.ImageCmsProfile | None, turn: Image.Transpose | None
) -> Image.Image:
    """Return a picture's pixels alone, RGB in sRGB, turned; raises ValueError where that is not defined."""
    if picture.mode == "RGB" and profile is None and not picture.has_transparency_data:
        converted = picture.copy()
    else:
        converted = _converted(picture, profile)
    converted.info.clear()
    return converted if turn is None else converted.transpose(turn)


def _converted(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image:
    width, height = picture.size
    converted = Image.new("RGB", picture.size)
    for top in range(0, height, _ROWS):
        band = _on_white(picture.crop((0, top, width, min(top + _ROWS, height))))
        converted.paste(_in_srgb(band, profile), (0, top))
    return converted


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture without transparency: grey, RGB or CMYK of 8 bit."""
    if picture.mode in ("I", "F"):
        raise ValueError(tr("which of its 32-bit values is white is not known"))
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
        raise ValueError(tr("its colour profile is not for {colours}", colours=picture.mode)) from error
    assert converted is not None, "it is not converted in place"
    return converted
