"""What a base is drawn with by default, told by its folder's small files alone."""

import json
from pathlib import Path

import pytest

from kit.embedded import EMBEDDED
from kit.experiment.drawing.usual import UsualDrawing, usual_drawing
from kit.models.bases.base_parts import BaseParts


def folder(place: Path, name: str, scheduler: dict[str, object] | None = None, **unet: object) -> str:
    files = {"model_index.json": {"_class_name": name}, "unet/config.json": unet}
    files["scheduler/scheduler_config.json"] = scheduler or {}
    for file, told in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(json.dumps(told))
    return str(place)


def short(usual: UsualDrawing) -> tuple[object, ...]:
    return (usual.steps, usual.size, usual.cfg, usual.sampler)


def test_kolors_and_the_embedded_base_are_as_they_were() -> None:
    assert short(usual_drawing("kolors")) == (50, 1024, 4.0, "ddim")
    assert short(usual_drawing("/nowhere/base")) == (50, 1024, 4.0, "ddim")
    assert short(usual_drawing(EMBEDDED)) == (25, 256, 4.0, "ddim")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("StableDiffusionXLPipeline", (50, 1024, 5.0, "own")),
        ("StableDiffusionPipeline", (50, 512, 7.5, "own")),
        ("StableCascadeDecoderPipeline", (20, 1024, 4.0, "own")),
        ("KolorsPipeline", (50, 1024, 4.0, "ddim")),
        ("FluxPipeline", (50, 1024, 4.0, "ddim")),
    ],
)
def test_a_class_has_its_pipelines_defaults(tmp_path: Path, name: str, told: tuple[object, ...]) -> None:
    assert short(usual_drawing(folder(tmp_path, name))) == told


def test_a_unet_says_the_side_it_was_made_for(tmp_path: Path) -> None:
    assert usual_drawing(folder(tmp_path, "StableDiffusionPipeline", sample_size=96)).size == 768


def test_few_steps_are_known_by_their_files(tmp_path: Path) -> None:
    turbo = {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}
    made = folder(tmp_path / "turbo", "StableDiffusionXLPipeline", turbo, sample_size=64)
    assert short(usual_drawing(made)) == (1, 512, 1.0, "own")
    base = folder(tmp_path / "base", "StableDiffusionXLPipeline", sample_size=128)
    lcm = folder(tmp_path / "lcm", "", time_cond_proj_dim=256)
    assert short(usual_drawing(BaseParts(folder=base, unet=lcm + "/unet"))) == (4, 1024, 8.0, "lcm")
    lightning = BaseParts(folder=base, unet="/x/sdxl_lightning_8step_unet.safetensors")
    assert short(usual_drawing(lightning)) == (8, 1024, 1.0, "euler")
    assert usual_drawing(lightning).spacing == "trailing"
    assert usual_drawing(lightning).title == "SDXL-Lightning"
    assert usual_drawing(base).title == "SDXL"
