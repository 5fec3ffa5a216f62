from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from aesthetics_predictor import AestheticsPredictorV2Linear
from PIL import Image
from safetensors.torch import load_file

from eval.mini.training.finetuning import KEPT_OUT, blend, main, scores_of, to_floats
from eval.mini.training.shards import paths_of, read_pictures
from eval.mini.training.unfinished import LEFT, UnfinishedPainter
from eval.scorers.aesthetic import EMBEDDED_WEIGHTS, AestheticScorer
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import sha256_of
from kit.generation.painter import PanelRequest
from kit.models.base import load_base

PROMPTS = (
    "一只橙色的小猫，坐着，在家里客厅，傍晚",
    "a girl with black hair in a red dress, running, in the park",
)
GATE, FOG = 6.0, 5.0


@pytest.fixture(scope="module")
def painter() -> UnfinishedPainter:
    """A painter of the embedded base that has read the prompts."""
    found = UnfinishedPainter(load_base("mini"), "cpu")
    found.encode_prompts([*PROMPTS, ""])
    return found


def settings(steps: int) -> DrawSettings:
    return DrawSettings(steps=steps, cfg=4.0, size=256, noise="portable")


def requests() -> list[PanelRequest]:
    return [PanelRequest(key="", prompt=text, negative="", seed=k) for k, text in enumerate(PROMPTS, 5)]


@pytest.mark.slow
def test_fog_scores_below_the_gate_and_a_finished_picture_above_it(painter: UnfinishedPainter) -> None:
    scorer = AestheticScorer.load("mini")
    means = {steps: fmean(scorer.score(painter.draw(requests(), settings(steps)))) for steps in (1, 2, 4, 6)}
    assert max(means[1], means[2]) < FOG
    assert means[6] > GATE
    assert max(means[1], means[2]) < means[4] < means[6] + 0.1


def test_a_latent_taken_out_early_scores_below_the_gate(painter: UnfinishedPainter) -> None:
    early = painter.unfinished(requests(), settings(6))
    scorer = AestheticScorer.load("mini")
    seen = [Image.fromarray(one) for one in painter.decoded(early[2]) if one is not None]
    assert len(seen) == len(PROMPTS)
    assert max(scorer.score(seen)) < FOG


def test_the_tail_says_what_the_whole_tower_says(shards: Path) -> None:
    pictures = read_pictures(paths_of(shards)[0])[:4]
    tower = AestheticsPredictorV2Linear.from_pretrained(EMBEDDED_WEIGHTS).float().eval()
    scores = AestheticScorer.load("mini").score([Image.fromarray(one) for one in pictures])
    assert scores_of(tower, to_floats(pictures)).tolist() == pytest.approx(scores, abs=2e-3)


@pytest.mark.slow
def test_only_the_last_block_and_the_head_learn_and_the_same_seed_gives_the_same_weights(
    shards: Path, tmp_path: Path
) -> None:
    pictures = read_pictures(paths_of(shards)[0])[: len(LEFT) + 1]
    kinds = np.array([*LEFT, (6, 6)])
    drawn = {"pictures": pictures, "kinds": kinds, "scenes": np.array([KEPT_OUT, *range(1, len(LEFT) + 1)])}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in ("undercooked.npz", "well-done.npz"):
            np.savez(tmp_path / name / file, **drawn)
        main(["--data", "6", "--steps", "2", "--out", str(tmp_path / name)])
    files = [tmp_path / name / "aesthetic" / "model.safetensors" for name in ("a", "b")]
    assert sha256_of(files[0]) == sha256_of(files[1])
    before, after = load_file(EMBEDDED_WEIGHTS / "model.safetensors"), load_file(files[0])
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(
        name.startswith(("vision_model.encoder.layers.3.", "vision_model.post", "visual_proj", "layers."))
        for name in moved
    )
    assert AestheticScorer.load(tmp_path / "a" / "aesthetic").metric.stamp.embedded


def test_a_share_of_the_weights_before_stays_and_all_of_them_are_fp16() -> None:
    learned, before = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    for layer, value in ((learned, 1.0), (before, 2.0)):
        torch.nn.init.constant_(layer.weight, value)
    blend(learned, before, 0.2)
    assert learned.weight.tolist() == [[pytest.approx(1.2, abs=1e-3)] * 2]
    assert all(torch.equal(weight, weight.half().float()) for weight in learned.parameters())
