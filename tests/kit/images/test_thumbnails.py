import io

import numpy as np
import pytest
from PIL import Image

from kit.images.thumbnails import SHEET_SIDE, keep_thumbnail, thumbnail_path


def drawn(width: int, height: int) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "small"), [((1024, 1024), (320, 320)), ((1024, 512), (320, 160)), ((256, 256),) * 2]
)
def test_a_picture_is_reduced_to_fit_and_never_enlarged(tmp_path, size, small):
    path = thumbnail_path(tmp_path, "ab" * 32, SHEET_SIDE)
    data = keep_thumbnail(path, drawn(*size), SHEET_SIDE)
    assert path.read_bytes() == data
    kept = Image.open(io.BytesIO(data))
    assert (kept.size, kept.mode, kept.format) == (small, "RGB", "JPEG")
    wanted = np.asarray(drawn(*size).resize(small, Image.Resampling.LANCZOS), dtype=float)
    assert np.abs(np.asarray(kept, dtype=float) - wanted).mean() < 2


def test_a_picture_of_another_mode_is_kept_too(tmp_path):
    data = keep_thumbnail(tmp_path / "a.jpg", drawn(400, 400).convert("RGBA"), SHEET_SIDE)
    assert Image.open(io.BytesIO(data)).size == (320, 320)


def test_where_nothing_can_be_written_it_is_only_made(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    assert keep_thumbnail(thumbnail_path(tmp_path, "ab" * 32, SHEET_SIDE), drawn(64, 64), SHEET_SIDE)
    assert (tmp_path / "cache").read_text() == "in the way"
