"""The image encoder sees what transformers' own reader of the same folder sees, and refuses what misfits."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from kit.errors import WeightsError
from kit.models.bases.pipeline_files import files_of_network
from kit.models.ip_adapter.image_encoder import ImageEncoder
from tests.support.kolors_ip_adapters import ENCODER, kolors_adapter
from tests.support.random_adapters import VISION
from tests.support.toy_controlnets import shapes


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(kolors_adapter() / ENCODER, tmp_path / ENCODER))


def ours(folder: Path) -> ImageEncoder:
    return ImageEncoder(files_of_network(folder, ENCODER), "cpu", torch.float32)


def theirs(pixels: Tensor) -> Tensor:
    network = CLIPVisionModelWithProjection.from_pretrained(kolors_adapter() / ENCODER)
    with torch.no_grad():
        seen: Tensor = network(pixels, output_hidden_states=True).hidden_states[-2]
    return seen


def test_what_is_seen_is_what_transformers_sees_of_the_middle_of_the_picture(folder):
    picture, side = shapes(2, 90).crop((0, 0, 90, 60)), VISION.image_size
    pixels = CLIPImageProcessor(size=side, crop_size=side)(picture, return_tensors="pt").pixel_values
    with torch.no_grad():
        seen, zeros = ours(folder).seen(picture), ours(folder).seen(None)
    assert (seen - theirs(pixels)).abs().max() < 1e-5
    assert (zeros - theirs(torch.zeros(1, 3, side, side))).abs().max() < 1e-5
    assert (seen - zeros).abs().max() > 0.1


def test_a_pickled_clip_with_its_text_encoder_is_read_as_its_image_encoder(folder):
    with torch.no_grad():
        before = ours(folder).seen(shapes(0))
        network = CLIPVisionModelWithProjection.from_pretrained(folder)
        text = {
            "text_model.embeddings.token_embedding.weight": torch.zeros(3, 2),
            "logit_scale": torch.tensor(2.6),
        }
        (folder / "model.safetensors").unlink()
        torch.save(network.state_dict() | text, folder / "pytorch_model.bin")
        told = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": told}))
        assert torch.equal(ours(folder).seen(shapes(0)), before)


@pytest.mark.parametrize(
    "change",
    [
        *({"num_attention_heads": 0}, {"hidden_act": "boom"}, {"patch_size": 7}, {"image_size": "28"}),
        *({"patch_size": -14}, {"layer_norm_eps": None}, {"num_hidden_layers": 0}),
        *({"num_hidden_layers": 2000}, {"hidden_act": 3}, {"hidden_size": True}),
    ],
)
def test_a_config_that_does_not_fit_the_weights_is_told_in_a_line(folder, change):
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(WeightsError, match=r"config\.json does not fit: "):
        ours(folder).seen(Image.new("RGB", (30, 30)))
