import json
from pathlib import Path

import numpy as np
import pytest
import torch

from eval.mini.training import optimizer
from eval.mini.training.main import contrast, main
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from kit.files.encodings import sha256_of


def test_the_loss_is_least_where_pictures_meet_their_own_texts() -> None:
    rows, scale = torch.eye(4), torch.tensor(3.0)
    right = contrast(rows, rows, torch.arange(4), scale)
    wrong = contrast(rows, rows.roll(1, 0), torch.arange(4), scale)
    assert right < wrong


def test_a_picture_is_not_pushed_away_from_its_text_said_of_another() -> None:
    pictures = torch.nn.functional.normalize(torch.tensor([[0.8, 0.6], [1.0, 0.0], [0.0, 1.0]]), dim=1)

    def pull(rows: torch.Tensor) -> float:
        """Return how strongly the first picture and the second text are drawn together."""
        texts = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)
        contrast(pictures, texts, rows, torch.tensor(2.0)).backward()
        assert texts.grad is not None
        return -float(texts.grad[1] @ pictures[0])

    assert pull(torch.tensor([5, 5, 7])) > pull(torch.tensor([5, 6, 7]))


@pytest.mark.slow
def test_all_stages_run_and_leave_folders_that_load(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizer, "PASSES", 2)
    short = ["--shards", str(shards), "--data", "12", "--steps", "2", "--batch", "4", "--out"]
    for stage in ("clip", "aesthetic"):
        main(["--stage", stage, *short, str(tmp_path / "a")])
        main(["--stage", stage, *short, str(tmp_path / "b")])
    main(["--stage", "check", "--shards", str(shards), "--out", str(tmp_path / "a")])
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "a" / "check.json").read_text("utf-8"))
    assert set(report["clip"]["zh"]) == {"place", "style", "kind", "kind_of_two", "kind_by_style"}
    assert len(report["aesthetic"]["blur"]["means"]) == 6
    assert ClipEncoder.load(tmp_path / "a" / "clip").stamp.embedded
    assert AestheticScorer.load(tmp_path / "a" / "aesthetic").metric.stamp.embedded
    for weights in ("clip/open_clip_model.safetensors", "aesthetic/model.safetensors"):
        assert sha256_of(tmp_path / "a" / weights) == sha256_of(tmp_path / "b" / weights)


@pytest.mark.slow
def test_a_finished_stage_is_not_run_again(shards: Path, tmp_path: Path) -> None:
    short = [
        "--stage",
        "aesthetic",
        "--shards",
        str(shards),
        "--data",
        "12",
        "--batch",
        "4",
        "--out",
        str(tmp_path),
    ]
    main([*short, "--steps", "1"])
    before = np.array((tmp_path / "aesthetic" / "model.safetensors").stat().st_mtime_ns)
    main([*short, "--steps", "2"])
    assert (tmp_path / "aesthetic" / "model.safetensors").stat().st_mtime_ns == before
