import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from aesthetics_predictor import AestheticsPredictorV2Linear
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, CLIPVisionConfig

from eval.metrics.registry import describe_metrics
from eval.mini.training.degradations import DAMAGES, change, damage
from eval.scorers.aesthetic import EMBEDDED_WEIGHTS, AestheticScorer
from eval.scorers.clip import ClipEncoder
from kit.errors import ScoreError, WeightsError
from kit.files.encodings import sha256_of
from kit.world.render import render
from kit.world.scene import STYLES, sample_scene

SIDE = 32

embedded = pytest.mark.skipif(
    not any(EMBEDDED_WEIGHTS.glob("*.safetensors")), reason="the embedded weights are not there"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a predictor's folder in the published layout, tiny and with random weights."""
    place = tmp_path_factory.mktemp("aesthetic") / "tiny-predictor"
    config = CLIPVisionConfig(
        image_size=SIDE,
        patch_size=16,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=16,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AestheticsPredictorV2Linear(config)
        for layer in network.layers:
            if hasattr(layer, "weight"):
                torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    network.save_pretrained(place)
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE).save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def scorer(folder: Path) -> AestheticScorer:
    return AestheticScorer.load(folder)


def noise(count: int, size: tuple[int, int] = (48, 48)) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for _ in range(count)]


def test_the_score_is_what_the_contests_script_gives(folder: Path, scorer: AestheticScorer) -> None:
    panels = [*noise(3), *noise(1, (80, 40))]
    network = AestheticsPredictorV2Linear.from_pretrained(folder).eval()
    processor = CLIPImageProcessor.from_pretrained(folder)
    with torch.no_grad():
        one_by_one = [
            network(**processor(images=panel, return_tensors="pt")).logits.item() for panel in panels
        ]
    assert scorer.score(panels) == pytest.approx(one_by_one, abs=1e-4)
    assert np.ptp(one_by_one) > 1e-3


def test_the_score_is_affine_in_the_unit_embedding(folder: Path, scorer: AestheticScorer) -> None:
    panels = noise(4)
    network = AestheticsPredictorV2Linear.from_pretrained(folder).eval()
    pixels = CLIPImageProcessor.from_pretrained(folder)(images=panels, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        bias = network.layers(torch.zeros(1, 16))
        slope = (network.layers(torch.eye(16)) - bias)[:, 0]
        rows = network.visual_projection(network.vision_model(pixel_values=pixels).pooler_output)
        rows = rows / rows.norm(dim=1, keepdim=True)
    assert scorer.score(panels) == pytest.approx((rows @ slope + bias[0]).tolist(), abs=1e-4)


def test_a_score_depends_on_its_picture_alone(scorer: AestheticScorer) -> None:
    panels = noise(19)
    together = scorer.score(panels)
    assert [scorer.score([panel])[0] for panel in panels] == pytest.approx(together, abs=1e-4)
    assert scorer.score(panels[::-1]) == pytest.approx(together[::-1], abs=1e-4)
    assert scorer.score([]) == []


def test_pictures_of_other_modes_are_scored_as_rgb(scorer: AestheticScorer) -> None:
    (panel,) = noise(1)
    grey = panel.convert("L")
    assert scorer.score([panel.convert("RGBA")]) == pytest.approx(scorer.score([panel]))
    assert scorer.score([grey]) == pytest.approx(scorer.score([grey.convert("RGB")]))


def test_only_the_centre_square_counts(scorer: AestheticScorer) -> None:
    wide = noise(1, (SIDE, 3 * SIDE))[0]
    centre = wide.crop((SIDE, 0, 2 * SIDE, SIDE))
    assert scorer.score([wide]) == pytest.approx(scorer.score([centre]), abs=1e-4)


def test_the_scorer_describes_itself(folder: Path, scorer: AestheticScorer) -> None:
    metric = describe_metrics(scorer, ClipEncoder.load("mini"))[0]
    assert (metric.name, metric.direction, metric.range) == ("aesthetic", "higher", (1.0, 10.0))
    assert metric.stamp.weights == "tiny-predictor"
    assert metric.stamp.weights_sha256 == sha256_of(folder / "model.safetensors")
    assert not metric.stamp.embedded


def test_other_preprocessing_gives_another_stamp(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "other")
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE, resample=0).save_pretrained(place)
    assert (
        AestheticScorer.load(place).metric.stamp.preprocessing
        != AestheticScorer.load(folder).metric.stamp.preprocessing
    )


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    place = shutil.copytree(folder, tmp_path / "lacking")
    (place / name).unlink()
    with pytest.raises(WeightsError, match=f"must hold .*{name}"):
        AestheticScorer.load(place)


