import json
import os
import signal
import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from fakes import TOY_PROMPTS, toy_base
from paths import ROOT
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from toy_training import SilentListener, finished_training, same_pairs, training_file

from kit.errors import StorykitError, TrainError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.lora.formats import read_content
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.training.config import load_training
from kit.training.lora_layers import FusedLoraLinear
from kit.training.train import train


@pytest.mark.parametrize("rslora", [False, True])
def test_the_fused_layer_answers_and_learns_as_pefts_own(rslora):
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=3.0, use_rslora=rslora, target_modules=["0"], init_lora_weights=False)
    theirs = inject_adapter_in_model(config, nn.Sequential(nn.Linear(6, 5))).double()
    ours = deepcopy(theirs)
    ours[0].__class__ = FusedLoraLinear
    rows = torch.randn(2, 3, 6, dtype=torch.float64)
    for model in (theirs, ours):
        model(rows).square().sum().backward()
    assert torch.allclose(ours(rows), theirs(rows), rtol=0, atol=1e-9)
    for name, parameter in theirs.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.abs().max() > 0.1, "a test on nothing"
            assert torch.allclose(ours.get_parameter(name).grad, parameter.grad, rtol=0, atol=1e-9)


def test_a_training_leaves_the_lora_in_both_forms_its_steps_and_its_log(tmp_path):
    path = train(
        load_training(training_file(tmp_path, trigger="水墨")), tmp_path / "ink", SilentListener(), "cpu"
    )
    assert path == tmp_path / "ink" / "ink.safetensors"
    lora, loose = read_content(path), read_content(path.with_suffix(".ckpt"))
    assert (lora.rank, lora.alpha, lora.trigger, len(lora.pairs)) == (2, 16.0, "水墨", 88)
    assert loose.alpha is None
    assert same_pairs(dict(lora.pairs), dict(loose.pairs))
    assert [file.name for file in sorted((tmp_path / "ink" / "steps").iterdir())] == [
        "000002.safetensors", "000004.safetensors", "000006.safetensors",
    ]  # fmt: skip
    assert same_pairs(
        dict(read_content(tmp_path / "ink" / "steps" / "000006.safetensors").pairs), dict(lora.pairs)
    )
    log = (tmp_path / "ink" / "log.csv").read_text("utf-8").splitlines()
    assert log[0] == "step,loss,learning_rate"
    assert [line.split(",")[0] for line in log[1:]] == [str(step) for step in range(1, 7)]


def test_the_file_says_how_it_was_trained_and_nothing_of_the_machine(tmp_path):
    finished_training(tmp_path)
    notes = read_content(tmp_path / "ink" / "ink.safetensors").notes
    base = load_base(toy_base())
    for name, value in {
        "base_sha256": base.unet_sha256, "steps": "6", "batch": "2", "ss_network_module": "networks.lora",
        "ss_output_name": "ink", "ss_steps": "6", "ss_seed": "0", "ss_num_train_images": "3", "ss_epoch": "4",
        "modelspec.sai_model_spec": "1.0.1", "modelspec.title": "ink", "ss_resolution": "32x32",
    }.items():  # fmt: skip
        assert notes[name] == value
    assert len(notes["dataset_sha256"]) == 64
    assert str(tmp_path) not in "".join(notes.values())


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from kit.training.config import load_training
from kit.training.train import train
class Killer:
    def __init__(self, at): self.at = at
    def note(self, text): pass
    def begin(self, total, done):
        self.done = done
        os.write(1, f"{{done}} ".encode())
    def advance(self, count, note):
        self.done += count
        if self.done == self.at: os.kill(os.getpid(), signal.SIGKILL)
for at in (3, 6, 7):
    if os.fork() == 0:
        train(load_training(Path({config!r})), Path({out!r}), Killer(at), "cpu")
        os._exit(0)
    os.write(1, f"{{os.wait()[1]}} ".encode())
os._exit(0)  # taking apart what was imported would take a second
"""


def test_a_training_killed_at_three_steps_ends_bit_identical_to_an_unhurried_one(tmp_path):
    config = training_file(tmp_path, steps=9, save_every=2, ema=0.9)
    whole = train(load_training(config), tmp_path / "whole" / "ink", SilentListener(), "cpu")
    out = tmp_path / "killed" / "ink"
    code = KILLED.format(root=str(ROOT), config=str(config), out=str(out))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip
    begun, ended = (list(map(int, done.stdout.split()[first::2])) for first in (0, 1))
    assert ended == [signal.SIGKILL] * 3, done.stderr
    assert begun == [0, 2, 4], "each went on from the last state"
    finished = train(load_training(config), out, SilentListener(), "cpu")
    assert finished.read_bytes() == whole.read_bytes()
    logs = [(folder.parent / "log.csv").read_text("utf-8") for folder in (finished, whole)]
    assert logs[0] == logs[1]


def test_a_finished_training_run_again_writes_the_same_file_and_learns_nothing(tmp_path):
    training = finished_training(tmp_path)
    first = (tmp_path / "ink" / "ink.safetensors").read_bytes()

    class Counting(SilentListener):
        heard = 0

        def advance(self, count: int, note: str = "") -> None:
            Counting.heard += 1

    assert train(training, tmp_path / "ink", Counting(), "cpu").read_bytes() == first
    assert Counting.heard == 0


def test_pictures_that_are_too_small_for_a_base_one_at_a_time_are_refused_before_a_folder_is_made(tmp_path):
    training = load_training(training_file(tmp_path, batch=1))
    reason = r"learn.size = 32 is too small .* with learn.batch = 1: set size = 64, or batch = 2$"
    with pytest.raises(TrainError, match=reason):
        train(training, tmp_path / "ink", SilentListener(), "cpu")
    assert not (tmp_path / "ink").exists()


def test_a_base_that_diffusers_draws_with_is_named_with_what_trains_for_it(tmp_path):
    path = training_file(tmp_path)
    (tmp_path / "sdxl").mkdir()
    index = {"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (tmp_path / "sdxl" / "model_index.json").write_text(json.dumps(index), "utf-8")
    path.write_text(path.read_text("utf-8").replace(str(toy_base()), str(tmp_path / "sdxl")), "utf-8")
    with pytest.raises(StorykitError, match="StableDiffusionXLPipeline take scripts of diffusers or kohya"):
        train(load_training(path), tmp_path / "ink", SilentListener(), "cpu")
    assert not (tmp_path / "ink").exists()


def test_a_trained_lora_draws(tmp_path):
    path = train(
        load_training(training_file(tmp_path, learning_rate=1e-2)), tmp_path / "ink", SilentListener(), "cpu"
    )
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter.encode_prompts([TOY_PROMPTS[0], ""])
    asked = [PanelRequest(key="k", prompt=TOY_PROMPTS[0], negative="", seed=0)]
    settings = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")
    [bare] = painter.draw(asked, settings)
    painter.set_lora(load_lora(path), 1.0)
    [dressed] = painter.draw(asked, settings)
    assert bare.tobytes() != dressed.tobytes()
