"""Zip files whose bytes follow from their content."""

import io
import stat
import zipfile
from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that a zip can hold."""


def zip_bytes(files: Mapping[str, bytes | memoryview]) -> bytes:
    """Return a zip of these files, in their order; the same files give the same bytes everywhere.

    Nothing is compressed: pictures and weights gain nothing by it, and another zlib packs otherwise.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
