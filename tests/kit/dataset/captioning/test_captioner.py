from pathlib import Path

import pytest
from toy_captioners import write_blip
from toy_taggers import deepdanbooru_state, wd_folder

from kit.dataset.captioning.captioner import TAGGERS, CaptionerChoice, open_captioner
from kit.dataset.captioning.choices import CaptionerName
from kit.errors import InputError


def test_a_tagger_counts_from_its_makers_threshold_unless_told_another(tmp_path: Path) -> None:
    for name, usual in TAGGERS.items():
        assert CaptionerChoice(name=name, weights=tmp_path).tag_threshold == usual
        told = CaptionerChoice(name=name, weights=tmp_path, threshold=0.0)
        told.check()
        assert told.tag_threshold == 0.0
        assert told.notes["threshold"] == 0.0


def test_every_name_opens_what_it_says(tmp_path: Path) -> None:
    import torch

    pytest.importorskip("onnxruntime")
    torch.save(deepdanbooru_state(("1girl", "solo")), tmp_path / "port.pt")
    weights: dict[CaptionerName, Path | None] = {
        "mini": None,
        "wd14": wd_folder(tmp_path / "wd", [0.0] * 6),
        "deepdanbooru": tmp_path / "port.pt",
        "blip": write_blip(tmp_path / "blip"),
    }
    opened = {
        name: open_captioner(CaptionerChoice(name=name, weights=path), "cpu")
        for name, path in weights.items()
    }
    names = {name: type(one).__name__ for name, one in opened.items()}
    assert names == {
        "mini": "SceneCaptioner",
        "wd14": "WdTagger",
        "deepdanbooru": "DeepDanbooru",
        "blip": "SentenceCaptioner",
    }


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(tmp_path: Path, threshold: float) -> None:
    with pytest.raises(InputError, match="must be a probability from 0 to 1"):
        CaptionerChoice(name="wd14", weights=tmp_path, threshold=threshold).check()
