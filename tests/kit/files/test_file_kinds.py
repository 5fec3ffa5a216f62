from pathlib import Path, PurePath

import pytest

from kit.files.file_kinds import is_partial, kind_of, kind_of_name, picture_format, refusal_of, why_no_tensors


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty: download"),
        (bytes(512), "nothing but zeros, as a broken download leaves it"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d",
            "a Git LFS pointer, no file of weights: fetch the file itself with",
        ),
        (b"<!DOCTYPE html><html>", "a web page, no file of weights: log in"),
        (b"\xef\xbb\xbf\r\n  <html lang='zh'>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", "a web page"),
        (b'{"error": "Unauthorized"}', "a JSON text, perhaps a site's answer"),
        (b"Entry not found", "a text, no file of weights: download"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive, no file of weights: unpack it"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive, no file of weights: unpack it"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"RIFF\x10\x00\x00\x00WEBP", "a WebP picture"),
        (b"GGUF\x03\x00\x00\x00", "a GGUF model"),
        (b"%PDF-1.7", "a PDF"),
        ("这是一个网页".encode(), "a text"),
        (b"\x80\x02}q\x00.", ""),
        (b"PK\x03\x04\x00\x00", "a zip archive, no file of weights: unpack it"),
    ],
)
def test_a_file_is_named_as_what_it_is(head: bytes, kind: str) -> None:
    assert why_no_tensors(head).startswith(kind and f"is {kind}")
    assert bool(why_no_tensors(head)) is bool(kind)


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


@pytest.mark.parametrize(
    "head", [b"", b"a", b"a cat", b"\0" * 64, b"RIFF\0\0\0\0????", b"BM is a shop", b"DDS, solo"]
)
def test_what_is_not_known_has_no_name(head: bytes) -> None:
    assert (kind_of(head), picture_format(head)) == ("", "")


@pytest.mark.parametrize("name", ["a.heic", "a.HEIF", "a.avif", "a.psd", "a.Svg", "a.cr2", "a.zip"])
def test_what_people_have_beside_pictures_is_named_with_a_remedy(name: str) -> None:
    assert refusal_of(kind_of_name(PurePath(name)), "picture").split(": ")[1]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\0\0\0\0WEBP", "WEBP"),
        (b"BM\x36\0\0\0\0\0\0\0", "BMP"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"8BPS\0\1", ""),
    ],
)
def test_a_picture_that_is_read_is_told_by_its_beginning(head: bytes, name: str) -> None:
    assert picture_format(head) == name
