import base64
import io
from pathlib import Path

from PIL import Image

from reports.thumbnails import embed


def test_a_transparent_picture_is_embedded_without_transparency(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 20), (255, 0, 0, 0)).save(tmp_path / "1.png")
    picture = embed(tmp_path / "1.png", 20)
    assert picture is not None
    assert (picture.width, picture.height) == (20, 10)
    with Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))) as opened:
        assert opened.mode == "RGB"
