from pathlib import Path

import numpy as np
import pytest
import torch
from paths import ROOT

from kit.dataset.captioning.scenes.network import CELLS, SceneLogits
from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, UNSEEN
from kit.mini.training.captioner import learning
from kit.mini.training.captioner.learning import (
    CaptionerTraining,
    Truth,
    captioner_loss,
    train_captioner,
    varied,
)
from kit.mini.training.captioner.renders import COVER, Renders, labelled
from kit.mini.training.shards import training_scene

ENCODER = ROOT / "eval" / "mini" / "weights" / "clip" / "open_clip_model.safetensors"
SHORT = CaptionerTraining(steps=4, batch=3)


@pytest.fixture(scope="module")
def renders() -> Renders:
    drawn = [labelled(training_scene("flat", 800_000 + number)) for number in range(5)]
    return Renders(
        pictures=np.stack([one.picture for one in drawn]),
        cover=np.stack([one.cover for one in drawn]),
        scene=np.array([one.scene for one in drawn]),
        figures=np.array([one.figures for one in drawn]),
    )


def test_a_training_that_was_stopped_ends_in_the_same_bytes(
    tmp_path: Path, renders: Renders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "KEEP_STEPS", 2)
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    train_captioner(renders, ENCODER, tmp_path / "whole", SHORT)
    loss = learning.captioner_loss
    left = iter([loss, loss, loss])  # the fourth step never comes
    monkeypatch.setattr(learning, "captioner_loss", lambda *given: next(left)(*given))
    with pytest.raises(StopIteration):
        train_captioner(renders, ENCODER, tmp_path / "stopped", SHORT)
    monkeypatch.setattr(learning, "captioner_loss", loss)
    train_captioner(renders, ENCODER, tmp_path / "stopped", SHORT)
    whole, stopped = (torch.load(tmp_path / name / "captioner.pt") for name in ("whole", "stopped"))
    torch.testing.assert_close(whole, stopped, rtol=0, atol=0)


def test_what_no_picture_shows_teaches_nothing() -> None:
    answers = SceneLogits(
        torch.randn(2, sum(map(len, SCENE.values())), requires_grad=True),
        torch.randn(2, 2, sum(map(len, FIGURE.values())), requires_grad=True),
        torch.randn(2, 2, 4, CELLS * CELLS, requires_grad=True),
    )
    truth = Truth(
        torch.full((2, len(SCENE)), UNSEEN),
        torch.full((2, 2, len(FIGURE)), UNSEEN),
        torch.zeros(2, 2, COVER, COVER),
    )
    loss = captioner_loss(answers, truth, SHORT)
    assert loss.item() == 0.0
    loss.backward()
    assert not any(bool(part.grad.any()) for part in answers if part.grad is not None)


def test_looking_at_the_figure_costs_less_than_looking_beside_it() -> None:
    cover = torch.zeros(1, 2, COVER, COVER)
    cover[:, 0, :, :8] = 1.0
    at = torch.full((1, 2, 4, CELLS, CELLS), -9.0)
    at[..., :6] = 9.0
    truth = Truth(torch.full((1, len(SCENE)), UNSEEN), torch.full((1, 2, len(FIGURE)), UNSEEN), cover)
    rest = (torch.zeros(1, sum(map(len, SCENE.values()))), torch.zeros(1, 2, sum(map(len, FIGURE.values()))))
    there, beside = (
        captioner_loss(SceneLogits(*rest, look.flatten(3)), truth, SHORT) for look in (at, at.flip(4))
    )
    assert there < beside


def test_variations_follow_from_the_dice_alone() -> None:
    pictures = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    first, again, other = (varied(pictures, 0.4, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
