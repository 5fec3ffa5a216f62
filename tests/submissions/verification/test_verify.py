import json
import zipfile
from collections.abc import Iterator

import pytest
from bundles import faults_told
from entries import KOLORS, forge, picture_bytes, repack, run_identity, unpack, verified
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.errors import BundleError
from kit.files.encodings import sha256_bytes, zip_bytes
from submissions.bundle.bundle import open_bundle
from submissions.faults import Fault
from submissions.verification.verify import verify


def test_a_sound_bundle_has_no_fault(bundle):
    assert verified(bundle) == ()


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_bundle_packed_anew_by_another_zip_tool_is_one_fault_that_says_what_to_hand_in(bundle, kind):
    files = unpack(bundle)
    with zipfile.ZipFile(bundle, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert faults_told(bundle) == (
        "bundle: is not as storykit wrote it: another program packed it anew, or something is hidden in it "
        "(hand in the zip that `storykit pack` wrote)"
    )


def test_a_bundle_packed_anew_on_a_mac_is_told_so(bundle):
    files = unpack(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("panels")
        for name, data in files.items():
            archive.writestr(name, data)
            archive.writestr(f"__MACOSX/._{name}", b"a")
        archive.writestr(".DS_Store", b"b")
    assert faults_told(bundle) == (
        "bundle: was packed anew on a Mac, which left files of its own in it: __MACOSX/._README.md "
        "and 26 more (hand in the zip that `storykit pack` wrote)"
    )


def test_files_in_another_order_are_a_fault(bundle):
    files = unpack(bundle)
    bundle.write_bytes(zip_bytes(dict(reversed(files.items()))))
    assert faults_told(bundle).startswith(
        "bundle: is not as storykit wrote it: its files stand in another order"
    )


def test_verifying_writes_nothing(bundle):
    before = sorted(bundle.parent.rglob("*"))
    verified(bundle)
    assert sorted(bundle.parent.rglob("*")) == before


def test_a_bundle_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(BundleError, match=r"none\.zip: file does not exist, must be the zip of a bundle"):
        verified(tmp_path / "none.zip")


@pytest.mark.parametrize("data", [b"", b"PK", b"hello" * 100, b"\x89PNG\r\n\x1a\n" + b"0" * 50])
def test_a_file_that_is_no_zip_is_a_fault(tmp_path, data):
    (tmp_path / "entry.zip").write_bytes(data)
    assert "bundle: is damaged or not a zip" in faults_told(tmp_path / "entry.zip")


def test_an_empty_zip_is_a_fault(tmp_path):
    (tmp_path / "entry.zip").write_bytes(zip_bytes({}))
    assert faults_told(tmp_path / "entry.zip") == "bundle: is empty"


def test_a_bundle_without_a_manifest_still_has_its_files_looked_at(bundle):
    def spoil(files):
        del files["manifest.json"]
        files["panels/1.png"] = b"no picture"

    said = faults_told(repack(bundle, spoil))
    assert "manifest.json: is missing" in said
    assert "panels/1.png: is not a PNG picture" in said


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (2, "was packed by an older storykit, in format 2 before 3 (pack it again from its run"),
        (0, "was packed by an older storykit, in format 0 before 3 (pack it again from its run"),
        (4, "was packed by a newer storykit, this one reads format 3 (bring storykit up to date)"),
    ],
)
def test_a_bundle_of_another_release_is_refused_with_one_line_that_says_what_to_do(bundle, told, said):
    def age(files, manifest):
        manifest["format"] = told
        manifest["new"] = "a key that only that release has"

    [fault] = verified(forge(bundle, age))
    assert str(fault).startswith(f"manifest.json: {said}")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"drawn_with": {', '"drawn_with": {"x": 1e999, ', 1),
        lambda text: text.replace('"base": {', '"base": {"x": -1e400, ', 1),
        lambda text: text.replace('"rank": 2', '"rank": ' + "9" * 400, 1),
        lambda text: text.replace('"keys": 1', '"keys": ' + "9" * 4000, 1),
        lambda text: text.replace('"seed": 3', '"seed": ' + "9" * 5000, 1),
    ],
    ids=["infinite", "minus infinite", "a huge rank", "4000 digits", "5000 digits"],
)
def test_a_manifest_with_numbers_that_nothing_can_hold_is_a_fault_of_the_manifest(bundle, change):
    before = unpack(bundle)["manifest.json"].decode()
    assert change(before) != before
    repack(bundle, lambda files: files.update({"manifest.json": change(before).encode()}))
    assert faults_told(bundle).startswith("manifest.json")


