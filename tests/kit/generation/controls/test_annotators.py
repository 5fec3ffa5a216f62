"""Depth and poses by controlnet-aux, which a stand-in is here: its weights are the user's."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hostile import Evil
from PIL import Image, ImageOps

from kit.errors import WeightsError
from kit.generation.controls.annotators import annotated, annotator_identity
from tests.support.toy_controlnets import shapes


class InvertingDetector:
    """Called as controlnet-aux 0.0.10 has it: by a folder, then a picture and the shorter side asked for."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    @classmethod
    def from_pretrained(cls, folder: str) -> "InvertingDetector":
        if not any(Path(folder).iterdir()):
            raise FileNotFoundError(f"no weights in {folder}")
        for file in Path(folder).glob("*.pth"):
            torch.load(file)  # as it reads them
        return cls(folder)

    def __call__(
        self, input_image: Image.Image, detect_resolution: int = 512, image_resolution: int = 512
    ) -> Image.Image:
        side = round(image_resolution / 64) * 64  # as it rounds
        return ImageOps.invert(input_image).resize((side, side))


@pytest.fixture
def stand_in(monkeypatch):
    module = ModuleType("controlnet_aux")
    module.MidasDetector = module.OpenposeDetector = InvertingDetector
    monkeypatch.setitem(sys.modules, "controlnet_aux", module)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("kind", ["depth", "pose"])
def test_an_annotator_is_asked_at_the_panels_size_and_answers_in_it(tmp_path, kind):
    (tmp_path / "weights.pt").write_bytes(b"x")
    picture = shapes(1, 96)
    found = annotated(kind, picture, tmp_path)
    assert found.size == (96, 96)
    assert found.getpixel((2, 2)) == pytest.approx(ImageOps.invert(picture).getpixel((2, 2)), abs=3)


@pytest.mark.usefixtures("stand_in")
def test_an_annotator_without_its_files_says_which_and_where_they_come_from(tmp_path):
    with pytest.raises(WeightsError, match=r"lacks body_pose_model.pth, hand_pose_model.pth, facenet.pth"):
        annotator_identity("pose", tmp_path)
    with pytest.raises(WeightsError, match=r"dpt_hybrid-midas-501f0c75.pt; put the files of lllyasviel/Anno"):
        annotator_identity("depth", tmp_path)
    with pytest.raises(WeightsError, match=r"the annotator cannot be used: no weights in"):
        annotated("depth", shapes(1), tmp_path)


@pytest.mark.usefixtures("stand_in")
def test_pickled_annotators_run_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "body_pose_model.pth")
    with pytest.raises(WeightsError, match="the annotator cannot be used: "):
        annotated("pose", shapes(1), tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_without_controlnet_aux_a_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "controlnet_aux", None)
    with pytest.raises(
        WeightsError, match=r'^kind = "depth" needs controlnet-aux: pip install controlnet-aux$'
    ):
        annotated("depth", shapes(1), tmp_path)
