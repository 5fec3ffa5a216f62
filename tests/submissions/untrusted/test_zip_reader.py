import stat
import struct
import zipfile
from pathlib import Path

import pytest
from bundles import faults_told

from submissions.untrusted.zip_reader import MAX_ENTRIES, read_zip


def entry_of(name: str, data: bytes = b"x", **changes: object) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    for attribute, value in changes.items():
        setattr(entry, attribute, value)
    return entry, data


def hostile(path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    """Write a zip with hand-made entries beside a sound bundle's."""
    with zipfile.ZipFile(path, "a") as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return path


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../evil.txt", "../evil.txt: leads out of the bundle"),
        ("panels/../../evil.txt", "leads out of the bundle"),
        ("/etc/evil.txt", "/etc/evil.txt: has an absolute name"),
        ("C:/evil.txt", "C:/evil.txt: has an absolute name"),
        ("panels/~evil", "has a name other than letters, digits, dots, dashes and slashes"),
        ("panels/\x1b[31m.txt", "panels/\\x1b[31m.txt: has a name other than letters"),
        ("panels//1.png", "has a name other than letters"),
        ("a/" * 60 + "x", "has a name other than letters"),
    ],
)
def test_a_name_that_could_do_harm_is_a_fault_and_not_read(bundle, name, problem):
    hostile(bundle, entry_of(name))
    assert problem in faults_told(bundle)
    assert len(read_zip(bundle).files) == 26


def test_a_backslash_does_not_lead_out_either(bundle):
    hostile(bundle, entry_of("AAAevil.txt"))
    bundle.write_bytes(bundle.read_bytes().replace(b"AAAevil.txt", b"..\\evil.txt"))
    assert "leads out of the bundle" in faults_told(bundle)


def test_a_link_is_a_fault(bundle):
    hostile(bundle, entry_of("link.txt", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16))
    assert "link.txt: is a link or another special file" in faults_told(bundle)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["README.md", "readme.md"])
def test_a_name_that_is_there_twice_is_a_fault(bundle, name):
    hostile(bundle, entry_of(name))
    assert f"{name}: is there twice" in faults_told(bundle)


def test_too_many_entries_are_a_fault(bundle):
    hostile(bundle, *(entry_of(f"f{number}.txt") for number in range(MAX_ENTRIES)))
    assert f"bundle: lists {MAX_ENTRIES + 26} entries" in faults_told(bundle)
    assert not read_zip(bundle).files


def test_a_zip_bomb_is_a_fault_before_it_is_unpacked(bundle):
    hostile(bundle, entry_of("bomb.safetensors", bytes(20_000_000), compress_type=zipfile.ZIP_DEFLATED))
    assert "bomb.safetensors: is a zip bomb" in faults_told(bundle)


def test_a_text_larger_than_any_text_is_a_fault(bundle):
    hostile(bundle, entry_of("notes.txt", bytes(1 << 21)))
    assert "notes.txt: unpacks to 2097152 bytes, 1048576 are the most" in faults_told(bundle)


def test_a_size_that_lies_is_a_fault(bundle):
    hostile(bundle, entry_of("lie.txt", bytes(100_000), compress_type=zipfile.ZIP_DEFLATED))
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))
    assert "lie.txt: is damaged" in faults_told(bundle)


def test_a_huge_total_is_a_fault_before_it_is_unpacked(bundle):
    hostile(bundle, *(entry_of(f"{number}.txt", b"x" * 5000) for number in range(4)))
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(struct.pack("<2L", 5000, 5000), struct.pack("<2L", 5000, 0x7FFFFFFF)))
    assert "are the most for a zip of its size" in faults_told(bundle)


def test_a_zip64_is_a_fault(bundle):
    data = bundle.read_bytes()
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    bundle.write_bytes(data[:-22] + locator + data[-22:])
    assert "bundle: is a zip64, which no bundle needs" in faults_told(bundle)


def test_an_encrypted_entry_is_a_fault(bundle):
    with zipfile.ZipFile(bundle) as archive:
        at = archive.start_dir
    data = bytearray(bundle.read_bytes())
    data[at + 8] |= 1
    bundle.write_bytes(bytes(data))
    assert "README.md: is encrypted" in faults_told(bundle)


def test_an_unknown_packing_is_a_fault(bundle):
    hostile(bundle, entry_of("packed.txt", b"x" * 100, compress_type=zipfile.ZIP_BZIP2))
    assert "packed.txt: is packed in a way other than stored or deflated" in faults_told(bundle)
