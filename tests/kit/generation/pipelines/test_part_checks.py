"""Parts that are something else, or of another base, are refused before anything of them is read."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

import diffusers
import torch
from safetensors.torch import load_file, save_file

from kit.errors import WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.diffusers_painter import load_diffusers_painter
from kit.generation.painter import DrawFailure, PanelRequest
from kit.generation.pipelines.parts import PipelineParts
from kit.models.bases.base_parts import BaseParts
from kit.models.bases.pipeline_files import open_pipeline
from tests.support.toy_pipelines import DUNHUANG, LCM, LIGHTNING, MAJICMIX, SDXL, toy

VAE = "AI-ModelScope/sdxl-vae-fp16-fix"


@pytest.mark.parametrize(
    ("folder", "part", "other", "told"),
    [
        (SDXL, "unet", f"{DUNHUANG}/dunhuang.safetensors", "is a LoRA, no unet that fits this base"),
        (SDXL, "unet", f"{VAE}/diffusion_pytorch_model.safetensors", "is a VAE, no unet that fits"),
        (SDXL, "unet", VAE, "is a VAE, no unet that fits this base"),
        (SDXL, "vae", LIGHTNING, "is the UNet of a base model, no vae that fits this base"),
        (SDXL, "unet", MAJICMIX, "is for another base: its cross_attention_dim is 32, this base's 64"),
        (MAJICMIX, "unet", LCM, "is for another base: its cross_attention_dim is 64, this base's 32"),
        (MAJICMIX, "text_encoder", LIGHTNING, "no text_encoder that fits this base"),
    ],
)
def test_a_part_that_is_something_else_is_refused(folder: str, part: str, other: str, told: str) -> None:
    with pytest.raises(WeightsError, match=told) as refused:
        load_diffusers_painter(BaseParts(folder=str(toy(folder)), **{part: str(toy(other))}), "cpu")
    assert "\n" not in str(refused.value)


def test_a_unet_for_inpainting_draws_no_story(tmp_path: Path) -> None:
    shutil.copytree(toy(SDXL) / "unet", tmp_path / "unet", ignore=shutil.ignore_patterns("storykit.json"))
    config, file = tmp_path / "unet/config.json", tmp_path / "unet/diffusion_pytorch_model.safetensors"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"in_channels": 9}))
    weights = load_file(file)
    weights["conv_in.weight"] = torch.zeros(8, 9, 3, 3)
    save_file(weights, file)
    base = BaseParts(folder=str(toy(SDXL)), unet=str(tmp_path / "unet"))
    with pytest.raises(WeightsError, match="its in_channels is 9, this base's 4"):
        load_diffusers_painter(base, "cpu")


@pytest.mark.parametrize("first", ["", "text_model."])
def test_a_text_encoder_of_one_file_reads_as_the_folder_does(first: str, tmp_path: Path) -> None:
    weights = torch.load(toy(MAJICMIX) / "text_encoder/pytorch_model.bin", weights_only=True)
    names = {name: name.removeprefix(first) for name in weights}
    save_file(
        {names[name]: tensor.contiguous() for name, tensor in weights.items()}, tmp_path / "te.safetensors"
    )
    asked = (
        str(toy(MAJICMIX)),
        BaseParts(folder=str(toy(MAJICMIX)), text_encoder=str(tmp_path / "te.safetensors")),
    )
    states = []
    for base in asked:
        load_diffusers_painter(base, "cpu")
        encoder = PipelineParts(open_pipeline(base), "cpu", torch.float32).network("text_encoder")
        states.append(encoder(torch.arange(8)[None]).last_hidden_state)
    assert torch.equal(*states)


def test_no_config_names_code_of_a_hub_for_attention(tmp_path: Path) -> None:
    shutil.copytree(toy(SDXL), tmp_path / "base", ignore=shutil.ignore_patterns("storykit.json"))
    config = tmp_path / "base/text_encoder/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_attn_implementation": "evil/kernel"}))
    load_diffusers_painter(str(tmp_path / "base"), "cpu")
    parts = PipelineParts(open_pipeline(str(tmp_path / "base")), "cpu", torch.float32)
    assert parts.network("text_encoder").config._attn_implementation == "sdpa"


def test_libraries_say_nothing_of_a_prompt_whose_end_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    painter = load_diffusers_painter(str(toy(MAJICMIX)), "cpu")
    settings = DrawSettings(steps=1, cfg=1.0, size=64, noise="portable", sampler="own")
    request = PanelRequest(prompt="a cat", negative="bad " * 150, seed=1)
    painter.encode_prompts(request.texts)
    logger = diffusers.utils.logging.get_logger("diffusers")
    logger.addHandler(caplog.handler)
    [drawn] = painter.draw([request], settings)
    logger.removeHandler(caplog.handler)
    assert not isinstance(drawn, DrawFailure)
    assert "truncated" not in caplog.text
