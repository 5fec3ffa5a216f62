"""RUN/masks: where pictures of a run were repaired, as white on black, each file named by its sha256."""

from PIL import Image

from kit.errors import RunError
from kit.experiment.run import Run
from kit.experiment.steps import mask_file
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_bytes
from kit.images.decode import PictureError, open_picture, read_picture_file
from kit.images.png_metadata import encoded
from kit.messages import tr


def keep_mask(run: Run, mask: Image.Image) -> str:
    """Write a mask, "L", into a run and return its sha256."""
    data = encoded(mask.convert("RGB"))
    sha256 = sha256_bytes(data)
    write_atomic(run.folder / mask_file(sha256), data)
    return sha256


def mask_bytes(run: Run, sha256: str) -> bytes:
    """Return the file of a mask; raises RunError where it is not there or another one."""
    path = run.folder / mask_file(sha256)
    try:
        data = read_picture_file(path)
    except PictureError as error:
        raise RunError(tr("{file} {error}", file=path, error=str(error))) from error
    if sha256_bytes(data) != sha256:
        raise RunError(
            tr("{file} is another mask than a picture was repaired with: put that one back", file=path)
        )
    return data


def read_mask(data: bytes) -> Image.Image:
    """Return a mask, "L", from what its file holds."""
    return open_picture(data, ("PNG",)).convert("L")