def test_weights_without_the_head_are_refused_and_not_filled_by_lot(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "headless")
    weights = load_file(place / "model.safetensors")
    tower = {name: tensor for name, tensor in weights.items() if not name.startswith("layers.")}
    save_file(tower, place / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"needs every weight; 10 missing, as layers\.0\.bias"):
        AestheticScorer.load(place)


def test_torn_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "torn")
    weights = place / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:3000])
    with pytest.raises(WeightsError, match="must be an aesthetic predictor that loads"):
        AestheticScorer.load(place)


def test_a_score_that_is_no_number_is_refused(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "wild")
    weights = load_file(place / "model.safetensors")
    weights["layers.7.bias"] = torch.full((1,), float("nan"))
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ScoreError, match="must be a number, got a non-finite one"):
        AestheticScorer.load(place).score(noise(1))


@pytest.fixture(scope="module")
def panels() -> torch.Tensor:
    """Return twelve clean pictures of the drawn world, (12, 3, 256, 256), all styles."""
    rng = random.Random(2026)
    pictures = [np.asarray(render(sample_scene(rng, style)).picture) for style in STYLES * 2]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


WARPED = 0.8, 5.5
"""How often half a warp is seen at least, what a whole one has at most: it leaves what a resize leaves."""


def damaged(panels: torch.Tensor, name: str, severity: float) -> list[Image.Image]:
    severities = {name: torch.full((len(panels),), severity)}
    pixels = damage(panels, severities, torch.Generator().manual_seed(0)).permute(0, 2, 3, 1)
    return [Image.fromarray(panel) for panel in (pixels * 255).round().byte().numpy()]


@embedded
def test_the_embedded_predictor_is_small_and_says_what_it_knows() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED_WEIGHTS.iterdir()) <= 2_000_000
    stamp = AestheticScorer.load("mini").metric.stamp
    assert stamp.embedded
    assert stamp.weights == "embedded: knows only the drawn world's damage"


@embedded
def test_clean_pictures_pass_the_contests_gate(panels: torch.Tensor) -> None:
    scores = AestheticScorer.load("mini").score(damaged(panels, "blur", 0))
    assert np.mean(scores) >= 7
    assert min(scores) >= 6


@embedded
@pytest.mark.parametrize("name", DAMAGES)
def test_more_damage_scores_lower(panels: torch.Tensor, name: str) -> None:
    scorer = AestheticScorer.load("mini")
    clean, worse, worst = (np.array(scorer.score(damaged(panels, name, s))) for s in (0.0, 0.5, 1.0))
    seen, most = WARPED if name == "warp" else (0.9, 5)
    assert clean.mean() > worse.mean() > worst.mean()
    assert np.mean(clean > worst) >= 0.9
    assert np.mean(clean > worse) >= seen
    assert worst.mean() < most


@embedded
def test_scoring_the_embedded_way_does_not_depend_on_the_batch(panels: torch.Tensor) -> None:
    scorer, pictures = AestheticScorer.load("mini"), damaged(panels, "blur", 0)
    assert [scorer.score([picture])[0] for picture in pictures] == pytest.approx(
        scorer.score(pictures), abs=1e-3
    )


@embedded
@pytest.mark.parametrize("kind", ["resized", "softened", "saved", "lit"])
def test_a_change_that_is_no_damage_moves_no_mean(panels: torch.Tensor, kind: str) -> None:
    scorer, rng = AestheticScorer.load("mini"), random.Random(0)
    before = np.stack([np.asarray(picture) for picture in damaged(panels, "blur", 0)])
    after = [Image.fromarray(picture) for picture in change(before, [kind], rng)]
    means = [np.mean(scorer.score(list(pictures))) for pictures in (damaged(panels, "blur", 0), after)]
    assert means[1] == pytest.approx(means[0], abs=0.04)
