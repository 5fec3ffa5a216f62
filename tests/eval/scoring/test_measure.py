from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stripes import Brightness, Columns, fill, new_run, put_panel, stripe_scorers, striped

from eval.scorers.load import Scorers
from eval.scoring.measure import measure
from eval.scoring.score import score
from kit.errors import ScoreError
from kit.experiment.run import Slot


class Both:
    """One network for scores and rows, which counts what it looks at."""

    def __init__(self) -> None:
        self.seen = 0

    def look(self, panels: Sequence[Image.Image]) -> tuple[list[float], np.ndarray]:
        self.seen += len(panels)
        return Brightness().score(panels), Columns().pictures(panels)


def test_measuring_with_one_tower_gives_the_same_and_knows_it_the_next_time(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path / "one"))
    tower = Both()
    one = measure(run, Scorers(aesthetic=Brightness(), encoder=Columns(), tower=tower))
    two = measure(fill(new_run(tmp_path / "two")), Scorers(aesthetic=Brightness(), encoder=Columns()))
    assert one.aesthetic == two.aesthetic
    assert all(np.array_equal(one.embeddings[name], row) for name, row in two.embeddings.items())
    seen = tower.seen
    assert seen == len(set(one.fresh))
    measure(run, Scorers(aesthetic=Brightness(), encoder=Columns(), tower=tower))
    assert tower.seen == seen


def test_scoring_again_measures_only_what_changed(tmp_path: Path) -> None:
    run, first, second = fill(new_run(tmp_path)), stripe_scorers(), stripe_scorers()
    before = score(run, first)
    again = score(run, second)
    assert (before.encoded, again.encoded) == (16, 0)
    assert again.panels == before.panels
    put_panel(run, Slot("ink", "authored", "story", 0, 3), striped(3, 90))
    third = stripe_scorers()
    assert score(run, third).encoded == 1
    assert isinstance(third.encoder, Columns)
    assert third.encoder.seen == 1


def test_other_weights_do_not_use_the_old_numbers(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, stripe_scorers())
    other = Brightness(weights="d" * 64)
    score(run, Scorers(aesthetic=other, encoder=Columns()))
    assert other.scored == 16


def test_equal_pictures_are_measured_once(tmp_path: Path) -> None:
    run, counting = new_run(tmp_path), stripe_scorers()
    for slot in run.wanted():
        put_panel(run, slot, striped(1))
    assert score(run, counting).encoded == 1


def test_a_stopped_scoring_keeps_what_it_measured(tmp_path: Path) -> None:
    run, breaking, after = fill(new_run(tmp_path, seeds=8)), Columns(), Columns()
    breaking.fails_after = 100
    with pytest.raises(KeyboardInterrupt):
        score(run, Scorers(aesthetic=Brightness(), encoder=breaking))
    score(run, Scorers(aesthetic=Brightness(), encoder=after))
    assert (breaking.seen, after.seen) == (96, 32)


def test_a_scorer_that_answers_nonsense_is_refused(tmp_path: Path) -> None:
    class Silent(Brightness):
        def score(self, panels: Sequence[Image.Image]) -> list[float]:
            return [float("nan")] * len(panels)

    class Forgetful(Brightness):
        def score(self, panels: Sequence[Image.Image]) -> list[float]:
            return [5.0]

    run = fill(new_run(tmp_path))
    with pytest.raises(ScoreError, match="finite numbers, got nan"):
        score(run, Scorers(aesthetic=Silent(), encoder=Columns()))
    with pytest.raises(ScoreError, match="each of 16 pictures, got 1"):
        score(run, Scorers(aesthetic=Forgetful(), encoder=Columns()))


def test_progress_hears_of_every_panel(tmp_path: Path) -> None:
    class Tally:
        total = done = 0

        def note(self, text: str) -> None:
            pass

        def begin(self, total: int, done: int) -> None:
            self.total, self.done = total, done

        def advance(self, count: int) -> None:
            self.done += count

    tally = Tally()
    score(fill(new_run(tmp_path, seeds=3)), stripe_scorers(), tally)
    assert (tally.done, tally.total) == (48, 48)


@pytest.mark.parametrize("at_once", [2, 7])
def test_batches_that_are_measured_at_the_same_time_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("eval.scoring.measure.BATCH", 3)
    one = measure(fill(new_run(tmp_path / "one")), Scorers(aesthetic=Brightness(), encoder=Columns()))
    several = Scorers(aesthetic=Brightness(), encoder=Columns(), at_once=at_once)
    two = measure(fill(new_run(tmp_path / "two")), several)
    assert list(one.aesthetic.items()) == list(two.aesthetic.items())
    assert (one.fresh, list(one.readings)) == (two.fresh, list(two.readings))
    assert all(np.array_equal(two.embeddings[name], row) for name, row in one.embeddings.items())


@pytest.mark.parametrize("at_once", [1, 7])
def test_a_picture_of_several_sets_is_measured_by_one_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("eval.scoring.measure.BATCH", 2)
    run, encoder = new_run(tmp_path), Columns()
    for slot in run.wanted():
        put_panel(run, slot, striped(slot.panel))
    measured = measure(run, Scorers(aesthetic=Brightness(), encoder=encoder, at_once=at_once))
    assert encoder.seen == len(measured.fresh) == len(set(measured.fresh)) == 8
    assert len(measured.readings) == 16
    assert {one.sha256 for one in measured.readings.values()} == set(measured.embeddings)
