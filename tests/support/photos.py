"""Pictures as cameras write them: JPEG files, orientation, a place in the metadata."""

from io import BytesIO
from pathlib import Path

from fakes import fake_picture
from PIL import Image

SECRET_PLACE = b"SECRET-PLACE"


def photo(size: int = 64) -> Image.Image:
    return fake_picture("photo", size)


def saved(folder: Path, picture: Image.Image, kind: str, **options: object) -> Path:
    path = folder / f"picture.{kind}"
    picture.save(path, **options)
    return path


def jpeg(**options: object) -> bytes:
    file = BytesIO()
    photo().save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    told = Image.Exif()
    told[0x0112], told[0x010E] = orientation, SECRET_PLACE.decode()
    told.get_ifd(0x8825)[1] = "N"
    return told
