from pathlib import Path

import numpy as np
import pytest
from stripes import Brightness, Columns, fill, new_run, put_panel, striped

from eval.scorers.load import Scorers
from eval.scoring.measure import measure
from eval.scoring.remembered import RememberedTexts, as_scored
from eval.scoring.score import score
from kit.errors import ScoreError
from kit.experiment.run import Run, Slot


def never() -> Scorers:
    pytest.fail("the scorers were loaded")


@pytest.fixture
def run(tmp_path) -> Run:
    made = fill(new_run(tmp_path))
    score(made, Scorers(aesthetic=Brightness(), encoder=Columns()))
    return made


def test_a_scored_run_is_measured_again_without_its_scorers(run):
    whole = measure(run, Scorers(aesthetic=Brightness(), encoder=Columns()))
    tools = as_scored(run, never)
    known = measure(run, tools)
    assert known.aesthetic == whole.aesthetic
    assert all(np.array_equal(known.embeddings[name], row) for name, row in whole.embeddings.items())
    assert not known.fresh


def test_texts_are_read_once_and_are_the_same_bytes(tmp_path: Path):
    encoder = Columns()
    texts = [f"小女孩，地方{k}" for k in range(3)]
    rows = encoder.texts(texts)
    asked = len(encoder.read)
    remembered = RememberedTexts(encoder.stamp, tmp_path / "scores.sqlite", lambda: encoder)
    first, again = remembered.texts(texts), remembered.texts(texts)
    assert np.array_equal(first, rows)
    assert np.array_equal(again, rows)
    assert len(encoder.read) == 2 * asked
    assert np.array_equal(remembered.texts(texts[:2]), rows[:2])
    later = RememberedTexts(encoder.stamp, tmp_path / "scores.sqlite", never)
    assert np.array_equal(later.texts(texts), rows)


def test_a_new_picture_has_the_scorers_loaded_if_they_are_those_of_the_run(run):
    slot = Slot(*next(iter(run.wanted())))
    put_panel(run, slot, striped(1, level=190))
    loaded = []

    def load() -> Scorers:
        loaded.append(1)
        return Scorers(aesthetic=Brightness(), encoder=Columns())

    assert len(measure(run, as_scored(run, load)).fresh) == 1
    assert loaded == [1]
    put_panel(run, slot, striped(2, level=190))
    other = Scorers(aesthetic=Brightness("d" * 64), encoder=Columns())
    with pytest.raises(ScoreError, match="scored with other weights than fake: score again"):
        measure(run, as_scored(run, lambda: other))


def test_a_run_that_is_not_scored_has_its_scorers_loaded(tmp_path):
    tools = Scorers(aesthetic=Brightness(), encoder=Columns())
    assert as_scored(fill(new_run(tmp_path)), lambda: tools).aesthetic is tools.aesthetic
