import os
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, Lock

import numpy as np
import pytest
from calibrations import made_calibration
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eval.gate.gate import gate
from eval.scorers.protocols import Metric, Stamp
from eval.validation.corruptions import rendered, resized
from kit.errors import ScoreError
from kit.images.decode import open_picture
from kit.world.tale import sample_tale


class Brightness:
    """Scores 0 (black) to 10.2 (white) by the mean grey level."""

    metric = Metric(
        name="aesthetic",
        title="Brightness",
        direction="higher",
        range=(0.0, 10.2),
        unit="points",
        source="test",
        stamp=Stamp(weights="fake", weights_sha256="b" * 64, preprocessing="p", embedded=True),
    )

    at_once = 1

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        return [float(np.asarray(panel.convert("L")).mean()) / 25 for panel in panels]

    def seen(self, picture: Image.Image) -> Image.Image:
        return picture


def save(path: Path, score: float, size: tuple[int, int] = (16, 16)) -> None:
    """Save a striped picture whose score is `score`."""
    pixels = np.full((size[1], size[0]), round(score * 25), np.uint8)
    pixels[::2] += 5
    pixels[1::2] -= 5
    Image.fromarray(pixels).convert("RGB").save(path)


def test_the_mean_is_over_every_picture_directly_in_the_folder(tmp_path: Path) -> None:
    for name, score in (("1.png", 5), ("2.png", 6), ("3.bmp", 9)):
        save(tmp_path / name, score)
    (tmp_path / "more").mkdir()
    save(tmp_path / "more" / "4.png", 1)
    found = gate(tmp_path, Brightness())
    assert found.mean == pytest.approx(20 / 3)
    assert (found.verdict, found.weakest, found.faults) == ("pass", "1.png", ())
    assert [file.file for file in found.files] == ["1.png", "2.png", "3.bmp"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_the_mean_is_the_arithmetic_mean_however_many(
    tmp_path_factory: pytest.TempPathFactory, scores: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("gate")
    for number, score in enumerate(scores):
        save(folder / f"{number}.bmp", score)
    assert gate(folder, Brightness()).mean == pytest.approx(np.mean(scores))


def test_the_threshold_itself_passes_and_less_fails(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 6)
    assert gate(tmp_path, Brightness(), threshold=6.0).verdict == "pass"
    assert gate(tmp_path, Brightness(), threshold=6.01).verdict == "fail"


def test_a_file_that_is_no_picture_leaves_no_official_score(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 7)
    (tmp_path / ".DS_Store").write_bytes(b"\0\1\2")
    found = gate(tmp_path, Brightness())
    assert (found.mean, found.verdict, found.mean_of_pictures) == (None, "no-score", 7.0)
    assert found.faults[0].startswith(".DS_Store: is not a picture")
    assert found.files[0].score is None


def test_a_torn_picture_is_named(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 7)
    save(tmp_path / "2.png", 7, (64, 64))
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:70])
    found = gate(tmp_path, Brightness())
    assert found.verdict == "no-score"
    assert [fault.split(":")[0] for fault in found.faults] == ["2.png"]


def test_a_mosaic_counts_in_the_mean_and_is_named(tmp_path: Path) -> None:
    for number, score in enumerate((3.2, 4, 5, 5.6, 6.4, 7, 8, 8.8)):
        save(tmp_path / f"{number}.png", score)
    save(tmp_path / "mosaic.png", 3, (32, 64))
    found = gate(tmp_path, Brightness())
    assert found.mean == pytest.approx(51 / 9)
    assert found.verdict == "fail"
    assert found.faults == ("mosaic.png: is 32 x 64, 8 of 9 are 16 x 16; it counts in the mean, too",)


def test_of_pictures_of_many_sizes_none_is_said_to_be_that_of_most(tmp_path: Path) -> None:
    for number, side in enumerate((260, 300, 340)):
        save(tmp_path / f"{number}.png", 3 + number, (side, side))
    assert gate(tmp_path, Brightness()).faults == (
        "1.png: is 300 x 300, 1 of 3 are 260 x 260; it counts in the mean, too",
        "2.png: is 340 x 340, 1 of 3 are 260 x 260; it counts in the mean, too",
    )


def test_a_flat_picture_is_scored_and_named(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "black.png")
    found = gate(tmp_path, Brightness())
    assert found.mean == 0
    assert found.faults == ("black.png: has one colour all over",)


def test_transparent_and_grey_pictures_are_scored(tmp_path: Path) -> None:
    Image.effect_noise((16, 16), 60).save(tmp_path / "grey.png")
    Image.effect_noise((16, 16), 60).convert("RGBA").save(tmp_path / "clear.png")
    found = gate(tmp_path, Brightness())
    assert all(file.score is not None for file in found.files)


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="has no picture directly in it"):
        gate(tmp_path, Brightness())
    with pytest.raises(ScoreError, match="none does not exist; give a folder with PNG"):
        gate(tmp_path / "none", Brightness())


