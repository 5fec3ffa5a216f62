import io
import struct
import zlib

from bundles import faults_told
from entries import repack
from PIL import Image


def _png(width: int, height: int) -> bytes:
    """Return a PNG that states a size and holds next to nothing."""
    head = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    made = (struct.pack(">L", len(d)) + n + d + struct.pack(">L", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def test_a_huge_picture_is_a_fault_and_not_decoded(bundle):
    repack(bundle, lambda files: files.update({"panels/1.png": _png(60_000, 60_000)}))
    assert "panels/1.png: has 60000 x 60000 pixels, 16777216 are the most" in faults_told(bundle)


def test_a_picture_with_too_little_in_it_is_a_fault(bundle):
    repack(bundle, lambda files: files.update({"panels/1.png": _png(32, 32)}))
    assert "panels/1.png: is a damaged picture" in faults_told(bundle)


def test_another_kind_of_picture_under_a_png_name_is_a_fault(bundle):
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "JPEG")
    repack(bundle, lambda files: files.update({"panels/1.png": file.getvalue()}))
    assert "panels/1.png: is not a PNG picture" in faults_told(bundle)
