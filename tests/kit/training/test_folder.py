import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tensorboardX.proto.event_pb2 import Event
from toy_training import SilentListener, finished_training, training_file

from kit.errors import RunError, TrainError
from kit.experiment.candidates.saved_steps import find_saved_steps
from kit.lora.formats import LoraPair
from kit.lora.lora import save_lora
from kit.training.config import load_training
from kit.training.folder import FolderHooks, TrainingFolder
from kit.training.train import train


def test_only_the_last_loras_of_the_steps_stay_when_asked(tmp_path):
    train(load_training(training_file(tmp_path, keep_last=2)), tmp_path / "ink", SilentListener(), "cpu")
    names = sorted(file.name for file in (tmp_path / "ink" / "steps").iterdir())
    assert names == ["000004.safetensors", "000006.safetensors"]


@pytest.mark.parametrize("change", [{"rank": 4}, {"seed": 1}, {"steps": 8}])
def test_a_folder_with_another_training_is_refused_and_stays(tmp_path, change):
    finished_training(tmp_path)
    before = (tmp_path / "ink" / "ink.safetensors").read_bytes()
    with pytest.raises(TrainError, match="holds a training of other settings"):
        train(load_training(training_file(tmp_path, **change)), tmp_path / "ink", SilentListener(), "cpu")
    assert (tmp_path / "ink" / "ink.safetensors").read_bytes() == before


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "ink").mkdir()
    (tmp_path / "ink" / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(TrainError, match="is not empty and holds no training"):
        train(load_training(training_file(tmp_path)), tmp_path / "ink", SilentListener(), "cpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("state.pt", r"state\.pt is damaged; delete it to begin anew"),
        ("train.json", r"train\.json is damaged: .* choose another --out"),
        ("log.csv", r"log\.csv is damaged: .* only the curve's past is lost"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, name, said):
    training = finished_training(tmp_path)
    for damaged in (b"step,loss\n1,nothing\n\xff", b"{"):
        (tmp_path / "ink" / name).write_bytes(damaged)
        if (name, damaged) != ("log.csv", b"{"):  # a table without rows
            with pytest.raises(RunError, match=said):
                train(training, tmp_path / "ink", SilentListener(), "cpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("log.csv", r"log\.csv is damaged: it is neither a file nor a folder; delete it"),
        ("steps/000006.safetensors", r"000006\.safetensors is damaged; delete it and type the same again"),
    ],
)
def test_a_device_in_a_files_place_is_not_waited_for(tmp_path, name, said):
    training = finished_training(tmp_path)
    (tmp_path / "ink" / name).unlink()
    (tmp_path / "ink" / name).symlink_to(os.devnull)
    with pytest.raises((RunError, TrainError), match=said):
        train(training, tmp_path / "ink", SilentListener(), "cpu")


def test_an_empty_state_is_damaged_too(tmp_path):
    training = finished_training(tmp_path)
    for damaged in (b"", b"junk"):
        (tmp_path / "ink" / "state.pt").write_bytes(damaged)
        with pytest.raises(RunError, match="is damaged; delete it"):
            train(training, tmp_path / "ink", SilentListener(), "cpu")


def test_a_damaged_last_step_is_told_and_written_again_when_it_is_deleted(tmp_path):
    training, last = finished_training(tmp_path), tmp_path / "ink" / "steps" / "000006.safetensors"
    whole = last.read_bytes()
    last.write_bytes(b"junk")
    with pytest.raises(
        TrainError, match=r"000006\.safetensors is damaged; delete it and type the same again"
    ):
        train(training, tmp_path / "ink", SilentListener(), "cpu")
    last.unlink()
    train(training, tmp_path / "ink", SilentListener(), "cpu")
    assert last.read_bytes() == whole


def test_weights_that_stop_being_numbers_end_the_training_and_the_good_state_is_named(tmp_path):
    training = load_training(training_file(tmp_path, steps=2, save_every=1))
    train(training, tmp_path / "ink", SilentListener(), "cpu")

    def write(path: Path, pairs: dict[str, LoraPair], notes: Mapping[str, str]) -> None:
        save_lora(path, pairs, 1.0, notes)

    hooks = FolderHooks(write=write, preview=lambda: None)
    folder = TrainingFolder(tmp_path / "ink", training.learn, SilentListener(), hooks)
    folder.begin()
    with pytest.raises(TrainError, match=r"stopped being numbers by step 3, those of step 2 are good"):
        folder.save(3, {"blocks.1": LoraPair(torch.full((2, 4), torch.nan), torch.zeros(4, 2))})


def test_saved_steps_say_which_training_they_are_of(tmp_path):
    finished_training(tmp_path)
    [*steps] = sorted((tmp_path / "ink" / "steps").iterdir())
    assert [one.step for one in find_saved_steps(tmp_path / "ink" / "steps" / "*.safetensors")] == [
        int(path.stem) for path in steps
    ]
    (tmp_path / "other").mkdir()
    training = load_training(training_file(tmp_path / "other", steps=2, save_every=1, seed=5))
    train(training, tmp_path / "other" / "ink", SilentListener(), "cpu")
    for step in (1, 2):
        source = tmp_path / "other" / "ink" / "steps" / f"{step:06d}.safetensors"
        source.rename(tmp_path / "ink" / "steps" / f"{step + 100:06d}.safetensors")
    with pytest.raises(
        ValueError, match=r"not saved steps of one training: their settings, pictures or base"
    ):
        find_saved_steps(tmp_path / "ink" / "steps" / "*.safetensors")


def test_a_last_step_whose_file_is_gone_is_written_again(tmp_path):
    training = finished_training(tmp_path)
    before = (tmp_path / "ink" / "ink.safetensors").read_bytes()
    (tmp_path / "ink" / "steps" / "000006.safetensors").unlink()
    assert train(training, tmp_path / "ink", SilentListener(), "cpu").read_bytes() == before


def test_what_is_logged_is_on_disk_for_tensorboard_when_a_step_is_saved(tmp_path):
    seen: list[list[int]] = []

    def look() -> None:
        files = sorted((tmp_path / "ink").glob("tensorboard/*"))
        seen.append([step for file in files for step in losses_in(file.read_bytes())])

    train(load_training(training_file(tmp_path, steps=4)), tmp_path / "ink", SilentListener(), "cpu", look)
    assert seen == [[], [1, 2], [1, 2, 3, 4]]


def losses_in(records: bytes) -> list[int]:
    """Return the steps whose loss a file of TensorBoard holds: length, checksum, event, checksum, again."""
    found, place = [], 0
    while place < len(records):
        length = int.from_bytes(records[place : place + 8], "little")
        event = Event.FromString(records[place + 12 : place + 12 + length])
        found += [event.step for value in event.summary.value if value.tag == "loss"]
        place += length + 16
    return found
