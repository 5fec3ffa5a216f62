from pathlib import Path

import pytest

from kit.errors import InputError
from kit.experiment.config import load_experiment
from kit.experiment.tables import ScoreTable, can_read_letters


def experiment(folder: Path, letters: str) -> Path:
    (folder / "story.txt").write_text("\n".join(f"小猫{k}" for k in range(8)), "utf-8")
    path = folder / "experiment.toml"
    lines = ['stories = ["story.txt"]', "seeds = [0]", "[score]", letters, "[[candidate]]", 'name = "base"']
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_letters_are_not_read_unless_an_experiment_asks_for_it(tmp_path: Path) -> None:
    assert ScoreTable().letters is False
    assert load_experiment(experiment(tmp_path, "")).experiment.score.letters is False
    assert load_experiment(experiment(tmp_path, "letters = false")).experiment.score.letters is False


@pytest.mark.parametrize("value", ['"yes"', "1", '"true"'])
def test_letters_are_true_or_false_and_nothing_that_is_taken_for_it(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match=r"score\.letters"):
        load_experiment(experiment(tmp_path, f"letters = {value}"))


@pytest.mark.skipif(can_read_letters(), reason="the extra is installed")
def test_who_asks_for_letters_without_the_extra_is_told_before_anything_is_drawn(tmp_path: Path) -> None:
    path = experiment(tmp_path, "letters = true")
    with pytest.raises(InputError, match=r"score\.letters: .*pip install storykit\[letters\]"):
        load_experiment(path)
    assert load_experiment(path, weights_exist=False).experiment.score.letters, "scored on another machine"


def test_letters_are_taken_where_they_can_be_read(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    assert load_experiment(experiment(tmp_path, "letters = true")).experiment.score.letters
