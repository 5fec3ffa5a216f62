import json
from pathlib import Path

import numpy as np
import pytest
import torch
from aesthetics_predictor import AestheticsPredictorV2Linear
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPVisionConfig

from eval.scorers.clip import open_folder
from eval.scorers.load import load_scorers

SIDE, WIDTH, HEADS, LAYERS, DIM = 32, 64, 2, 2, 16


def predictor(place: Path) -> AestheticsPredictorV2Linear:
    """Write a predictor's folder in the published layout, tiny and with random weights."""
    config = CLIPVisionConfig(
        image_size=SIDE,
        patch_size=16,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        projection_dim=DIM,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AestheticsPredictorV2Linear(config)
    network.save_pretrained(place)
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE).save_pretrained(place)
    return network


def encoder(place: Path, of: AestheticsPredictorV2Linear, *, quick: bool = True) -> None:
    """Write an open_clip folder whose picture tower has the predictor's weights, under its own names."""
    place.mkdir()
    vision = {
        "image_size": SIDE,
        "patch_size": 16,
        "layers": LAYERS,
        "width": WIDTH,
        "head_width": WIDTH // HEADS,
    }
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    model = {"embed_dim": DIM, "quick_gelu": quick, "vision_cfg": vision, "text_cfg": text}
    config = {"model_cfg": model, "preprocess_cfg": {}}
    (place / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    weights = open_folder(place, weights=False).network.state_dict()
    theirs = of.vision_model.state_dict()
    weights["visual.proj"] = of.visual_projection.weight.T.contiguous()
    weights["visual.conv1.weight"] = theirs["embeddings.patch_embedding.weight"]
    weights["visual.class_embedding"] = theirs["embeddings.class_embedding"]
    weights["visual.positional_embedding"] = theirs["embeddings.position_embedding.weight"]
    for kind in ("weight", "bias"):
        weights[f"visual.ln_pre.{kind}"] = theirs[f"pre_layrnorm.{kind}"]
        weights[f"visual.ln_post.{kind}"] = theirs[f"post_layernorm.{kind}"]
        for layer in range(LAYERS):
            ours, other = f"visual.transformer.resblocks.{layer}", f"encoder.layers.{layer}"
            qkv = [theirs[f"{other}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            weights[f"{ours}.attn.in_proj_{kind}"] = torch.cat(qkv)
            weights[f"{ours}.attn.out_proj.{kind}"] = theirs[f"{other}.self_attn.out_proj.{kind}"]
            for mine, name in (
                ("ln_1", "layer_norm1"),
                ("ln_2", "layer_norm2"),
                ("mlp.c_fc", "mlp.fc1"),
                ("mlp.c_proj", "mlp.fc2"),
            ):
                weights[f"{ours}.{mine}.{kind}"] = theirs[f"{other}.{name}.{kind}"]
    save_file(
        {name: tensor.clone() for name, tensor in weights.items()}, place / "open_clip_model.safetensors"
    )


def test_a_predictor_and_an_encoder_of_one_tower_are_asked_once(tmp_path: Path) -> None:
    network = predictor(tmp_path / "aesthetic")
    encoder(tmp_path / "clip", network)
    tools = load_scorers(tmp_path / "aesthetic", tmp_path / "clip")
    assert tools.tower is not None
    rng = np.random.default_rng(1)
    panels = [
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        for size in ((64, 64), (90, 50), (40, 200))
    ]
    scores, rows = tools.tower.look(panels)
    assert scores == pytest.approx(tools.aesthetic.score(panels))
    assert rows == pytest.approx(tools.encoder.pictures(panels), abs=1e-5)
    assert np.ptp(rows, axis=0).max() > 1e-3


def test_towers_that_differ_in_anything_are_two(tmp_path: Path) -> None:
    network = predictor(tmp_path / "aesthetic")
    encoder(tmp_path / "other-activation", network, quick=False)
    with torch.no_grad():
        network.vision_model.encoder.layers[-1].mlp.fc2.bias[3] += 0.5
    encoder(tmp_path / "other-weight", network)
    for other in ("other-activation", "other-weight"):
        assert load_scorers(tmp_path / "aesthetic", tmp_path / other).tower is None
    assert load_scorers("mini", "mini").tower is None
