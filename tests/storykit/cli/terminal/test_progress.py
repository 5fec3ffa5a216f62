import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from storykit.cli.terminal.progress import progress_bar, seconds_each


class Spoken(StringIO):
    """Standard error that is no terminal, and says when a line that holds some words has come."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = ""
        self.came = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        if self.awaited and self.awaited in self.getvalue():
            self.came.set()
        return count


@contextmanager
def spoken() -> Iterator[Spoken]:
    said = Spoken()
    with redirect_stderr(said):
        yield said


def test_the_number_is_told_before_the_first_is_done_and_a_forecast_after_the_first_batch() -> None:
    with spoken() as said, progress_bar("drawing", announced=True) as bar:
        bar.begin(16, 4)
        assert said.getvalue() == "... drawing: 4 of 16\n"
        bar.note("reading the prompts")
        bar.advance(4)
        bar.advance(4)
    _, second = said.getvalue().splitlines()
    assert second.startswith("... drawing: 8 of 16, ")
    assert " s each, about " in second
    assert second.endswith(" left")


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ([(5.0, 3)], None),
        ([(5.0, 3), (5.0, 3)], None),
        ([(5.0, 3), (5.0, 11)], 0.0),
        ([(5.0, 3), (21.0, 11)], 2.0),
        ([(0.0, 0), (2.0, 1), (4.0, 2), (6.0, 3)], 2.0),
        ([(0.0, 0), (2.0, 8), (2.0, 16), (4.0, 24), (4.0, 32)], 0.125),
    ],
)
def test_a_piece_takes_what_it_took_in_the_later_half_of_the_time(
    counted: list[tuple[float, int]], expected: float | None
) -> None:
    assert seconds_each(counted) == expected


def test_a_first_batch_that_compiles_is_soon_forgotten_in_the_forecast() -> None:
    counted = [(0.0, 0), *((55.0 + 13 * number, 8 * number) for number in range(1, 21))]
    far = [seconds_each(counted[: number + 1]) / (13 / 8) for number in range(1, 21)]
    assert far[0] > 5
    assert far[4] < 1.5
    assert max(far[9:]) <= 1.01
    assert min(far) >= 0.99


def test_nothing_is_announced_where_all_is_done() -> None:
    with spoken() as said, progress_bar("drawing", announced=True) as bar:
        bar.begin(16, 16)
    assert said.getvalue() == ""


@pytest.mark.parametrize("words", ["reading the prompts", "loss 0.1 [bold]"])
def test_a_line_comes_now_and_then_though_nothing_can_be_counted_yet(words: str) -> None:
    with spoken() as said:
        said.awaited = f"... training: {words}\n"
        with progress_bar("training", every_s=0.01) as bar:
            bar.note(words)
            assert said.came.wait(60)


def test_other_stages_are_silent_when_they_are_quick() -> None:
    with spoken() as said, progress_bar("scoring") as bar:
        bar.begin(64, 0)
        bar.advance(64)
    assert said.getvalue() == ""


def test_nothing_is_told_twice_where_another_program_reads_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYKIT_PROGRESS", str(tmp_path / "progress.json"))
    with spoken() as said, progress_bar("drawing", announced=True) as bar:
        bar.begin(16, 4)
    assert said.getvalue() == "... drawing: 4 of 16\n"
