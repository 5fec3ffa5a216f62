"""Bases written in diffusers' layout: KolorsPipeline itself draws from them what our painter draws."""

import re
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from command import refused, said
from diffusers import EulerDiscreteScheduler, KolorsPipeline
from fakes import TOY_PROMPTS
from numpy.typing import NDArray
from PIL import Image
from published_toy import toy_published
from single_files import single_files

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.lora.convert import convert_lora
from kit.lora.lora import find_lora, locate
from kit.models.base import load_base
from kit.models.bases.base_parts import BaseChoice
from kit.models.layouts import diffusers_export
from kit.models.layouts.diffusers_export import export_to_diffusers

TEXTS = ("一个小女孩坐在沙发上", "一只橙色的小猫，奔跑，在森林")
NEGATIVE = "模糊，变形"
STEPS, CFG, SIDE = 3, 4.0, 64
SETTINGS = DrawSettings(steps=STEPS, cfg=CFG, size=SIDE, noise="portable")
STRENGTH = 0.8
ROUNDING = 1
"""Levels that two pictures may differ by: ours are cut off, diffusers' are rounded."""
FEW_STEPS = 5
"""Levels that pictures differ by, in the mean, where noise levels are not rounded: of 25 steps' it is 0.1."""
Pixels: TypeAlias = NDArray[np.int_]


def pixels(pictures: Sequence[Image.Image]) -> Pixels:
    return np.stack([np.asarray(picture).astype(int) for picture in pictures])


def ours(base: BaseChoice | Path, texts: Sequence[str] = TEXTS, lora: str = "") -> Pixels:
    painter = KolorsPainter(load_base(base), "cpu")
    painter.encode_prompts([*texts, NEGATIVE])
    if lora:
        painter.set_lora(find_lora(lora), STRENGTH)
    requests = [
        PanelRequest(key="k", prompt=text, negative=NEGATIVE, seed=seed) for seed, text in enumerate(texts)
    ]
    return pixels(painter.draw(requests, SETTINGS))


def readme_codes(folder: Path) -> list[str]:
    """Return both ways of drawing that the folder's README gives, for pictures of these tests."""
    text = (folder / "README.md").read_text()
    first, exact = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for old, new in (
        ('"FOLDER"', repr(str(folder))),
        ('"negative_prompt": ""', f'"negative_prompt": {NEGATIVE!r}'),
        ('"一只小猫"', "text"),
        ("manual_seed(0)", "manual_seed(seed)"),
    ):
        assert old in text
        first, exact = first.replace(old, new), exact.replace(old, new)
    first = re.sub(
        r"steps = \d+", f"steps = {STEPS}", re.sub(r'("(?:height|width)"): \d+', rf"\1: {SIDE}", first)
    )
    return [first, exact]


def theirs(pipe: Any, code: str, texts: Sequence[str] = TEXTS) -> Pixels:
    """Return what code from the README draws with a pipeline; it does not load the pipeline again."""
    code = re.sub(r"pipe = KolorsPipeline\.from_pretrained\(.*\)", "", code)
    drawn = []
    for seed, text in enumerate(texts):
        names: dict[str, Any] = {"pipe": pipe, "text": text, "seed": seed, "steps": STEPS, "torch": torch}
        names["EulerDiscreteScheduler"] = EulerDiscreteScheduler
        names["asked"] = {"negative_prompt": NEGATIVE, "guidance_scale": CFG, "height": SIDE, "width": SIDE}
        exec(code, names)
        drawn.append(names["picture"])
    return pixels(drawn)


def loaded(folder: Path, **options: object) -> Any:
    pipe = KolorsPipeline.from_pretrained(folder, **options)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "mini"
    told = said("model", "export", "mini", "--to", "diffusers", "--out", folder)
    assert f'KolorsPipeline.from_pretrained("{folder}")' in told
    return folder


