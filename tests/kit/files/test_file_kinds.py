from pathlib import Path

import pytest

from kit.files.file_kinds import foreign_kind, is_partial


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "an empty file: download"),
        (bytes(512), "a file of zeros, as a broken download leaves it"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d",
            "a Git LFS pointer, not the file: fetch it with",
        ),
        (b"<!DOCTYPE html><html>", "a web page, not the file: log in"),
        (b"\xef\xbb\xbf\r\n  <html lang='zh'>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", "a web page"),
        (b'{"error": "Unauthorized"}', "a JSON text, perhaps a site's answer"),
        (b"Entry not found", "a text: download"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive: unpack it"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive: unpack it"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"RIFF\x10\x00\x00\x00WEBP", "a WebP picture"),
        (b"GGUF\x03\x00\x00\x00", "a GGUF model"),
        (b"%PDF-1.7", "a PDF"),
        ("这是一个网页".encode(), "a text"),
        (b"\x80\x02}q\x00.", ""),
        (b"PK\x03\x04\x00\x00", ""),
    ],
)
def test_a_file_is_named_as_what_it_is(head: bytes, kind: str) -> None:
    assert foreign_kind(head).startswith(kind)
    assert bool(foreign_kind(head)) is bool(kind)


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("a.safetensors.part", True),
        ("a.crdownload", True),
        ("a.PART", True),
        ("a.safetensors", False),
        ("a", False),
    ],
)
def test_half_a_download_is_told_by_its_ending(name: str, partial: bool) -> None:
    assert is_partial(Path(name)) is partial