def test_all_problems_are_told_at_once(bundle):
    def spoil(files):
        del files["NOTICE"]
        files["panels/1.png"] = b"no picture"
        files["panels/2.png"] = picture_bytes(9, {})
        files["post.txt"] = b"another title\n"

    said = faults_told(repack(bundle, spoil))
    for fault in (
        "NOTICE: is in the manifest",
        "panels/1.png: is not a PNG",
        "panels/2.png: is not the file",
        "post.txt: is not the text",
    ):
        assert fault in said


def test_a_fault_never_carries_control_characters_to_the_terminal(bundle):
    def spoil(files):
        manifest = json.loads(files["manifest.json"])
        manifest["\x1b[2J"] = 1
        files["manifest.json"] = json.dumps(manifest).encode()

    said = faults_told(repack(bundle, spoil))
    assert "\\x1b[2J" in said
    assert "\x1b" not in said


def damaged(data: bytes) -> Iterator[st.SearchStrategy[bytes]]:
    """Yield ways to damage a file: flipped bytes, a cut end, a lost or doubled middle, appended bytes."""
    place = st.integers(0, len(data) - 1)
    yield st.lists(st.tuples(place, st.integers(1, 255)), min_size=1, max_size=8).map(
        lambda flips: bytes(flip(bytearray(data), flips))
    )
    yield place.map(lambda end: data[:end])
    yield st.tuples(place, place).map(lambda cut: data[: min(cut)] + data[max(cut) :])
    yield st.tuples(place, place).map(lambda twice: data[: max(twice)] + data[min(twice) :])
    yield st.binary(min_size=1, max_size=64).map(lambda more: data + more)


def flip(data: bytearray, flips: list[tuple[int, int]]) -> bytearray:
    for place, bits in flips:
        data[place] ^= bits
    return data


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_zip_gives_faults_and_never_a_crash(light, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    spoilt = data.draw(st.one_of(*damaged(light)))
    path.write_bytes(spoilt)
    faults = verified(path)
    assert all(isinstance(fault, Fault) and str(fault) for fault in faults)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_cut_zip_always_has_a_fault(light, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "cut.zip"
    path.write_bytes(light[: data.draw(st.integers(0, len(light) - 1))])
    assert verified(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_inside_any_file_gives_a_fault_and_never_a_crash(light, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "inside.zip"
    path.write_bytes(light)
    files = unpack(path)
    name = data.draw(st.sampled_from(sorted(files)))
    spoilt = data.draw(st.one_of(*damaged(files[name])))
    path.write_bytes(zip_bytes(files | {name: spoilt}))
    faults = verified(path)
    assert all(str(fault) for fault in faults)
    assert spoilt == files[name] or any(fault.place.startswith(name) for fault in faults)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_with_all_hashes_made_anew_never_crashes(light, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "forged.zip"
    path.write_bytes(light)
    files = unpack(path)
    name = data.draw(st.sampled_from(sorted(set(files) - {"manifest.json"})))
    spoilt = data.draw(st.one_of(*damaged(files[name])))
    forge(path, lambda inner, manifest: inner.update({name: spoilt}))
    assert all(str(fault) for fault in verified(path))


def test_a_bundle_read_back_gives_what_drawing_again_needs(bundle):
    opened = open_bundle(bundle)
    manifest, files = opened.sound_manifest, opened.files
    assert manifest.base == KOLORS
    assert manifest.lora is not None
    assert manifest.lora.source_sha256 == run_identity(KOLORS)["candidates"]["ink"]["lora_sha256"]
    assert sha256_bytes(files[manifest.lora.file]) == manifest.lora.sha256


def test_pictures_and_lora_are_decoded_once_whoever_asks_and_the_file_is_needed_no_more(bundle):
    opened = open_bundle(bundle)
    bundle.unlink()
    assert verify(opened) == ()
    for name in ("mosaic-2x4.png", *opened.panels):
        assert opened.picture(name)[0] is opened.picture(name)[0]
    assert opened.lora is opened.lora
    assert opened.lora.content is opened.lora.content
    assert verify(opened) == ()


def test_the_other_forms_of_the_lora_are_made_anew_to_the_byte(bundle):
    opened = open_bundle(bundle)
    record = opened.sound_manifest.lora
    others = {record.checkpoint}
    assert others.isdisjoint(opened.files)
    assert {name: opened.content(name) for name in opened.records} == unpack(bundle)


def test_a_bundle_that_cannot_be_read_back_says_why(bundle):
    repack(bundle, lambda files: files.pop("manifest.json"))
    with pytest.raises(BundleError, match=r"1 fault: manifest\.json: is missing"):
        _ = open_bundle(bundle).sound_manifest
