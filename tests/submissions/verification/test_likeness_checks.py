import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import MANIFEST, Manifest
from submissions.bundle.mosaic import CELL, GRIDS
from submissions.verification.likeness_checks import likeness_faults

Pixels = np.ndarray


def png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def pixels_of(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture).copy()


def told_of(opened: Bundle, files: dict[str, bytes], mosaic: str = "") -> str:
    told = json.loads(opened.files[MANIFEST])
    manifest = Manifest.model_validate_json(json.dumps(told | {"mosaic": mosaic or told["mosaic"]}))
    bundle = Bundle(files={**opened.files, **files}, manifest=manifest)
    return "\n".join(map(str, likeness_faults(bundle, manifest)))


def repainted(opened: Bundle, paint: Callable[[int, Pixels], Pixels]) -> str:
    """Return what is said of a bundle with other panels and no mosaics."""
    names = [f"panels/{panel}.png" for panel in range(1, 9)]
    files = {name: png(paint(at, pixels_of(opened.files[name]))) for at, name in enumerate(names)}
    kept = {name: data for name, data in opened.files.items() if not name.startswith("mosaic")}
    return told_of(Bundle(files=kept, manifest=opened.manifest), files)


def noise(at: int, shape: tuple[int, ...]) -> Pixels:
    return np.random.default_rng(at).normal(0, 6, shape)


@pytest.mark.parametrize(
    ("paint", "count"),
    [
        (lambda at, old: np.full_like(old, 100 + at), 8),
        (lambda at, old: np.full(old.shape, 120) + 0.2 * noise(at, old.shape), 8),
        (lambda at, old: np.zeros_like(old) if at == 3 else old, 1),
    ],
    ids=["grey", "grey-with-noise", "one-black"],
)
def test_panels_that_show_nothing_are_named(opened, paint, count):
    assert repainted(opened, paint).count("shows nothing, it has one colour all over") == count


def _first(opened: Bundle) -> Pixels:
    return pixels_of(opened.files["panels/1.png"]).astype(np.int16)


@pytest.mark.parametrize(
    "change",
    [
        lambda at, first: np.where(np.arange(first.size).reshape(first.shape) == at, first ^ 8, first),
        lambda at, first: np.clip(first + noise(at, first.shape) / 3, 0, 255),
        lambda at, first: np.clip(first + at / 2, 0, 255),
        lambda at, first: first[:, ::-1] if at % 2 else np.clip(first + at / 2, 0, 255),
    ],
    ids=["one-value", "noise", "brighter", "mirrored"],
)
def test_eight_times_nearly_one_picture_is_named(opened, change):
    said = repainted(opened, lambda at, old: change(at, _first(opened)))
    assert said.count("is nearly the same picture as panels/1.png") == 7


def _figure(at: int, shape: tuple[int, ...]) -> Pixels:
    """A small dark figure on white paper, at another place in each panel."""
    paper = np.full(shape, 250)
    paper[4 + 3 * at : 8 + 3 * at, 26 - 3 * at : 32 - 3 * at] = 20
    return paper


@pytest.mark.parametrize(
    "paint",
    [
        lambda at, old: old,
        lambda at, old: np.clip(old // 8 + 4 * at, 0, 255),
        lambda at, old: _figure(at, old.shape),
    ],
    ids=["squares", "a-dark-story", "small-figures-on-white"],
)
def test_eight_pictures_of_one_manner_are_let_through(opened, paint):
    assert repainted(opened, paint) == ""


def _swapped(mosaic: Pixels) -> Pixels:
    left, right = np.s_[160:190, 70:100], np.s_[160:190, 230:260]
    mosaic[left], mosaic[right] = mosaic[right].copy(), mosaic[left].copy()
    return mosaic


def _stamped(mosaic: Pixels) -> Pixels:
    mosaic[5:20, 5:20] = (200, 30, 30)
    return mosaic


def _written_between(mosaic: Pixels) -> Pixels:
    mosaic[100:140, 8:16] = (43, 42, 40)
    return mosaic


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.file)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_swapped, "does not show the panels of the bundle"),
        (
            lambda old: np.minimum(old, 250) + 3,
            "does not show the panels of the bundle: 1, 2, 3, 4, 5, 6, 7, 8 differ",
        ),
        (lambda old: old[:-1], "is no mosaic of"),
        (lambda old: old[:1, :1], "is no mosaic of"),
        (_stamped, "holds something beside panels, numbers and captions"),
        (_written_between, "holds something between its panels"),
    ],
    ids=["swapped", "brighter", "cut", "one-pixel", "stamped", "written-between"],
)
def test_a_mosaic_that_does_not_show_the_panels_is_named(opened, grid, change, fault):
    mosaic = change(pixels_of(opened.files[grid.file]))
    assert f"{grid.file}: {fault}" in told_of(opened, {grid.file: png(mosaic)})


def test_mosaics_as_packed_are_let_through_and_are_of_whole_panels(opened):
    assert told_of(opened, {}) == ""
    assert Image.open(io.BytesIO(opened.files[GRIDS[0].file])).width > 2 * CELL


def test_a_note_of_numbers_only_allows_no_room_for_captions(opened):
    from kit.images.lettering import NUMBERS_ONLY

    bare = opened.sound_manifest.mosaic == NUMBERS_ONLY
    assert bare or "is no mosaic of" in told_of(opened, {}, mosaic=NUMBERS_ONLY)
