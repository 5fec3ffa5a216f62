import json
import time
from pathlib import Path

import pytest

from kit.messages import tr
from storykit.cli.terminal.progress import ProgressBar, progress_bar


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("STORYKIT_PROGRESS", str(path))
    return path


def read(path: Path) -> dict[str, object]:
    state = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(state, dict)
    return state


def awaited(path: Path, key: str, value: object) -> dict[str, object]:
    """Return the state once it says so; the test ends by itself where it never does."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and (state := read(path))[key] == value:
            return state
        time.sleep(0.01)
    raise AssertionError(f"{key} never was {value}")


def half_done(bar: ProgressBar) -> None:
    bar.begin(16, 4)
    bar.advance(4, "at the prompts")


def test_another_program_reads_how_far_a_task_is_while_it_runs(told: Path) -> None:
    with progress_bar("drawing") as bar:
        half_done(bar)
        state = awaited(told, "done", 8)
        assert state.keys() == {"task", "done", "total", "note", "each_s", "left_s", "at"}
        assert (state["task"], state["total"], state["note"]) == ("drawing", 16, "at the prompts")
        each, left = state["each_s"], state["left_s"]
        assert isinstance(each, float)
        assert left == pytest.approx(8 * each)


def test_the_last_state_stays_however_quick_the_task_was(told: Path) -> None:
    with progress_bar("scoring") as bar:
        bar.begin(64, 0)
        bar.advance(64)
    state = read(told)
    assert (state["task"], state["done"], state["total"], state["left_s"]) == ("scoring", 64, 64, None)


def test_a_size_that_is_not_known_yet_is_none(told: Path) -> None:
    with progress_bar("loading") as bar:
        bar.note("checking the base")
    state = read(told)
    assert (state["total"], state["each_s"], state["note"]) == (None, None, "checking the base")


def test_the_file_is_english_whatever_the_reader_speaks(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    with progress_bar(tr("drawing")) as bar:
        bar.note(tr("checking the base"))
    assert (read(told)["task"], read(told)["note"]) == ("drawing", "checking the base")


@pytest.mark.parametrize("kind", ["no such folder", "a folder in its place", "nothing named"])
def test_a_task_does_its_work_where_nothing_can_be_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"no such folder": tmp_path / "gone" / "p.json", "a folder in its place": tmp_path}
    monkeypatch.setenv("STORYKIT_PROGRESS", str(places.get(kind, "")))
    with progress_bar("drawing") as bar:
        half_done(bar)
    assert bar.state().done == 8