class Sharpness(Brightness):
    """Scores 5 for a smooth picture and more for fine stripes, which a smaller picture loses."""

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        rows = [np.asarray(panel.convert("L")).astype(float) for panel in panels]
        return [5 + float(np.abs(np.diff(row, axis=0)).mean()) / 10 for row in rows]


def test_the_mean_after_harmless_changes_is_told(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", 6, (64, 64))
    found = gate(tmp_path, Sharpness())
    assert list(found.elsewhere) == ["as JPEG, quality 90", "2% smaller"]
    assert found.elsewhere["2% smaller"] < found.mean - 0.05
    assert found.elsewhere["as JPEG, quality 90"] == pytest.approx(found.mean, abs=0.3)


def test_a_picture_that_is_not_rgb_is_named(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 7)
    with Image.open(tmp_path / "1.png") as picture:
        picture.convert("RGBA").save(tmp_path / "2.png")
    found = gate(tmp_path, Brightness())
    assert found.faults == ("2.png: is RGBA, not RGB; it is scored as RGB, which may look different",)
    assert found.verdict == "pass"


def test_a_folder_without_a_picture_has_no_mean_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no picture")
    assert gate(tmp_path, Brightness()).elsewhere == {}


def test_copies_of_one_picture_are_named_whatever_their_file(tmp_path: Path) -> None:
    panels = rendered(sample_tale(2).scenes)
    for number, panel in enumerate(panels, 1):
        panel.save(tmp_path / f"{number}.png")
    assert gate(tmp_path, Brightness()).faults == ()
    panels[2].save(tmp_path / "again.jpg", quality=60)
    resized(panels[5]).save(tmp_path / "small.png")
    assert gate(tmp_path, Brightness()).faults == (
        "again.jpg: is the same picture as 3.png",
        "small.png: is the same picture as 6.png",
    )


def test_eight_copies_of_one_good_panel_are_duplicates(tmp_path: Path) -> None:
    panel = rendered(sample_tale(2).scenes)[0]
    for number in range(1, 9):
        panel.save(tmp_path / f"{number}.png")
    found = gate(tmp_path, Brightness())
    assert found.faults == tuple(f"{k}.png: is the same picture as 1.png" for k in range(2, 9))
    assert found.mean == pytest.approx(Brightness().score([panel])[0]), "the contest's number is what it is"


@pytest.mark.parametrize(("kind", "values"), [("png", np.uint16), ("tif", np.float32), ("tif", np.int32)])
def test_a_picture_deeper_than_8_bit_is_named_as_such_though_it_becomes_white(tmp_path, kind, values):
    greys = np.linspace(3000, 30000, 256).reshape(16, 16).astype(values)
    Image.fromarray(greys).save(tmp_path / f"deep.{kind}")
    [fault] = gate(tmp_path, Brightness()).faults
    assert "of 16 bit or more: as RGB what is above 255 becomes white" in fault
    assert "save it as RGB of 8 bit" in fault


def test_a_dark_picture_of_8_bit_is_no_deep_one(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 0.3)
    assert gate(tmp_path, Brightness()).faults == ()


def test_pipes_devices_and_folders_are_no_files_of_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 7)
    os.mkfifo(tmp_path / "2.png")
    (tmp_path / "3.png").symlink_to("/dev/zero")
    (tmp_path / "4.png").mkdir()
    (tmp_path / "5.png").symlink_to("x" * 300)
    assert [file.file for file in gate(tmp_path, Brightness()).files] == ["1.png"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs files of Linux' kernel")
def test_a_file_of_the_kernel_which_may_never_end_is_an_empty_file(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 7)
    (tmp_path / "2.png").symlink_to("/proc/self/status")
    [fault] = gate(tmp_path, Brightness()).faults
    assert fault.startswith("2.png: is an empty file; take it out")


def test_a_file_in_a_format_that_runs_programs_is_named_and_not_opened(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 7)
    (tmp_path / "2.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    found = gate(tmp_path, Brightness())
    assert found.verdict == "no-score"
    assert found.faults[0].startswith("2.png: is an EPS picture, which is not opened here")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is decoded, by name, while a test runs."""
    names: list[str] = []

    def opened(path: Path) -> Image.Image:
        names.append(path.name)
        return open_picture(path)

    monkeypatch.setattr("eval.gate.folder_pictures.open_picture", opened)
    return names


LARGE = (256, 256)


@pytest.mark.parametrize(("score", "tried"), [(6.7, False), (5.3, False), (6.3, True), (5.8, True)])
def test_harmless_changes_are_tried_where_they_might_change_the_verdict(
    tmp_path: Path, decoded: list[str], score: float, tried: bool
) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", score, LARGE)
    found = gate(tmp_path, Brightness())
    assert bool(found.elsewhere) == tried
    assert decoded == ["0.png", "1.png", "2.png"], "each once"


def test_of_many_pictures_as_many_are_tried_as_it_takes_to_be_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.gate.folder_pictures.SURE_SIDE", 0)
    rng = np.random.default_rng(0)
    for number, grain in enumerate(rng.integers(4, 14, 100)):
        pixels = rng.integers(128 - grain, 129 + grain, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.bmp")
    with monkeypatch.context() as doubting:
        doubting.setattr("eval.gate.harmless.SURE", np.inf)
        whole = gate(tmp_path, Sharpness(), threshold=5.3)
    assert whole.tried == 100
    as_jpeg = whole.elsewhere["as JPEG, quality 90"]
    tried = {}
    for away in (0.3, 0.02, 0.0001):
        found = gate(tmp_path, Sharpness(), threshold=as_jpeg + away)
        tried[away] = found.tried
        for how, mean in found.elsewhere.items():
            assert (mean < as_jpeg + away) == (whole.elsewhere[how] < as_jpeg + away)
            assert mean == pytest.approx(whole.elsewhere[how], abs=0.03)
    assert tried[0.3] == 16 < tried[0.02] < tried[0.0001] == 100


def test_small_pictures_are_tried_however_far_the_threshold_is(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 9, LARGE)
    assert not gate(tmp_path, Brightness()).elsewhere
    save(tmp_path / "2.png", 9, (512, 255))
    assert len(gate(tmp_path, Brightness()).elsewhere) == 2


def test_pictures_that_are_too_many_to_keep_are_decoded_again_for_the_same_answer(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", 5.7 + number / 5, LARGE)
    kept = gate(tmp_path, Sharpness())
    decoded.clear()
    monkeypatch.setattr("eval.gate.folder_pictures.PIXELS", 3 * 256 * 256)
    assert gate(tmp_path, Sharpness()) == kept
    assert sorted(decoded) == sorted([f"{number}.png" for number in range(4)] * 2)


def test_a_picture_that_is_gone_when_it_is_decoded_again_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.gate.folder_pictures.PIXELS", 16)

    class Moving(Brightness):
        def score(self, panels: Sequence[Image.Image]) -> list[float]:
            (tmp_path / "1.png").unlink(missing_ok=True)
            return super().score(panels)

    save(tmp_path / "1.png", 6)
    with pytest.raises(ScoreError, match=r"1.png changed while it was scored: it does not exist; try again"):
        gate(tmp_path, Moving())


@pytest.mark.parametrize("height", [1, 3])
def test_a_picture_of_so_few_rows_that_they_are_taken_for_colours_leaves_no_official_score(
    tmp_path: Path, height: int
) -> None:
    """CLIPImageProcessor fails on one row of pixels, and sees three as the colours of another picture."""
    save(tmp_path / "1.png", 7)
    save(tmp_path / "2.png", 7, (2, 2))
    save(tmp_path / "line.png", 7, (300, height))
    found = gate(tmp_path, Brightness())
    assert (found.mean, found.mean_of_pictures) == (None, 7.0)
    [fault] = [fault for fault in found.faults if fault.startswith("line")]
    assert f"is 300 x {height}: the contest's script takes one or three rows of pixels for colours" in fault


def test_large_pictures_are_not_all_held_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    lock = Lock()

    class Slow(Brightness):
        now = 0

        def seen(self, picture: Image.Image) -> Image.Image:
            with lock:
                self.now += picture.width * picture.height
                held.append(self.now)
            time.sleep(0.02)
            with lock:
                self.now -= picture.width * picture.height
            return picture

    for number in range(6):
        save(tmp_path / f"{number}.png", number + 2, (16, 16))
    save(tmp_path / "large.png", 7, (64, 64))
    (tmp_path / "a.txt").write_text("no picture")
    monkeypatch.setattr("eval.gate.folder_pictures.PIXELS", 2 * 16 * 16)
    monkeypatch.setattr("kit.threads._threads", lambda: 8)
    found = gate(tmp_path, Slow())
    small = [pixels for pixels in held if pixels <= 8 * 16 * 16]
    assert max(small) <= 2 * 16 * 16
    assert max(held) == 64 * 64, "alone"
    assert [file.score for file in found.files[:6]] == [pytest.approx(number + 2) for number in range(6)]


def test_as_many_batches_are_scored_at_a_time_as_there_are_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Barrier(2, timeout=60)

    class Two(Brightness):
        at_once = 2

        def score(self, panels: Sequence[Image.Image]) -> list[float]:
            both.wait()  # ends when the other batch is here, too
            return super().score(panels)

    for number in range(8):
        save(tmp_path / f"{number}.png", 5.6 + number / 10, LARGE)
    monkeypatch.setattr("eval.gate.folder_pictures.BATCH", 2)
    assert gate(tmp_path, Two()) == gate(tmp_path, Brightness())


def test_a_picture_below_the_calibrated_floor_is_named_and_still_counts(tmp_path: Path) -> None:
    for name, score in (("1.png", 7), ("2.png", 2), ("3.png", 8)):
        save(tmp_path / name, score)
    known = made_calibration(aesthetic_floor=4.5)
    found = gate(tmp_path, Brightness(), calibration=known)
    assert found.mean == pytest.approx(17 / 3, abs=0.01)
    assert found.faults == ("2.png: scores 2.00, below 4.5: fog, noise or an unfinished picture scores so",)
    assert gate(tmp_path, Brightness()).faults == ()
