"""Three machines of one cluster, on this one; the third has another base. Tests end one after the other."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial

import pytest
import torch
from command import said
from fakes import INK_CANDIDATES, TOY_PROMPTS, HeardProgress, make_run, pictures_of, toy_lora
from PIL import Image

from eval.scoring.score import score, scorer_loader
from eval.scoring.shared_scorers import scorers_beside
from kit.errors import InputError, LoraError, RunError, WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.devices.multi_gpu import load_painter, painters_on
from kit.generation.devices.painter_worker import PainterWorker
from kit.generation.devices.ray_painter import _begun
from kit.generation.generate import generate
from kit.generation.painter import ALONE, PanelRequest, RedrawRequest
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora
from kit.workers.ray_session import Worker, WorkerPlace

SETTINGS = DrawSettings(steps=1, cfg=1.0, size=64, noise="portable")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def heard():
    """What was said of workers."""
    return []


@pytest.fixture(scope="module")
def painters(cluster, heard):
    with painters_on("base", "auto", cluster[0].address, heard.append) as made:
        yield made


def drawn(folder, painters, progress=None, head=""):
    folder.mkdir()
    toy_lora(folder / "ink.safetensors", scale=0.5)
    run = make_run(folder, f"size = 64\nbatch = 3\n{head}", INK_CANDIDATES)
    return run, generate(run, painters, progress)


@pytest.fixture(scope="module")
def alone(painters, tmp_path_factory):
    return drawn(tmp_path_factory.mktemp("runs") / "alone", [load_painter("base", "cpu")])[0]


def test_a_machine_with_another_base_is_left_out_and_the_file_named(painters, heard):
    assert len(painters) == 2
    [told] = heard
    assert "127.0.0.1 cpu is left out: the base's unet.safetensors has sha256" in told


def test_the_workers_of_each_machine_share_what_is_to_be_compiled():
    places = [WorkerPlace(f"GPU {number}", gpu=True, node=node) for number, node in enumerate("aabab")]

    class Places:
        def __init__(self):
            self.living = [Worker(place, None) for place in places]

        def make(self, maker, differences):
            self.shares = [maker(place).args[-1] for place in places]
            return [made_facts()]

    pool = Places()
    _begun(pool, "base")
    assert pool.shares == [(0, 3), (1, 3), (0, 2), (2, 3), (1, 2)]


def made_facts():
    return PainterWorker("base", "cpu", torch.get_num_threads(), ALONE).facts


def test_machines_together_write_the_files_of_one_alone(painters, alone, tmp_path):
    run, report = drawn(tmp_path / "run", painters)
    assert report.drawn == 16
    assert pictures_of(run) == pictures_of(alone)
    assert run.read_json("run.json") == alone.read_json("run.json")
    measured = score(run, scorers_beside(scorer_loader(run.loaded), painters))
    assert (measured, measured.encoded) == (score(alone), 16)


def test_a_plan_counts_and_probes_those_who_draw(painters, tmp_path, monkeypatch):
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("kit.generation.devices.multi_gpu.painters_on", lambda *_: nullcontext(painters))
    file = make_run(tmp_path, 'size = 64\nbase = "mini"\nbatch = 3').folder.parent / "experiment.toml"
    told = json.loads(said("plan", file, "--ray", "HOST:1", "--json"))
    assert (told["devices"], told["hardware"], told["load"]["pictures"]) == (2, "cpu", 8)
    assert 0 < told["pace"]["step_s"] < told["time"]["seconds"]


def test_texts_are_read_by_one_and_sent_to_the_others(painters):
    painters[1].encode_prompts(TOY_PROMPTS)
    pool = painters[0].pool
    told = [pool.tell(worker, "asked", "read_states", TOY_PROMPTS) for worker in pool.living]
    assert len(told) == 2
    for text in TOY_PROMPTS:
        assert all(torch.equal(*pair) for pair in zip(told[0][text], told[1][text], strict=True))


def test_what_a_painter_refuses_there_is_raised_here(painters, tmp_path):
    pairs = {
        "blocks.7.transformer_blocks.0.attn1.to_q": LoraPair(down=torch.ones(2, 99), up=torch.ones(32, 2))
    }
    save_lora(tmp_path / "wide.safetensors", pairs, 2.0, {})
    for refusing in (painters[0].check, lambda lora: painters[0].set_lora(lora, 1.0)):
        with pytest.raises(LoraError, match="0 of 1 keys match the base"):
            refusing(load_lora(tmp_path / "wide.safetensors"))
    with pytest.raises(RunError, match="must be read before it is drawn"):
        painters[0].draw([PanelRequest(key="k", prompt="小猫", negative="", seed=0)], SETTINGS)
    request = PanelRequest(prompt=TOY_PROMPTS[0], negative="", seed=0)
    small = RedrawRequest(request=request, picture=Image.new("RGB", (32, 32)), strength=0.5)
    with pytest.raises(InputError, match="the picture to draw again: the picture has 32 x 32 pixels"):
        painters[0].redraw([small], SETTINGS)
    assert painters[0].truncated_tail("小猫") == "", "it goes on answering"


def test_a_picture_is_drawn_again_and_looked_at_there_as_here(painters):
    here, words = load_painter("base", "cpu"), ["粉色裙子"]
    request = PanelRequest(prompt=TOY_PROMPTS[0], negative="", seed=0)
    shown = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    masks, pictures = [], []
    for painter in (here, painters[0]):
        painter.set_lora(None, 1.0)
        painter.encode_prompts(TOY_PROMPTS)
        masks.append(painter.mask_of(request, shown, words, SETTINGS))
        asked = RedrawRequest(request=request, picture=shown, strength=0.5, mask=masks[0])
        pictures += painter.redraw([asked], SETTINGS)
    assert masks[0] == masks[1]
    assert pictures[0] == pictures[1]


def test_a_base_that_none_has_is_said_as_by_one_alone(painters):
    with pytest.raises(WeightsError, match="there is neither"):
        painters[0].pool.each(
            lambda worker: worker.actor.make.remote(
                partial(PainterWorker, "nowhere", "cpu", torch.get_num_threads(), ALONE)
            )
        )


def test_the_batch_of_a_machine_that_dies_is_drawn_by_the_other(cluster, painters, alone, heard, tmp_path):
    made, nodes = cluster
    workers = painters[0].pool
    dying = painters[1]._near = workers.living[1]
    asked = [PanelRequest(prompt=TOY_PROMPTS[0], negative="", seed=0)], replace(SETTINGS, size=256)
    here = load_painter("base", "cpu")
    for painter in (painters[1], here):
        painter.set_lora(None, 1.0)
        painter.encode_prompts(TOY_PROMPTS)
    lost = painters[1].draw(*asked)
    process = workers._answered(dying, dying.actor.__ray_call__.remote(lambda _: os.getpid()))
    os.kill(process, signal.SIGSTOP)  # so that it holds a batch when it dies

    def kill_at_work():
        while dying in workers._free:
            time.sleep(0.01)
        made.remove_node(nodes[1], allow_graceful=False)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    with ThreadPoolExecutor(1) as thread:
        killing = thread.submit(kill_at_work)
        run, report = drawn(tmp_path / "run", painters)
        killing.result()
    assert report.drawn == 16
    assert list(lost) == here.draw(*asked), "what was not fetched in time is drawn anew"
    assert pictures_of(run) == pictures_of(alone)
    assert heard[-1].endswith("cpu has ended: its process was killed; the other one does its work")
    assert len(workers.living) == 1
    made.wait_for_nodes(60)  # who comes later is not sent to the dead one


class KillsAtTheFirst(HeardProgress):
    """Ends a worker as soon as a batch is there."""

    def __init__(self, worker):
        super().__init__()
        self._worker = worker

    def advance(self, count):
        import ray

        super().advance(count)
        ray.kill(self._worker.actor)


def test_when_all_are_dead_what_is_drawn_stays_and_the_error_says_how_to_go_on(painters, tmp_path):
    dying = KillsAtTheFirst(painters[0].pool.living[0])
    with pytest.raises(RunError, match=r"no worker is left: .* has ended: .*; run the same command to go on"):
        drawn(tmp_path / "run", painters, dying, "seeds = [0, 1, 2, 3]")
    there = list((tmp_path / "run").rglob("*.png"))
    assert 0 < len(there) < 64
