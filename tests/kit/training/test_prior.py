"""Prior preservation: class pictures beside the figure's, drawn by the base or a user's own."""

import shutil
from pathlib import Path

import pytest
import tomli_w
from fakes import fake_picture, toy_base
from toy_training import SHORT, SilentListener, encoded, same_pairs, training_file

from kit.errors import InputError, StorykitError, TrainError
from kit.lora.formats import read_content
from kit.models.base import load_base
from kit.training.config import load_training
from kit.training.loop import TrainState, TrainStep, WeightedExamples
from kit.training.lora_layers import train_lora
from kit.training.train import train

PRIOR = {"prompt": "一只猫", "pictures": 2}


class Losses:
    """Hears the loss of each step and keeps nothing."""

    def __init__(self) -> None:
        self.heard: list[float] = []

    def begin(self) -> TrainState | None:
        return None

    def on_step(self, step: TrainStep) -> None:
        self.heard.append(step.loss)

    def save_checkpoint(self, state: TrainState, learned: object) -> None:
        pass


class Stopped(Exception):
    """Somebody ended the training."""


class Stopping(SilentListener):
    """Ends a training at a step, or when so many notes were said."""

    def __init__(self, step: int = 0, note: str = "") -> None:
        self.step, self.text, self.done = step, note, 0

    def note(self, text: str) -> None:
        if self.text and self.text in text:
            raise Stopped

    def begin(self, total: int, done: int) -> None:
        self.done = done

    def advance(self, count: int, note: str = "") -> None:
        self.done += count
        if self.done == self.step:
            raise Stopped


def file_with(folder: Path, tables: dict[str, object], **learn: object) -> Path:
    """Return a training file of a figure on the toy base, with other tables."""
    path = training_file(folder)
    document = {"data": "data", "base": str(toy_base()), "preset": "dreambooth"}
    small = {"rank": 2, "steps": 6, "batch": 2, "size": 32, "save_every": 2, "trigger": "ktxl猫"}
    path.write_text(tomli_w.dumps(document | {"learn": small | learn} | tables), encoding="utf-8")
    return path


def test_the_loss_is_the_figures_and_the_weighted_one_of_the_class(tmp_path):
    unet = load_base(toy_base()).unet()
    figure, kind = (encoded(tmp_path / name, captions) for name, captions in (("a", "猫"), ("b", "狗鸟")))
    step = SHORT.model_copy(update={"steps": 1})

    def first(prior: WeightedExamples | None) -> float:
        losses = Losses()
        train_lora(unet, figure, step, losses, prior)
        return losses.heard[0]

    alone, beside = first(None), first(WeightedExamples(kind, 1.0, "prior")) - first(None)
    assert beside > 0.1
    assert first(WeightedExamples(kind, 0.7, "prior")) == pytest.approx(alone + 0.7 * beside, rel=1e-5)
    assert not same_pairs(
        train_lora(unet, figure, SHORT),
        train_lora(unet, figure, SHORT, None, WeightedExamples(kind, 1.0, "prior")),
    )


def test_a_training_stopped_while_it_draws_the_class_and_while_it_learns_ends_the_same(tmp_path):
    training = load_training(file_with(tmp_path, {"prior": PRIOR}, learning_rate=1e-2))
    whole = train(training, tmp_path / "whole" / "cat", SilentListener(), "cpu")
    out = tmp_path / "stopped" / "cat"
    with pytest.raises(Stopped):
        train(training, out, Stopping(note="class pictures: 0 of 2"), "cpu")
    shutil.copytree(whole.parent / "class", out / "class")
    first, second = sorted((out / "class").iterdir())
    second.unlink()
    before = first.stat().st_mtime_ns
    with pytest.raises(Stopped):
        train(training, out, Stopping(step=3), "cpu")
    assert second.read_bytes() == (whole.parent / "class" / second.name).read_bytes(), "drawn on"
    assert first.stat().st_mtime_ns == before, "not drawn again"
    assert train(training, out, SilentListener(), "cpu").read_bytes() == whole.read_bytes()
    notes = read_content(whole).notes
    assert (notes["ss_num_reg_images"], notes["ss_prior_loss_weight"]) == ("2", "0.7")
    other = load_training(file_with(tmp_path, {"prior": PRIOR | {"weight": 1.0}}, learning_rate=1e-2))
    with pytest.raises(TrainError, match="a training of other settings"):
        train(other, out, SilentListener(), "cpu")


def test_a_prior_that_counts_nothing_draws_nothing_and_any_preset_may_have_one(tmp_path):
    tables = {"prior": PRIOR | {"weight": 0}, "preset": "style"}
    train(load_training(file_with(tmp_path, tables, steps=1)), tmp_path / "cat", SilentListener(), "cpu")
    assert not (tmp_path / "cat" / "class").exists()


def test_ones_own_class_pictures_are_learned_with_their_captions_and_belong_to_the_training(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for name in ("a", "b", "c", "d"):
        fake_picture(name, 48).save(own / f"{name}.png")
    (own / "a.txt").write_text("一只黑猫", "utf-8")
    training = load_training(
        file_with(tmp_path, {"prior": PRIOR | {"folder": "own"}}, steps=2, learning_rate=1e-2)
    )
    first = train(training, tmp_path / "cat", SilentListener(), "cpu")
    assert not (tmp_path / "cat" / "class").exists()
    for name, other in (("a", "c"), ("b", "d")):
        shutil.copyfile(own / f"{other}.png", own / f"{name}.png")
    with pytest.raises(TrainError, match="other settings, pictures"):
        train(training, tmp_path / "cat", SilentListener(), "cpu")
    again = train(training, tmp_path / "again" / "cat", SilentListener(), "cpu")
    assert again.read_bytes() != first.read_bytes()


@pytest.mark.parametrize(
    ("tables", "learn", "told"),
    [
        ({"prior": PRIOR | {"folder": "data", "pictures": 9}}, {}, "prior.pictures = 9, but .* has 3: add"),
        (
            {"prior": PRIOR | {"folder": "empty"}},
            {},
            "has no picture of the class: add 2, or leave prior.folder",
        ),
        ({"prior": PRIOR | {"prompt": " "}}, {}, "prior.prompt: must say something, such as dog, got ' '"),
        ({"prior": PRIOR}, {"rank": 100_000}, "learn.rank: must be at most 1024"),
        ({"prior": PRIOR}, {"trigger": "一只猫"}, "'一只猫' is a word that the base knows"),
        ({"prior": PRIOR}, {"trigger": "小一只猫"}, "'小' is a word that the base knows"),
        ({"prior": PRIOR}, {"trigger": " "}, "learn.trigger must name what is learned: .* ktxl一只猫"),
        ({}, {}, r'preset = "dreambooth" needs the class of what is learned: write \[prior\]'),
        ({"prior": {"pictures": 3}}, {}, "prior.prompt"),
        ({"prior": PRIOR | {"weight": -1}}, {}, "prior.weight"),
        ({"prior": PRIOR | {"folder": "none"}}, {}, "the folder with class pictures none does not exist"),
    ],
)
def test_what_holds_no_class_is_refused_in_a_line_before_anything_is_trained(tmp_path, tables, learn, told):
    (tmp_path / "empty").mkdir()
    with pytest.raises((InputError, TrainError), match=told) as refused:
        train(load_training(file_with(tmp_path, tables, **learn)), tmp_path / "cat", SilentListener(), "cpu")
    assert isinstance(refused.value, StorykitError)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "cat").exists()
