import tomllib

import pytest
import tomli_w
from pydantic import ValidationError
from toy_training import training_file
from watched_training import watched_training_file

from kit.errors import InputError
from kit.training.config import TrainConfig, Training, load_training


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"watch": {"story": "story.toml", "seeds": [3, 3]}}, "watch.seeds"),
        ({"watch": {"story": "none.toml"}}, "the story none.toml does not exist"),
        ({"watch": {"story": "story.toml", "seed": 1}}, "watch.seed"),
        ({"preset": ["style"]}, "preset"),
        ({"learn": {"steps": True}}, "learn.steps"),
    ],
)
def test_what_cannot_be_watched_is_named_with_its_place(tmp_path, change, said):
    path = watched_training_file(tmp_path)
    path.write_text(tomli_w.dumps(tomllib.loads(path.read_text("utf-8")) | change), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_training(path)
    assert said in str(refused.value)


def test_a_preset_can_be_changed_in_single_points(tmp_path):
    learn = load_training(training_file(tmp_path)).learn
    assert (learn.rank, learn.alpha, learn.clip, learn.min_snr_gamma) == (2, 16.0, 1.0, 5.0)


def test_the_contests_preset_is_the_baseline(tmp_path):
    learn = Training(data="data", base="kolors", preset="contest").learn
    assert (learn.rank, learn.alpha, learn.steps, learn.batch, learn.learning_rate) == (16, 4.0, 500, 1, 1e-4)
    assert (learn.size, learn.schedule, learn.clip, learn.min_snr_gamma) == (1024, "constant", None, None)
    assert (learn.precision, learn.checkpointing, learn.caption_dropout) == ("fp16", True, 0.0)


def test_every_fault_of_a_training_file_is_named_at_once(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(
        'data = "none"\npreset = "stile"\ncolour = 1\n[learn]\nrank = 0\nlr = 1.0\n', encoding="utf-8"
    )
    with pytest.raises(InputError) as refused:
        load_training(path)
    said = "\n".join(refused.value.faults)
    for fault in ("data: ", "preset: ", "colour: unknown key", "learn.rank: ", "learn.lr: unknown key"):
        assert fault in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"steps": 0},
        {"caption_dropout": 1.5},
        {"size": 100},
        {"lr": 1.0},
        {"alpha": float("inf")},
        {"ema": 1.0},
        {"schedule": "step"},
        {"warmup": 1.0},
        {"precision": "int8"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainConfig(**wrong)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('buckets = "yes"', "must be true or false, got 'yes'"),
        ("buckets = 1", "must be true or false, got 1"),
        ("rslora = 1", "must be true or false, got 1"),
        ('checkpointing = "true"', "got 'true'; write true without quotes"),
        ('alpha = "4"', "must be a number, got '4'; write 4 without quotes"),
        ("alpha = true", "must be a number, got True"),
        ('seed = "3"', "must be a whole number, got '3'; write 3 without quotes"),
        ("seed = 3.0", "must be a whole number, got 3.0"),
        ('warmup = "0.1"', "must be a number, got '0.1'"),
        ("noise_offset = false", "must be a number, got False"),
        ("ema = inf", "learn.ema: must be"),
        ("lr = 0.1", "unknown key"),
        ("learning-rate = 0.1", "unknown key; did you mean learning_rate?"),
        ("Rank = 4", "unknown key; did you mean rank?"),
    ],
)
def test_a_value_of_another_kind_is_no_value_of_a_training(tmp_path, line, told):
    (tmp_path / "data").mkdir()
    path = tmp_path / "train.toml"
    path.write_text(f'data = "data"\n[learn]\n{line}\n')
    with pytest.raises(InputError) as caught:
        load_training(path)
    assert told in caught.value.faults[0]


def test_whole_numbers_are_numbers_of_a_training(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "train.toml"
    path.write_text('data = "data"\n[learn]\nalpha = 4\nnoise_offset = 0\nbuckets = true\n')
    assert load_training(path).learn.alpha == 4.0
