import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bundles import faults_told

from kit.files.encodings import sha256_bytes, zip_bytes
from submissions.untrusted.zip_list import MAX_ENTRIES
from submissions.untrusted.zip_reader import read_zip

NOT_OURS = (
    "is not as storykit wrote it: another program packed it anew, or something is hidden in it "
    "(hand in the zip that `storykit pack` wrote)"
)


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


def test_what_is_compressed_is_never_unpacked(bundle):
    hostile(bundle, entry_of("bomb.safetensors", bytes(20_000_000), compress_type=zipfile.ZIP_DEFLATED))
    assert faults_told(bundle) == f"bundle: {NOT_OURS}"


def test_a_text_larger_than_any_text_is_a_fault(bundle):
    hostile(bundle, entry_of("notes.txt", bytes((1 << 20) + 1)))
    assert "notes.txt: unpacks to 1048577 bytes, 1048576 are the most" in faults_told(bundle)


@pytest.mark.parametrize("lie", [10, 99_999, 100_001])
def test_a_size_that_lies_is_a_fault(bundle, lie):
    hostile(bundle, entry_of("lie.txt", bytes(100_000)))
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(struct.pack("<L", 100_000), struct.pack("<L", lie)))
    assert "lie.txt: is damaged: the zip's checksum is of other bytes" in faults_told(bundle)


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


def shape_of(data: bytes) -> tuple[list[int], int]:
    """Return where each file's own bytes begin and end in a zip, and where its list begins."""
    [_, start] = struct.unpack_from("<2L", data, len(data) - 10)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        spans = [(one.header_offset + 30 + len(one.filename), one.file_size) for one in archive.infolist()]
    return [place for first, size in spans for place in (first, first + size)], start


def frame_of(data: bytes) -> list[int]:
    """Return the places of every byte of a zip that belongs to no file."""
    spans, _ = shape_of(data)
    edges = [0, *spans, len(data)]
    return [
        place for first, last in zip(edges[::2], edges[1::2], strict=True) for place in range(first, last)
    ]


def test_no_bit_outside_of_the_files_can_be_turned_unseen(tmp_path):
    files = {"README.md": b"a card", "panels/1.png": b"no picture", "lora/ink.ckpt": b"numbers"}
    sound, path = zip_bytes(files), tmp_path / "small.zip"
    path.write_bytes(sound)
    assert read_zip(path).faults == ()
    unseen = []
    for place in frame_of(sound):
        for bit in range(8):
            turned = bytearray(sound)
            turned[place] ^= 1 << bit
            path.write_bytes(turned)
            if not read_zip(path).faults:
                unseen.append((place, bit))
    assert len(frame_of(sound)) > 200
    assert unseen == []


@pytest.mark.parametrize("more", [b"a", b"\0", b"PK\3\4", bytes(200)])
def test_there_is_no_place_in_a_zip_where_something_can_be_put_unseen(tmp_path, more):
    sound, path = zip_bytes({"README.md": b"a card", "panels/1.png": b"no picture"}), tmp_path / "small.zip"
    for place in range(len(sound) + 1):
        path.write_bytes(sound[:place] + more + sound[place:])
        assert read_zip(path).faults, place


def gapped(sound: bytes, gap: bytes) -> bytes:
    """Return a zip with bytes between its last file and its list, to which all numbers are fitted."""
    _, start = shape_of(sound)
    end = bytearray(sound[-22:])
    struct.pack_into("<L", end, 16, start + len(gap))
    return sound[:start] + gap + sound[start:-22] + bytes(end)


def commented(sound: bytes, text: bytes) -> bytes:
    return sound[:-2] + struct.pack("<H", len(text)) + text


def remade(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    """Return a zip as zipfile writes it, each entry changed by hand first."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            change(entry)
            archive.writestr(entry, data)
    return buffer.getvalue()


HIDDEN: dict[str, Callable[[zipfile.ZipInfo], None]] = {
    "a comment": lambda entry: setattr(entry, "comment", b"hidden"),
    "an extra field": lambda entry: setattr(entry, "extra", struct.pack("<2H", 0x9999, 6) + b"hidden"),
    "a time": lambda entry: setattr(entry, "date_time", (2024, 7, 9, 12, 30, 58)),
    "a mode": lambda entry: setattr(entry, "external_attr", 0o100755 << 16),
    "attributes of MS-DOS": lambda entry: setattr(entry, "external_attr", (0o100644 << 16) | 0x20),
    "another system": lambda entry: setattr(entry, "create_system", 0),
    "a version": lambda entry: setattr(entry, "create_version", 45),
    "internal attributes": lambda entry: setattr(entry, "internal_attr", 1),
    "compression": lambda entry: setattr(entry, "compress_type", zipfile.ZIP_DEFLATED),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_nothing_beside_a_files_name_and_bytes_can_say_anything(tmp_path, kind):
    files, path = {"README.md": b"a card" * 100, "post.txt": b"a post" * 100}, tmp_path / "small.zip"
    path.write_bytes(remade(files, lambda entry: None))
    assert read_zip(path).faults == ()
    path.write_bytes(remade(files, HIDDEN[kind]))
    assert NOT_OURS in [f"{fault.problem} ({fault.mend})" for fault in read_zip(path).faults]


def test_a_gap_and_a_comment_with_fitting_numbers_are_faults(tmp_path):
    sound, path = zip_bytes({"README.md": b"a card"}), tmp_path / "small.zip"
    for spoilt in (gapped(sound, b"hidden"), gapped(sound, bytes(1)), commented(sound, b"hidden")):
        path.write_bytes(spoilt)
        assert read_zip(path).faults


def test_weights_that_are_not_kept_are_known_by_their_digest(tmp_path):
    files = {"a.ckpt": bytes(3 << 20), "b.txt": b"b", "c.safetensors": b"c"}
    (tmp_path / "small.zip").write_bytes(zip_bytes(files))
    told = []
    read = read_zip(tmp_path / "small.zip", lambda known: told.append(dict(known)) or ["c.safetensors"])
    assert told == [{"b.txt": b"b"}]
    assert dict(read.files) == {"b.txt": b"b", "c.safetensors": b"c"}
    assert list(read.digests) == list(files)
    assert read.digests["a.ckpt"] == (sha256_bytes(files["a.ckpt"]), 3 << 20)