@pytest.mark.parametrize("lora", ["", "mini:ink"])
def test_diffusers_draws_from_the_exported_base_what_our_painter_draws(tmp_path, exported, lora):
    pipe = loaded(exported)
    if lora:
        file = tmp_path / "ink.safetensors"
        convert_lora(locate(lora), "diffusers", file)
        pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="ink")
        pipe.set_adapters("ink", STRENGTH)
    expected = ours("mini", lora=lora)
    usual, exact = readme_codes(exported)
    near, same = theirs(pipe, usual), theirs(pipe, exact)
    assert np.abs(same - expected).max() <= ROUNDING
    assert np.abs(near - expected).mean() < FEW_STEPS < np.abs(expected[0] - expected[1]).mean()
    if lora:
        assert np.abs(expected - ours("mini")).mean() > FEW_STEPS


def test_the_readmes_code_loads_the_folder_as_it_says(exported):
    usual, _ = readme_codes(exported)
    names: dict[str, Any] = {"text": TEXTS[0], "seed": 0}
    exec(usual, names)
    assert names["picture"].size == (SIDE, SIDE)


def test_the_exported_base_is_a_base_again_and_draws_the_same_bytes(exported):
    assert load_base(exported).sizes == load_base("mini").sizes
    assert (ours(exported) == ours("mini")).all()


def test_pictures_are_encoded_as_the_base_encodes_them(exported):
    picture = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    vae = loaded(exported).vae
    with torch.no_grad():
        mean = vae.encode(picture).latent_dist.mean * vae.config.scaling_factor
        expected = load_base("mini").vae_encoder()(picture)
    torch.testing.assert_close(mean, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_a_published_base_draws_the_same_bytes_in_this_layout(tmp_path, variant):
    export_to_diffusers(load_base(toy_published()), tmp_path / "out", variant)
    assert len(list((tmp_path / "out").rglob("*.fp16.safetensors"))) == (3 if variant else 0)
    assert np.abs(ours(tmp_path / "out", TOY_PROMPTS) - ours(toy_published(), TOY_PROMPTS)).max() <= (
        ROUNDING if variant else 0
    )
    told = {"variant": variant} if variant else {}
    assert loaded(tmp_path / "out", **told).unet.config.sample_size == 128


def test_single_files_become_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "models"))
    experiment = tmp_path / "experiment.toml"
    shutil.copytree(single_files(), tmp_path / "ComfyUI")
    experiment.write_text(
        'base = { unet = "ComfyUI/kolors_sgm.safetensors", vae = "ComfyUI/sdxl_vae.safetensors",'
        ' text_encoder = "ComfyUI/chatglm3-fp16.safetensors" }\n'
    )
    said("model", "export", experiment, "--to", "diffusers", "--out", tmp_path / "out")
    pipe = loaded(tmp_path / "out")
    assert pipe.scheduler.config.num_train_timesteps == 1100
    _, exact = readme_codes(tmp_path / "out")
    expected = ours(tmp_path / "out", TOY_PROMPTS[:1])
    assert np.abs(theirs(pipe, exact, TOY_PROMPTS[:1]) - expected).mean() < 1


def test_what_cannot_be_exported_is_one_line(tmp_path, monkeypatch, exported):
    export = partial(refused, "model", "export", "--to", "diffusers", "--out", tmp_path / "out")
    assert export(tmp_path / "none").startswith("base: ")
    other = tmp_path / "sdxl"
    other.mkdir()
    (other / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    assert "is a StableDiffusionXLPipeline, and this takes Kolors" in export(other)
    told = refused("model", "export", "mini", "--to", "diffusers", "--out", exported)
    assert told.startswith(f"{exported} is not empty: choose another --out")
    monkeypatch.setattr(diffusers_export, "find_spec", lambda name: None)
    assert export("mini") == "writing this layout needs diffusers: pip install storykit[bases]"
    assert not (tmp_path / "out").exists()
