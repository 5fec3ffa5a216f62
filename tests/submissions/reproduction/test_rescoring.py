import numpy as np
import pytest
import torch
from aesthetics_predictor import AestheticsPredictorV2Linear
from PIL import Image
from transformers import CLIPImageProcessor

from eval.scorers.aesthetic import EMBEDDED_WEIGHTS, AestheticScorer
from submissions.bundle.manifest import GateRecord
from submissions.reproduction.likeness import are_alike, mean_difference
from submissions.reproduction.rescoring import CLOSE, rescore

LEVELS, STEPS, OLD_BOUND = 3, 6, 4.0


def gradient(picture: torch.Tensor) -> torch.Tensor:
    """Return how the embedded predictor's score grows with each value of a (3, side, side) picture."""
    network, processor = (
        AestheticsPredictorV2Linear.from_pretrained(EMBEDDED_WEIGHTS),
        CLIPImageProcessor.from_pretrained(EMBEDDED_WEIGHTS),
    )
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (processor.image_mean, processor.image_std))
    values = picture.clone().requires_grad_()
    side = processor.crop_size["height"]
    small = torch.nn.functional.interpolate(values[None], (side, side), mode="bicubic", antialias=True)
    rows = network.visual_projection(network.vision_model((small / 255 - mean) / std)[1])
    network.layers(rows / rows.norm(dim=-1, keepdim=True)).sum().backward()
    return values.grad


def raised(picture: Image.Image) -> Image.Image:
    """Return a picture moved by at most three levels along the scorer's gradient."""
    before = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float()
    moved = before.clone()
    for _ in range(STEPS):
        step = moved + gradient(moved).sign()
        moved = step.clamp(before - LEVELS, before + LEVELS).clamp(0, 255)
    return Image.fromarray(moved.permute(1, 2, 0).numpy().astype(np.uint8))


@pytest.fixture(scope="module")
def told() -> tuple[AestheticScorer, list[Image.Image], list[Image.Image]]:
    """A scorer, two pictures, and the same moved."""
    squares = np.random.default_rng(0).integers(40, 216, (2, 8, 8, 3), dtype=np.uint8)
    drawn = [Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC) for one in squares]
    return AestheticScorer.load("mini"), drawn, [raised(one) for one in drawn]


def test_the_scorers_gradient_raises_the_score_within_a_mean_of_four(told):
    scorer, drawn, moved = told
    for before, now in zip(drawn, moved, strict=True):
        assert 0 < mean_difference(before, now) <= min(LEVELS, OLD_BOUND)
        assert scorer.score([now])[0] > scorer.score([before])[0] + 0.5


@pytest.mark.parametrize("place", ["same", "another processor", "another"])
def test_pictures_moved_along_the_scorers_gradient_are_other_pictures_everywhere(told, place):
    _, drawn, moved = told
    assert not any(are_alike(before, now, place) for before, now in zip(drawn, moved, strict=True))


def test_what_the_gradient_gained_does_not_pass_the_gate_for_what_was_drawn_again_counts(told):
    scorer, drawn, moved = told
    honest, claimed = (float(np.mean(scorer.score(pictures))) for pictures in (drawn, moved))
    gate = GateRecord(threshold=honest + 2 * CLOSE, score=claimed, scorer="mini", embedded=True)
    assert claimed > gate.threshold, "by itself the bundle would pass"
    [problem] = rescore(gate, moved, drawn, scorer).problems
    assert problem.startswith("drawn again they score")
    assert list(rescore(gate, moved, moved, scorer).problems) == []
