import os
import signal
import sys

import numpy as np
import pytest
import torch
from fakes import INK_CANDIDATES, TOY_PROMPTS, make_run, pictures_of, toy_base, toy_lora
from PIL import Image

from kit.errors import InputError, LoraError, RunError, WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.devices.multi_gpu import RemotePainter, load_painter, painters_on
from kit.generation.generate import generate
from kit.generation.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora

SETTINGS = DrawSettings(steps=1, cfg=1.0, size=64, noise="portable")


@pytest.fixture(scope="module")
def remote():
    """A painter in another process, for all tests up to the one that kills it."""
    painter = RemotePainter(str(toy_base()), "cpu")
    yield painter
    painter.close()


def test_painters_in_other_processes_draw_the_same_files(remote, tmp_path):
    runs = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        toy_lora(tmp_path / name / "ink.safetensors", scale=0.5)
        runs.append(make_run(tmp_path / name, "size = 64\nbatch = 3", INK_CANDIDATES))
    here, there = runs
    generate(here, [load_painter(str(toy_base()), "cpu")])
    second = RemotePainter(str(toy_base()), "cpu")
    report = generate(there, [remote, second])
    second.close()
    assert report.drawn == 16
    assert pictures_of(here) == pictures_of(there)
    assert here.read_json("run.json") == there.read_json("run.json")


def test_what_a_painter_refuses_in_another_process_is_raised_here(remote, tmp_path):
    pairs = {
        "blocks.7.transformer_blocks.0.attn1.to_q": LoraPair(down=torch.ones(2, 99), up=torch.ones(32, 2))
    }
    save_lora(tmp_path / "wide.safetensors", pairs, 2.0, {})
    with pytest.raises(LoraError, match="0 of 1 keys match the base"):
        remote.check(load_lora(tmp_path / "wide.safetensors"))
    with pytest.raises(RunError, match="must be read before it is drawn"):
        remote.draw([PanelRequest(key="k", prompt="小猫", negative="", seed=0)], SETTINGS)
    request = PanelRequest(prompt=TOY_PROMPTS[0], negative="", seed=0)
    small = RedrawRequest(request=request, picture=Image.new("RGB", (32, 32)), strength=0.5)
    with pytest.raises(InputError, match="the picture to draw again: the picture has 32 x 32 pixels"):
        remote.redraw([small], SETTINGS)
    assert remote.truncated_tail("小猫") == "", "it goes on answering"


def test_a_picture_is_drawn_again_and_looked_at_in_another_process(remote):
    here, words = load_painter(str(toy_base()), "cpu"), ["粉色裙子"]
    request = PanelRequest(prompt=TOY_PROMPTS[0], negative="", seed=0)
    shown = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    for painter in (here, remote):
        painter.set_lora(None, 1.0)
        painter.encode_prompts(request.texts)
    masks = [painter.mask_of(request, shown, words, SETTINGS) for painter in (here, remote)]
    asked = [RedrawRequest(request=request, picture=shown, strength=0.5, mask=masks[0])]
    pictures = [painter.redraw(asked, SETTINGS)[0] for painter in (here, remote)]
    assert np.mean(np.asarray(masks[0]) != np.asarray(masks[1])) < 0.02, "texts read in other batches"
    assert np.abs(np.subtract(*(np.asarray(one).astype(int) for one in pictures))).max() <= 1


def test_ctrl_c_is_left_to_the_process_that_asks(remote):
    remote.encode_prompts(TOY_PROMPTS)
    os.kill(remote._process.pid, signal.SIGINT)
    assert remote.hardware == "cpu"


def test_a_process_that_is_killed_is_one_line_that_says_what_to_do(remote):
    remote.encode_prompts(TOY_PROMPTS)
    os.kill(remote._process.pid, signal.SIGKILL)
    with pytest.raises(RunError, match="draws on cpu has ended, with code -9; run the same command to go on"):
        remote.draw([PanelRequest(key="k", prompt=TOY_PROMPTS[0], negative="", seed=0)], SETTINGS)


@pytest.mark.slow
def test_a_base_that_cannot_be_loaded_there_is_said_here(tmp_path):
    painter = RemotePainter(str(tmp_path), "cpu")
    with pytest.raises(WeightsError, match="there is neither"):
        painter.encode_prompts(TOY_PROMPTS)
    painter.close()


def test_one_device_draws_in_this_process():
    with painters_on(str(toy_base()), "cpu") as painters:
        assert [type(painter) for painter in painters] == [KolorsPainter]


def test_a_pipeline_without_diffusers_is_one_line_that_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(
        WeightsError, match=r"diffusers, which is not installed: pip install storykit\[bases\]"
    ):
        load_painter(str(tmp_path), "cpu")
